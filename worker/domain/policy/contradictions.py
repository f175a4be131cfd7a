"""Checks that the values of a policy do not contradict each other."""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.policy.profile import (
    PayoutFee,
    PayoutRoute,
    Profile,
    WithdrawalMode,
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    field: str  #: As it stands in the policy file.
    problem: str


def contradiction(profile: Profile) -> Contradiction | None:
    """The first contradiction, or None."""
    return next(_contradictions(profile), None)


def _contradictions(profile: Profile) -> Iterator[Contradiction]:
    yield from _in_claims(profile)
    yield from _in_money_out(profile)
    yield from _in_times(profile)


def _in_claims(p: Profile) -> Iterator[Contradiction]:
    windowed = p.general_window_days is not None
    grounds = p.balance_grounds | p.client_grounds
    record = p.from_log | p.with_evidence
    if (windowed, bool(grounds), bool(record)).count(True) > 1:
        yield Contradiction(
            "claims",
            "general_window_days, balance_grounds/client_grounds and from_log/with_evidence are"
            " three different ways to decide claims: use one",
        )
    if p.window_days and not windowed:
        yield Contradiction("claims.window_days", "needs general_window_days")
    if p.with_evidence and not p.from_log:
        yield Contradiction("claims.with_evidence", "needs from_log")
    if twice := (p.balance_grounds & p.client_grounds) | (p.from_log & p.with_evidence):
        yield Contradiction("claims", "listed twice: " + _listed(twice))
    if barred := p.exclude & (grounds | record):
        yield Contradiction("claims.exclude", "also granted: " + _listed(barred))
    if p.replacement_first - p.client_grounds:
        yield Contradiction("claims.replacement_first", "must be among client_grounds")
    if p.replacement_offered and p.rectify_s is None:
        yield Contradiction("rectify.replacement_offered", "needs rectify.seconds")


def _in_money_out(p: Profile) -> Iterator[Contradiction]:
    needs_steps = (
        p.withdrawal_mode is WithdrawalMode.FEE or p.payout_fee is PayoutFee.BY_DEPOSIT_AGE
    )
    if needs_steps and not p.fee_steps:
        yield Contradiction("withdrawal.fee_steps", "is needed for a fee by the age of the deposit")
    if p.withdrawal_mode is WithdrawalMode.UNUSED_TOPUPS and p.topup_max_age_days is None:
        yield Contradiction("withdrawal.topup_max_age_days", "is needed for unused_topups")
    if p.payout_fee is not None and p.payout_route not in {
        PayoutRoute.METHOD_OF_PAYMENT,
        PayoutRoute.WALLET,
    }:
        yield Contradiction("payout.fee", "needs a route on which money leaves with a fee")
    if p.client_grounds and p.payout_route is not PayoutRoute.CLIENT:
        yield Contradiction("claims.client_grounds", 'needs payout.route = "client"')
    if p.refund_extendable and p.refund_days is None:
        yield Contradiction("processing.extendable", "needs refund_days")


def _in_times(p: Profile) -> Iterator[Contradiction]:
    if p.min_cancel_age_s > p.sms_window_s:
        yield Contradiction("sms.min_cancel_age_s", "is longer than the window")
    if p.cancel_button is False and p.min_cancel_age_s:
        yield Contradiction("sms.min_cancel_age_s", "needs a Cancel button")
    if p.honour_days is not None and p.honour_days < (p.general_window_days or 0):
        yield Contradiction("claims.honour_days", "is over before claims are")
    if p.refund_cap_months is not None and p.outage_threshold_s is None:
        yield Contradiction("outage.refund_cap_months", "needs threshold_s")


def _listed(kinds: frozenset[object]) -> str:
    return ", ".join(sorted(str(getattr(kind, "value", kind)) for kind in kinds))
