"""Steps 7 to 9 of a claim: the sum, whether it may leave, by which way, and until when."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, assert_never

from worker.domain.policy import payouts
from worker.domain.policy.claim_case import ClaimCase
from worker.domain.policy.decision import (
    Decision,
    credit,
    deny,
    first_answer,
    propose,
    review,
)
from worker.domain.policy.facts import PastEvent
from worker.domain.policy.language.choices import OverLimit, PayoutFee, PayoutRoute, Unable
from worker.domain.policy.limits import exceeded
from worker.domain.policy.sums import Asked, Sum, unused_time, whole_price
from worker.domain.policy.vocabulary import (
    BALANCE,
    Destination,
    Outcome,
    PastEventKind,
    Reason,
)
from worker.domain.transfer import Charge


class Payment(NamedTuple):
    """What is to be paid, and for what reason."""

    case: ClaimCase
    reason: Reason
    sum: Sum
    in_full: bool  #: A missed repair: the outcome is `refund_full`, and no fee is taken.


PaymentCheck: TypeAlias = Callable[[Payment], Decision | None]


def pay(case: ClaimCase, reason: Reason, *, whole: bool = False, in_full: bool = False) -> Decision:
    """Pay by rule or after a human's yes; *whole*: also of a rental the price itself."""
    return first_answer(_CHECKS, Payment(case, reason, _sum(case, whole=whole), in_full))


def ask_human(
    case: ClaimCase, reason: Reason, *, whole: bool = False, in_full: bool = False
) -> Decision:
    """A human is asked, and shown what a yes would pay now, net, and where."""
    case = _as_it_can_be_paid(case)
    return _proposed(Payment(case, reason, _sum(case, whole=whole), in_full), reason)


def judge(
    case: ClaimCase, reason: Reason, *, asked_as: Reason | None = None, whole: bool = False
) -> Decision:
    """A human's verdict answers: what he approves is paid, what he rejects is denied."""
    match case.claim.verified:
        case None:
            return ask_human(case, asked_as or reason, whole=whole)
        case True:
            return pay(case, Reason.CLAIM_APPROVED, whole=whole)
        case False:
            return deny(Reason.CLAIM_REJECTED)


def _sum(case: ClaimCase, *, whole: bool) -> Sum:
    asked = Asked(
        case.profile,
        case.order,
        case.share_bp,
        case.leaves,
        case.claim.credit_available_minor,
        case.claim.first_refund_from,
    )
    rental = case.order.is_rental and not whole
    return unused_time(asked, case.stopped_at) if rental else whole_price(asked)


def _fee(case: ClaimCase, minor: int) -> int:
    if not case.leaves:
        return 0
    claim = case.claim
    match case.profile.payout.fee:
        case PayoutFee.DISCLOSED:
            own = claim.refund_fee_minor
        case PayoutFee.BY_DEPOSIT_AGE:
            own = payouts.deposit_age_fee(case.profile, minor, claim.last_deposit_at, case.contact)
        case None:
            own = 0
        case _:
            assert_never(case.profile.payout.fee)
    fees = own + payouts.common_fees(case.profile, minor, case.order.payment_method)
    return min(fees, minor)


def _as_it_can_be_paid(case: ClaimCase) -> ClaimCase:
    """To the balance, where the method cannot take it and the policy then credits."""
    unable = case.profile.payout.unable is Unable.BALANCE and _method_unable(case)
    return case._replace(place=Destination.BALANCE) if unable else case


def _method_unable(case: ClaimCase) -> bool:
    agreed = case.claim.alternative_method is not None
    return case.leaves and not case.claim.payment_method_refundable and not agreed


def _proposed(payment: Payment, reason: Reason) -> Decision:
    case, minor = payment.case, payment.sum.minor
    fee = 0 if payment.in_full else _fee(case, minor)
    taken = payment.sum.from_balance_minor
    return propose(reason, minor - fee, case.place, case.review_by, fee, taken)


def _unknown_sum(payment: Payment) -> Decision | None:
    """Nobody told from when to when it was rented: a human names the sum."""
    if payment.sum.computed:
        return None
    return review(Reason.CAUSE_UNKNOWN, payment.case.review_by)


def _nothing_left(payment: Payment) -> Decision | None:
    return None if payment.sum.minor else deny(payment.sum.nothing_because)


