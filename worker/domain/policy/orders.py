"""Decisions about one order: when the worker looks, at a press of Cancel, after silence.

The order of the checks is part of the contract: the first one that answers decides.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from worker.domain.policy import decision
from worker.domain.policy.deadlines import claim_window_end, credit_by, review_by
from worker.domain.policy.facts import OrderFacts
from worker.domain.policy.profile import Profile, Undisplayed
from worker.domain.policy.vocabulary import ClaimKind, Destination, Outcome, Product, Reason


class OrderCase(NamedTuple):
    profile: Profile
    order: OrderFacts
    now: datetime
    window_end: datetime  #: The last instant in which the SMS is in time.

    @property
    def window_over(self) -> bool:
        return self.now > self.window_end


OrderCheck: TypeAlias = Callable[[OrderCase], decision.Decision | None]


def order_tick(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_TICK_CHECKS, _case(profile, order, now))


def cancel(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_CANCEL_CHECKS, _case(profile, order, now))


def silence_tick(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_SILENCE_CHECKS, _case(profile, order, now))


def window_end(profile: Profile, order: OrderFacts) -> datetime:
    return order.purchased_at + profile.window


def older_than_policy(profile: Profile, order: OrderFacts) -> bool:
    """Orders keep the policy of their purchase; this one was not in force yet."""
    return profile.effective_from is not None and order.purchased_at < profile.effective_from


def undisplayed_in_time(order: OrderFacts, end: datetime) -> bool:
    """The SMS reached the number inside the window and was not displayed to the customer."""
    return (
        order.sms_displayed_at is None
        and order.sms_received_at is not None
        and order.sms_received_at <= end
    )


def _case(profile: Profile, order: OrderFacts, now: datetime) -> OrderCase:
    return OrderCase(profile, order, now, window_end(profile, order))


def _version(case: OrderCase) -> decision.Decision | None:
    return (
        decision.review(Reason.POLICY_VERSION)
        if older_than_policy(case.profile, case.order)
        else None
    )


def _settled(case: OrderCase) -> decision.Decision | None:
    return decision.nothing(Reason.ALREADY_SETTLED) if case.order.credited_minor > 0 else None


def _displayed_late(case: OrderCase) -> decision.Decision | None:
    """No SMS in time means a refund, a code shown means fulfilment: only a human can decide."""
    shown_at = case.order.sms_displayed_at
    if shown_at is None or shown_at <= case.window_end:
        return None
    return _price_to_review(case, Reason.LATE_SMS_DISPLAYED)


def _price_to_review(case: OrderCase, reason: Reason) -> decision.Decision:
    until = review_by(case.profile, case.now)
    return decision.propose(reason, case.order.price_minor, Destination.BALANCE, until)


def _activated(case: OrderCase) -> decision.Decision | None:
    return None if case.order.sms_displayed_at is None else decision.nothing(Reason.ACTIVATED)


def _code_displayed(case: OrderCase) -> decision.Decision | None:
    return None if case.order.sms_displayed_at is None else decision.deny(Reason.CODE_DISPLAYED)


def _restrictions(case: OrderCase) -> decision.Decision | None:
    ignored = case.profile.restrictions_bar and case.order.restrictions_ignored
    return decision.deny(Reason.RESTRICTIONS_IGNORED) if ignored else None


def _undisplayed(case: OrderCase) -> decision.Decision | None:
    if case.profile.undisplayed_in_time is not Undisplayed.REVIEW:
        return None
    if not undisplayed_in_time(case.order, case.window_end):
        return None
    return _price_to_review(case, Reason.SMS_NOT_DISPLAYED)


def _only_after_window(check: OrderCheck) -> OrderCheck:
    """The check as a tick makes it: only when the window is over. Cancel makes it at once."""
    return lambda case: check(case) if case.window_over else None


def _window_open(case: OrderCase) -> decision.Decision | None:
    return None if case.window_over else decision.wait(Reason.SMS_WINDOW_OPEN, case.window_end)


def _close_only(case: OrderCase) -> decision.Decision:
    end = claim_window_end(case.profile, case.order.purchased_at, ClaimKind.NON_RECEIVING)
    return decision.Decision(Outcome.CANCEL_NO_CREDIT, Reason.AWAITING_CLAIM, deadline=end)


def _on_claim(case: OrderCase) -> decision.Decision | None:
    return None if case.profile.credits_automatically else _close_only(case)


def _auto_credit(case: OrderCase) -> decision.Decision:
    # The credit arose when the window ended, however late the worker looks.
    until = credit_by(case.profile, case.window_end)
    price = case.order.price_minor
    return decision.credit(Reason.NO_SMS_IN_WINDOW, price, until, Outcome.AUTO_CREDIT)


def _switched_off_early(case: OrderCase) -> decision.Decision | None:
    if not (case.profile.early_deactivation_bars and case.order.product is Product.RENTAL):
        return None
    if case.order.due_to_problem:
        return decision.review(
            Reason.DEACTIVATION_DUE_TO_PROBLEM, review_by(case.profile, case.now)
        )
    return decision.deny(Reason.EARLY_DEACTIVATION)


def _no_button(case: OrderCase) -> decision.Decision | None:
    """Without a button a press changes nothing: the window decides."""
    return None if case.profile.cancel_offered else decision.first_answer(_WINDOW_CHECKS, case)


def _too_young(case: OrderCase) -> decision.Decision | None:
    from_ = case.order.purchased_at + timedelta(seconds=case.profile.min_cancel_age_s)
    return decision.wait(Reason.SMS_WINDOW_OPEN, from_) if case.now < from_ else None


def _cancel_closes(case: OrderCase) -> decision.Decision | None:
    return None if case.profile.cancel_credits else _close_only(case)


def _cancel_credits(case: OrderCase) -> decision.Decision:
    until = credit_by(case.profile, case.now)
    return decision.credit(Reason.CANCELLED_BEFORE_SMS, case.order.price_minor, until)


def _no_claim_window(case: OrderCase) -> decision.Decision | None:
    return (
        decision.nothing(Reason.NO_CLAIM_WINDOW)
        if case.profile.general_window_days is None
        else None
    )


def _vested_credit(case: OrderCase) -> decision.Decision | None:
    """Silence does not take away a credit that was due anyway (R-VEST)."""
    due = (
        case.profile.credits_automatically
        and case.order.sms_displayed_at is None
        and case.window_over
    )
    return _auto_credit(case) if due else None


def _claimed_or_final(case: OrderCase) -> decision.Decision:
    end = claim_window_end(case.profile, case.order.purchased_at)
    assert end is not None  # `_no_claim_window` has answered.
    claimed_at = case.order.claim_at
    if claimed_at is not None and case.order.claim_proper and claimed_at <= end:
        return decision.nothing(Reason.CLAIM_OPEN)
    if case.now <= end:
        return decision.wait(Reason.CLAIM_WINDOW_OPEN, end)
    return decision.Decision(Outcome.FINALISED, Reason.SILENCE)


_WINDOW_CHECKS: tuple[OrderCheck, ...] = (_window_open, _on_claim, _auto_credit)
_TICK_CHECKS: tuple[OrderCheck, ...] = (
    _version,
    _settled,
    _displayed_late,
    _activated,
    _only_after_window(_restrictions),
    _only_after_window(_undisplayed),
    *_WINDOW_CHECKS,
)
_CANCEL_CHECKS: tuple[OrderCheck, ...] = (
    _version,
    _settled,
    _displayed_late,
    _code_displayed,
    _restrictions,
    _undisplayed,
    _switched_off_early,
    _no_button,
    _too_young,
    _cancel_closes,
    _cancel_credits,
)
_SILENCE_CHECKS: tuple[OrderCheck, ...] = (
    _version,
    _settled,
    _no_claim_window,
    _vested_credit,
    _claimed_or_final,
)
