"""Giving a rental back before its end: a renewal, the whole of it, or what was not used."""

from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from worker.domain.policy import decision, orders
from worker.domain.policy.deadlines import credit_by, review_by
from worker.domain.policy.facts import OrderFacts
from worker.domain.policy.language.choices import EarlyEnd, LateCancel, SmsSeen
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import cancel_over_limit
from worker.domain.policy.orders import OrderCase, OrderCheck
from worker.domain.policy.sums import Asked, Sum, unused_time
from worker.domain.policy.vocabulary import Destination, Outcome, Reason


def cancel_rental(case: OrderCase) -> decision.Decision:
    return decision.first_answer(_CHECKS, case)


class EarlyEnding(NamedTuple):
    """A rental that its customer ends early, by Cancel or by a letter."""

    profile: Profile
    order: OrderFacts
    stopped_at: datetime
    review_by: datetime | None
    credit_by: datetime | None
    first_refund_from: datetime | None = None
    no_right: Reason | None = None  #: Why it could not be given back at its whole price.


def end_early(ending: EarlyEnding) -> decision.Decision:
    """What an early end gives, where no right to the whole price holds."""
    asked = Asked(ending.profile, ending.order, first_refund_from=ending.first_refund_from)
    unused = unused_time(asked, ending.stopped_at)
    match ending.profile.rental.early_end:
        case EarlyEnd.DENY if ending.order.due_to_problem:
            return _proposed(ending, Reason.DEACTIVATION_DUE_TO_PROBLEM, unused.minor)
        case EarlyEnd.DENY:
            return decision.deny(ending.no_right or Reason.EARLY_DEACTIVATION)
        case EarlyEnd.UNUSED:
            return _credit_unused(ending, unused)
        case EarlyEnd.REVIEW:
            return _proposed(ending, Reason.JUDGE_REQUEST, unused.minor)
        case None:
            denied = ending.no_right
            silent = decision.review(Reason.POLICY_SILENT)
            return silent if denied is None else decision.deny(denied)
        case _:
            assert_never(ending.profile.rental.early_end)


def _proposed(ending: EarlyEnding, reason: Reason, minor: int) -> decision.Decision:
    return decision.propose(reason, minor, Destination.BALANCE, ending.review_by)


def _credit_unused(ending: EarlyEnding, unused: Sum) -> decision.Decision:
    if not unused.computed:
        return decision.review(Reason.CAUSE_UNKNOWN, ending.review_by)
    fee = ending.profile.rental.fee_minor
    net = unused.minor - fee
    if net <= 0:
        return decision.deny(Reason.NOTHING_REFUNDABLE)
    reason, outcome = Reason.UNUSED_TIME, Outcome.PRORATED_CREDIT
    return decision.credit(reason, net, ending.credit_by, outcome, fee)


def _renewal(case: OrderCase) -> decision.Decision | None:
    """A renewal is given back once, for its own price; pressed again, nothing of it is left."""
    if not renewal_is_meant(case):
        return None
    left = _renewal_left(case)
    if (then := cancel_over_limit(case.profile, case.order, case.now, left)) is not None:
        return _over_limit(case, then, left)
    until = credit_by(case.profile, case.now)
    return decision.credit(Reason.RENEWAL_CANCELLED, left, until)


def renewal_is_meant(case: OrderCase) -> bool:
    """Whether a press gives back the renewal alone, as far as no limit stands before it."""
    return _renewal_left(case) > 0 and _renewal_may_go_back(case)


def _renewal_left(case: OrderCase) -> int:
    return case.order.renewal_price_minor - case.order.renewal_credited_minor


def _renewal_may_go_back(case: OrderCase) -> bool:
    rules, renewed_at = case.profile.renewal, case.order.renewed_at
    if rules.refund_window_s is None or renewed_at is None:
        return False
    if not renewed_at <= case.now <= renewed_at + timedelta(seconds=rules.refund_window_s):
        return False
    sms_at = _sms_at(case.order, rules.unless)
    return sms_at is None or sms_at < renewed_at


def _give_back(case: OrderCase) -> decision.Decision | None:
    """The right to give a rental back at its whole price; without it, the early end decides."""
    if not case.profile.rental.may_be_given_back or _no_right(case) is not None:
        return None
    return decision.first_answer(_GIVE_BACK_CHECKS, case)


def _no_right(case: OrderCase) -> Reason | None:
    rules = case.profile.rental
    if not rules.may_be_given_back:
        return None
    if _sms_at(case.order, rules.given_back_unless) is not None:
        displayed = rules.given_back_unless is SmsSeen.DISPLAYED
        return Reason.CODE_DISPLAYED if displayed else Reason.SMS_RECEIVED
    until = rules.cancel_until_s
    late = until is not None and case.now > case.order.purchased_at + timedelta(seconds=until)
    return Reason.CANCEL_WINDOW_OVER if late or case.rental_over else None


def _sms_at(order: OrderFacts, seen: SmsSeen | None) -> datetime | None:
    """When the SMS came as far as that."""
    match seen:
        case None:
            return None
        case SmsSeen.DISPLAYED:
            return order.sms_displayed_at
        case SmsSeen.RECEIVED:
            return order.arrived_at
        case _:
            assert_never(seen)


def _too_early(case: OrderCase) -> decision.Decision | None:
    from_ = case.order.purchased_at + timedelta(seconds=case.profile.rental.cancel_from_s)
    return decision.wait(Reason.SMS_WINDOW_OPEN, from_) if case.now < from_ else None


def _too_often(case: OrderCase) -> decision.Decision | None:
    left = case.order.left_minor
    then = cancel_over_limit(case.profile, case.order, case.now, left)
    return None if then is None else _over_limit(case, then, left)


def _over_limit(case: OrderCase, then: LateCancel, minor: int) -> decision.Decision:
    match then:
        case LateCancel.WAIT:
            return decision.first_answer(orders.RENTAL_END_CHECKS, case)
        case LateCancel.CLOSE:
            return orders.close_only(case)
        case LateCancel.DENY:
            return decision.deny(Reason.CANCEL_LIMIT)
        case LateCancel.REVIEW:
            until = review_by(case.profile, case.now)
            return decision.propose(Reason.CANCEL_LIMIT, minor, Destination.BALANCE, until)
        case _:
            assert_never(then)


def _credit_price(case: OrderCase) -> decision.Decision:
    until = credit_by(case.profile, case.now)
    return decision.credit(Reason.CANCELLED_BEFORE_SMS, case.order.left_minor, until)


def _end(case: OrderCase) -> decision.Decision:
    return end_early(
        EarlyEnding(
            case.profile,
            case.order,
            stopped_at=case.now,
            review_by=review_by(case.profile, case.now),
            credit_by=credit_by(case.profile, case.now),
            no_right=_no_right(case),
        )
    )


_GIVE_BACK_CHECKS: tuple[OrderCheck, ...] = (_too_early, _too_often, orders.held, _credit_price)
_CHECKS: tuple[OrderCheck, ...] = (
    orders.version,
    orders.replaced,
    orders.settled,
    orders.barred,
    _renewal,
    _give_back,
    _end,
)