def _limited(payment: Payment) -> Decision | None:
    """Before money moves that nobody judged; a human's no to it is a no."""
    case = payment.case
    if not case.profile.limits or case.is_judged:
        return None
    kind = case.claim.kind
    deed = PastEvent(PastEventKind.CLAIM, case.now, payment.sum.minor, kind)
    match exceeded(case.profile, case.order.history, deed):
        case None:
            return None
        case OverLimit.DENY:
            return deny(Reason.LIMIT_REACHED)
        case OverLimit.REVIEW | OverLimit.CLOSE | OverLimit.WAIT:
            if case.claim.verified is False:
                return deny(Reason.CLAIM_REJECTED)
            return _proposed(payment, Reason.LIMIT_REACHED)


def _method_unknown(payment: Payment) -> Decision | None:
    """It was charged outside, goes back the way it was paid, and nobody told that way."""
    case = payment.case
    by_method = case.profile.payout.route is PayoutRoute.METHOD_OF_PAYMENT
    outside = case.claim.charge is Charge.EXTERNAL
    if not (by_method and outside and case.order.payment_method == BALANCE):
        return None
    return propose(
        Reason.PAYMENT_METHOD_UNKNOWN, payment.sum.minor, Destination.BALANCE, case.review_by
    )


def _never_refunded(payment: Payment) -> Decision | None:
    case = payment.case
    method = case.profile.payout.method(case.order.payment_method)
    barred = case.leaves and not method.refundable
    return deny(Reason.METHOD_NOT_REFUNDABLE) if barred else None


def _below_least(payment: Payment) -> Decision | None:
    case = payment.case
    least = case.profile.payout.method(case.order.payment_method).least_minor
    below = case.leaves and payment.sum.minor < least
    return deny(Reason.BELOW_LEAST_SUM) if below else None


def _unable(payment: Payment) -> Decision | None:
    case = payment.case
    if not _method_unable(case):
        return None
    match case.profile.payout.unable:
        case Unable.REVIEW:
            return _proposed(payment, Reason.ALTERNATIVE_REFUND_METHOD)
        case Unable.DENY:
            return deny(Reason.METHOD_NOT_REFUNDABLE)
        case Unable.BALANCE:
            whole = not payment.sum.of_unused_part
            stays = case._replace(place=Destination.BALANCE)
            return _to_balance(payment._replace(case=stays, sum=_sum(stays, whole=whole)))
        case _:
            assert_never(case.profile.payout.unable)


def _kyc(payment: Payment) -> Decision | None:
    case = payment.case
    if case.place is not Destination.WALLET:
        return None
    claim = case.claim
    check = payouts.KycCheck(claim.kyc, claim.kyc_requested_at, claim.answer_due_at)
    answer = payouts.kyc_answer(case.profile, check, case.now)
    overdue = answer is not None and answer.reason is Reason.KYC_OVERDUE
    return _proposed(payment, Reason.KYC_OVERDUE) if overdue else answer


def _unjudged(payment: Payment) -> Decision | None:
    """A human's yes, where money leaves and the policy or the wallet's check wants one."""
    case, profile = payment.case, payment.case.profile
    if not case.leaves or case.is_judged:
        return None
    wallet = case.place is Destination.WALLET
    if not profile.payout.judged and not payouts.wants_judge(
        profile, case.claim.kyc, wallet=wallet
    ):
        return None
    if case.claim.verified is False:
        return deny(Reason.CLAIM_REJECTED)
    return _proposed(payment, Reason.JUDGE_REQUEST)


def _pay_out(payment: Payment) -> Decision | None:
    case, minor = payment.case, payment.sum.minor
    if not case.leaves:
        return None
    fee = 0 if payment.in_full else _fee(case, minor)
    outcome = Outcome.REFUND_FULL if payment.in_full else Outcome.PAYOUT
    taken = payment.sum.from_balance_minor
    return Decision(outcome, payment.reason, minor - fee, fee, case.place, case.pay_by, taken)


def _to_balance(payment: Payment) -> Decision:
    if payment.sum.minor == 0:  # Where the method could not take it, and all was credited before.
        return deny(payment.sum.nothing_because)
    outcome = Outcome.PRORATED_CREDIT if payment.sum.of_unused_part else Outcome.CREDIT
    return credit(
        payment.reason,
        payment.sum.minor,
        payment.case.credit_by,
        Outcome.REFUND_FULL if payment.in_full else outcome,
    )


_CHECKS: tuple[PaymentCheck, ...] = (
    _unknown_sum,
    _nothing_left,
    _limited,
    _method_unknown,
    _never_refunded,
    _below_least,
    _unable,
    _kyc,
    _unjudged,
    _pay_out,
    _to_balance,
)
