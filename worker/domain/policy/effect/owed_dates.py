"""Questions about the dates of `[obligations]`: each counts where the policy comes to owe it."""

from collections.abc import Iterator
from datetime import timedelta

from worker.domain.policy.effect import axes
from worker.domain.policy.effect import operations as ask
from worker.domain.policy.effect.axes import Axis, Pair
from worker.domain.policy.vocabulary import Reason, Sla, WithdrawReason


def obligations(pair: Pair) -> Iterator[ask.Plan]:
    """The decision that comes to owe it has the date; a bare `sla_tick` shows nothing of that."""
    missing = axes.form(pair)
    asked = {"kyc": "requested", "kyc_requested_at": timedelta(0)}
    yield from ask.claims(pair, missing)
    yield from ask.claims(pair, [{}, {"evidence": ["screenshot"]} | asked])
    lacking: Axis = [
        *missing,
        {"email_matches": False},
        *({"withdraw_reason": reason.value} for reason in WithdrawReason),
    ]
    yield from ask.withdrawals(lacking)
    yield from ask.withdrawals([{}, asked], missing)


def alternative(pair: Pair) -> Iterator[ask.Plan]:
    """No decision has this date: it counts from the offer, where another method is asked for."""
    yield from ask.unable(pair)
    dates: list[Axis] = [[{"sla": Sla.ALTERNATIVE.value}], axes.moments(pair)]
    yield ask.Plan(ask.SLA, dates, after=Reason.ALTERNATIVE_REFUND_METHOD)
