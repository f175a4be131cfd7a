"""Where the money of a granted claim goes, and what is withheld on the way."""

from datetime import datetime
from typing import assert_never

from worker.domain.calendar import whole_years
from worker.domain.policy.claim_checks import ClaimCase
from worker.domain.policy.decision import Decision, credit, deny, needs_evidence
from worker.domain.policy.profile import BASIS_POINTS, PayoutFee, PayoutRoute, Profile
from worker.domain.policy.vocabulary import Destination, Kyc, Outcome, PaymentMethod, Reason


def destination(case: ClaimCase) -> Destination:
    """Where this claim is paid, as far as its policy lets money leave."""
    claim = case.claim
    match case.profile.payout_route:
        case PayoutRoute.METHOD_OF_PAYMENT:
            paid_from_balance = claim.payment_method is PaymentMethod.BALANCE
            return Destination.BALANCE if paid_from_balance else Destination.ORIGINAL_METHOD
        case PayoutRoute.WALLET:
            return claim.destination if _asks(case, Destination.WALLET) else Destination.BALANCE
        case PayoutRoute.CLIENT:
            return claim.destination if _asks(case, Destination.CLIENT) else Destination.BALANCE
        case None:
            return Destination.BALANCE
        case _:
            assert_never(case.profile.payout_route)


def pay(case: ClaimCase, reason: Reason) -> Decision:
    """The price, less the fee where money leaves the platform."""
    to = destination(case)
    if to is Destination.BALANCE:
        return credit(reason, case.price, case.decide_by)
    fee = _fee(case)
    return _wallet_kyc_block(case, to) or Decision(
        Outcome.PAYOUT, reason, case.price - fee, fee, to, case.decide_by
    )


def refund_full(case: ClaimCase, reason: Reason) -> Decision:
    """The whole price: "in full" excludes any fee."""
    to = destination(case)
    return _wallet_kyc_block(case, to) or Decision(
        Outcome.REFUND_FULL, reason, case.price, 0, to, case.decide_by
    )


def kyc_block(profile: Profile, kyc: Kyc) -> Decision | None:
    """No money goes to a wallet while its legal holder is checked, or after the check failed."""
    if profile.kyc and kyc is Kyc.FAILED:
        return deny(Reason.KYC_FAILED)
    if profile.kyc and kyc is Kyc.REQUESTED:
        return needs_evidence(Reason.KYC_REQUIRED)
    return None


def _wallet_kyc_block(case: ClaimCase, to: Destination) -> Decision | None:
    return kyc_block(case.profile, case.claim.kyc) if to is Destination.WALLET else None


def deposit_age_fee(
    profile: Profile, amount_minor: int, last_deposit_at: datetime | None, asked_at: datetime
) -> int:
    """One rate on the whole sum, by the years since the last deposit; a fraction is not taken."""
    years = 0 if last_deposit_at is None else max(0, whole_years(last_deposit_at, asked_at))
    rate = max((bp for since, bp in profile.fee_steps if since <= years), default=0)
    return amount_minor * rate // BASIS_POINTS


def _fee(case: ClaimCase) -> int:
    match case.profile.payout_fee:
        case PayoutFee.DISCLOSED:
            return min(case.claim.refund_fee_minor, case.price)
        case PayoutFee.BY_DEPOSIT_AGE:
            claim = case.claim
            return deposit_age_fee(case.profile, case.price, claim.last_deposit_at, claim.claim_at)
        case None:
            return 0
        case _:
            assert_never(case.profile.payout_fee)


def _asks(case: ClaimCase, wanted: Destination) -> bool:
    return case.claim.destination is wanted
