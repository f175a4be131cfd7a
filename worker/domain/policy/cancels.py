"""The press of Cancel on a one-time number, asked before the provider is called.

The order of the checks is part of the contract: the first one that answers decides.
"""

from datetime import datetime, timedelta
from typing import assert_never

from worker.domain.policy import decision, orders
from worker.domain.policy.deadlines import credit_by
from worker.domain.policy.facts import OrderFacts
from worker.domain.policy.language.choices import LateCancel
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import cancel_over_limit
from worker.domain.policy.orders import OrderCase, OrderCheck
from worker.domain.policy.rentals import cancel_rental
from worker.domain.policy.vocabulary import Reason


def cancel(profile: Profile, order: OrderFacts, now: datetime) -> decision.Decision:
    case = orders.case_of(profile, order, now)
    return cancel_rental(case) if order.is_rental else decision.first_answer(_CHECKS, case)


def _code_displayed(case: OrderCase) -> decision.Decision | None:
    shown = case.order.sms_displayed_at is not None
    return decision.deny(Reason.CODE_DISPLAYED) if shown else None


def _as_window(case: OrderCase) -> decision.Decision:
    return decision.first_answer(orders.WINDOW_CHECKS, case)


def _no_button(case: OrderCase) -> decision.Decision | None:
    """Without a button a press changes nothing: the window decides."""
    return None if case.profile.cancel_offered else _as_window(case)


def _too_early(case: OrderCase) -> decision.Decision | None:
    from_ = case.order.purchased_at + timedelta(seconds=case.profile.cancel.from_s)
    return decision.wait(Reason.SMS_WINDOW_OPEN, from_) if case.now < from_ else None


def _too_late(case: OrderCase) -> decision.Decision | None:
    seconds = case.profile.cancel.until_s
    if seconds is None or case.now <= case.order.purchased_at + timedelta(seconds=seconds):
        return None
    return _instead(case, case.profile.cancel.late, Reason.CANCEL_WINDOW_OVER)


def _closes_only(case: OrderCase) -> decision.Decision | None:
    return None if case.profile.cancel_credits else orders.close_only(case)


def _over_limit(case: OrderCase) -> decision.Decision | None:
    then = cancel_over_limit(case.profile, case.order, case.now, case.order.left_minor)
    return None if then is None else _instead(case, then, Reason.CANCEL_LIMIT)


def _instead(case: OrderCase, then: LateCancel, reason: Reason) -> decision.Decision:
    """What a press gets that does not credit."""
    match then:
        case LateCancel.WAIT:
            return _as_window(case)
        case LateCancel.CLOSE:
            return orders.close_only(case)
        case LateCancel.DENY:
            return decision.deny(reason)
        case LateCancel.REVIEW:
            return orders.left_to_review(case, reason)
        case _:
            assert_never(then)


def _credit(case: OrderCase) -> decision.Decision:
    until = credit_by(case.profile, case.now)
    return decision.credit(Reason.CANCELLED_BEFORE_SMS, case.order.left_minor, until)


_CHECKS: tuple[OrderCheck, ...] = (
    orders.version,
    orders.replaced,
    orders.settled,
    orders.displayed_late,
    _code_displayed,
    orders.barred,
    orders.undisplayed,
    _no_button,
    _too_early,
    _too_late,
    _closes_only,
    _over_limit,
    orders.held,
    _credit,
)
