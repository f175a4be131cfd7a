"""Decisions about one order: when the worker looks at it, and after silence.

The order of the checks is part of the contract: the first one that answers decides.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from worker.domain.policy import decision
from worker.domain.policy.deadlines import (
    credit_by,
    non_receiving_until,
    review_by,
    window_end_for,
)
from worker.domain.policy.facts import OrderFacts, PastEvent
from worker.domain.policy.findings import denied_by
from worker.domain.policy.language.choices import EmptyAtEnd, OverLimit, Undisplayed
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import exceeded
from worker.domain.policy.vocabulary import Destination, Outcome, PastEventKind, Product, Reason


class OrderCase(NamedTuple):
    profile: Profile
    order: OrderFacts
    now: datetime
    window_end: datetime  #: The last instant in which the SMS is in time.

    @property
    def window_over(self) -> bool:
        return self.now > self.window_end

    @property
    def rental_over(self) -> bool:
        """Whether a rental has ended; one whose end nobody told runs on."""
        end = self.order.rental_end
        return end is not None and self.now > end


OrderCheck: TypeAlias = Callable[[OrderCase], decision.Decision | None]


def order_tick(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    checks = _RENTAL_TICK_CHECKS if order.product is Product.RENTAL else _TICK_CHECKS
    return decision.first_answer(checks, case_of(profile, order, now))


def silence_tick(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_SILENCE_CHECKS, case_of(profile, order, now))


def case_of(profile: Profile, order: OrderFacts, now: datetime) -> OrderCase:
    return OrderCase(profile, order, now, order.purchased_at + profile.window)


def older_than_policy(profile: Profile, purchased_at: datetime) -> bool:
    """Orders keep the policy of their purchase; this one was not in force yet."""
    return profile.effective_from is not None and purchased_at < profile.effective_from


def undisplayed_in_time(order: OrderFacts, end: datetime) -> bool:
    """The SMS reached the number inside the window and was not displayed to the customer."""
    return (
        order.sms_displayed_at is None
        and order.sms_received_at is not None
        and order.sms_received_at <= end
    )


def restrictions_bar(profile: Profile, order: OrderFacts) -> bool:
    """The restrictions of the number were shown with the order, and ignored."""
    return profile.bars.restrictions and order.restrictions_shown and order.restrictions_ignored


def version(case: OrderCase) -> decision.Decision | None:
    old = older_than_policy(case.profile, case.order.purchased_at)
    return decision.review(Reason.POLICY_VERSION) if old else None


def replaced(case: OrderCase) -> decision.Decision | None:
    """One price, one number: nothing more is owed for the old one."""
    linked = case.order.replacement_linked_at is not None
    return decision.nothing(Reason.REPLACED) if linked else None


def settled(case: OrderCase) -> decision.Decision | None:
    order = case.order
    done = order.credited_minor + order.paid_out_minor >= order.price_minor
    return decision.nothing(Reason.ALREADY_SETTLED) if done else None


def displayed_late(case: OrderCase) -> decision.Decision | None:
    """No SMS in time means a refund, a code shown means fulfilment: only a human can decide."""
    shown_at = case.order.sms_displayed_at
    if shown_at is None or shown_at <= case.window_end:
        return None
    return left_to_review(case, Reason.LATE_SMS_DISPLAYED)


def left_to_review(case: OrderCase, reason: Reason) -> decision.Decision:
    until = review_by(case.profile, case.now)
    return decision.propose(reason, case.order.left_minor, Destination.BALANCE, until)


def barred(case: OrderCase) -> decision.Decision | None:
    if restrictions_bar(case.profile, case.order):
        return decision.deny(Reason.RESTRICTIONS_IGNORED)
    if not (flags := case.order.account_flags):
        return None
    reason = denied_by(case.profile, flags, leaves=False)
    return None if reason is None else decision.deny(reason)


def undisplayed(case: OrderCase) -> decision.Decision | None:
    if case.profile.sms.undisplayed_in_time is not Undisplayed.REVIEW:
        return None
    if not undisplayed_in_time(case.order, case.window_end):
        return None
    return left_to_review(case, Reason.SMS_NOT_DISPLAYED)


def close_only(case: OrderCase) -> decision.Decision:
    end = non_receiving_until(case.profile, case.order)
    return decision.Decision(Outcome.CANCEL_NO_CREDIT, Reason.AWAITING_CLAIM, deadline=end)


def held(case: OrderCase) -> decision.Decision | None:
    """A credit that a flag of the account sends to a human first."""
    if case.profile.sms.hold_for.isdisjoint(case.order.account_flags):
        return None
    return left_to_review(case, Reason.SUSPECTED_MISUSE)


def _activated(case: OrderCase) -> decision.Decision | None:
    return None if case.order.sms_displayed_at is None else decision.nothing(Reason.ACTIVATED)


def _window_open(case: OrderCase) -> decision.Decision | None:
    return None if case.window_over else decision.wait(Reason.SMS_WINDOW_OPEN, case.window_end)


def _on_claim(case: OrderCase) -> decision.Decision | None:
    return None if case.profile.credits_automatically else close_only(case)


def _limited(case: OrderCase) -> decision.Decision | None:
    """A limit on automatic credits; `wait` closes, because after the window nothing else comes."""
    if not case.profile.limits:
        return None
    deed = PastEvent(PastEventKind.AUTO_CREDIT, case.now, case.order.left_minor)
    then = exceeded(case.profile, case.order.history, deed)
    match then:
        case None:
            return None
        case OverLimit.REVIEW:
            return left_to_review(case, Reason.LIMIT_REACHED)
        case OverLimit.DENY:
            return decision.deny(Reason.LIMIT_REACHED)
        case OverLimit.CLOSE | OverLimit.WAIT:
            return close_only(case)


def _auto_credit(case: OrderCase) -> decision.Decision:
    # The credit arose when the window ended, however late the worker looks.
    until = credit_by(case.profile, case.window_end)
    left = case.order.left_minor
    return decision.credit(Reason.NO_SMS_IN_WINDOW, left, until, Outcome.AUTO_CREDIT)


def _rental_running(case: OrderCase) -> decision.Decision | None:
    if case.rental_over:
        return None
    return decision.wait(Reason.RENTAL_RUNNING, case.order.rental_end)


def _only_if_credited_empty(check: OrderCheck) -> OrderCheck:
    """The check as a rental makes it: when it ended empty, and the policy credits that."""
    return lambda case: check(case) if _credited_empty(case) else None


def _credited_empty(case: OrderCase) -> bool:
    promised = case.profile.rental.empty_at_end is EmptyAtEnd.AUTOMATIC
    return promised and case.order.arrived_at is None


def _messages_missing(case: OrderCase) -> decision.Decision | None:
    """No SMS on record, and not all of them are: only a human can say that none came."""
    return left_to_review(case, Reason.NO_SMS_ON_RECORD) if case.order.messages_missing else None


def _credit_empty_rental(case: OrderCase) -> decision.Decision:
    assert case.order.rental_end is not None  # `_rental_running` has answered.
    until = credit_by(case.profile, case.order.rental_end)
    left = case.order.left_minor
    return decision.credit(Reason.NO_SMS_ON_RECORD, left, until, Outcome.AUTO_CREDIT)


def _rental_over(_case: OrderCase) -> decision.Decision:
    return decision.nothing(Reason.RENTAL_OVER)


def _no_claim_window(case: OrderCase) -> decision.Decision | None:
    silent = case.profile.claims.window is None
    return decision.nothing(Reason.NO_CLAIM_WINDOW) if silent else None


def _vested_credit(case: OrderCase) -> decision.Decision | None:
    """Silence does not take away a credit that was due anyway (R-VEST)."""
    order = case.order
    if order.is_rental:
        due = case.rental_over and _credited_empty(case)
    else:
        never_shown = order.sms_displayed_at is None
        due = case.profile.credits_automatically and never_shown and case.window_over
    return order_tick(case.profile, order, case.now) if due else None


def _claimed_or_final(case: OrderCase) -> decision.Decision:
    end = window_end_for(case.profile, case.profile.claims, case.order)
    assert end is not None  # `_no_claim_window` has answered.
    claimed_at = case.order.claim_at
    if claimed_at is not None and case.order.claim_proper and claimed_at <= end:
        return decision.nothing(Reason.CLAIM_OPEN)
    if case.now <= end:
        return decision.wait(Reason.CLAIM_WINDOW_OPEN, end)
    return decision.Decision(Outcome.FINALISED, Reason.SILENCE)


#: What the end of the window decides, also where a press of Cancel leaves it to that.
WINDOW_CHECKS: tuple[OrderCheck, ...] = (_window_open, _on_claim, held, _limited, _auto_credit)
_TICK_CHECKS: tuple[OrderCheck, ...] = (
    version,
    replaced,
    settled,
    displayed_late,
    _activated,
    _window_open,
    barred,
    undisplayed,
    *WINDOW_CHECKS,
)
#: What the end of a rental decides, also where giving it back is left to that.
RENTAL_END_CHECKS: tuple[OrderCheck, ...] = (
    _rental_running,
    _only_if_credited_empty(barred),
    _only_if_credited_empty(held),
    _only_if_credited_empty(_messages_missing),
    _only_if_credited_empty(_limited),
    _only_if_credited_empty(_credit_empty_rental),
    _rental_over,
)
_RENTAL_TICK_CHECKS: tuple[OrderCheck, ...] = (version, replaced, settled, *RENTAL_END_CHECKS)
_SILENCE_CHECKS: tuple[OrderCheck, ...] = (
    version,
    replaced,
    settled,
    _no_claim_window,
    _vested_credit,
    _claimed_or_final,
)
