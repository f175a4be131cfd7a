"""Questions about each operation: the facts that all of them have, and the axes they vary on."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from worker.domain.calendar import DAY, MICROSECOND
from worker.domain.policy.effect import axes
from worker.domain.policy.effect.axes import HOUR, PRICE_MINOR, SECOND, Axis, Pair, Variation
from worker.domain.policy.vocabulary import Reason


class Plan(NamedTuple):
    """One product of axes, over the facts that every question of the operation has."""

    facts: Variation
    axes: list[Axis]
    after: Reason | None = None  #: Asked only where a plan before it was answered with this reason.


ORDER: Variation = {"purchased_at": timedelta(0), "price_minor": PRICE_MINOR}
TICK: Variation = {"op": "order_tick", **ORDER}
CANCEL: Variation = {"op": "cancel", **ORDER}
SILENCE: Variation = {"op": "silence_tick", **ORDER}
CLAIM: Variation = {"op": "claim", **ORDER}
RENTAL: Variation = {"product": "rental"}
OUTAGE: Variation = {
    "op": "outage_tick",
    "price_minor": PRICE_MINOR,
    "contacted_at": DAY,
    "rental_start": timedelta(0),
}
WITHDRAWAL: Variation = {
    "op": "withdrawal",
    "claim_at": timedelta(0),
    "now": timedelta(0),
    "balance_minor": PRICE_MINOR,
    "topups": [{"at": -DAY, "amount_minor": PRICE_MINOR}],
    "last_deposit_at": -DAY,
}
EVENT: Variation = {"op": "account_event", "balance_minor": PRICE_MINOR, "now": timedelta(0)}
SLA: Variation = {"op": "sla_tick", "start_at": timedelta(0), "amount_minor": PRICE_MINOR}

USED = (90 * 60 * SECOND, 2 * DAY + 5 * HOUR, 10 * DAY + 5 * HOUR)  #: Parts of a rental.
AFTER = axes.RENTED_FOR + MICROSECOND
OVER: Axis = [{"now": AFTER, "claim_at": AFTER}]


def ticks(pair: Pair, *near: Axis) -> Iterator[Plan]:
    for facts in (TICK, CANCEL):
        yield Plan(facts, [axes.moments(pair), axes.sms(pair), *near])


def rentals(pair: Pair, *near: Axis) -> Iterator[Plan]:
    ends = axes.moments(pair, *USED, AFTER)
    seen = [*axes.sms(pair)[:3], {"sms_received_at": 3 * DAY, "sms_displayed_at": 3 * DAY}]
    for facts in (CANCEL, TICK):
        yield Plan(facts | RENTAL, [ends, seen, *near])


def claims(pair: Pair, *near: Axis, kind: str | None = None) -> Iterator[Plan]:
    kinds, to = axes.kinds(pair, kind), axes.TO
    at = axes.claimed(pair)
    yield Plan(CLAIM, [at, kinds, axes.VERDICT, to, *near])


def rental_claims(pair: Pair, *near: Axis, kind: str | None = None) -> Iterator[Plan]:
    at = [*axes.claimed(pair, *USED)[2:], *OVER]
    yield Plan(CLAIM | RENTAL, [at, axes.kinds(pair, kind), axes.VERDICT, axes.TO[:3], *near])


def silences(pair: Pair) -> Iterator[Plan]:
    yield Plan(SILENCE, [axes.moments(pair), [{}, {"claim_at": HOUR}]])


def withdrawals(*near: Axis) -> Iterator[Plan]:
    yield Plan(WITHDRAWAL, [axes.VERDICT, axes.KYC, *near])


def unable(pair: Pair) -> Iterator[Plan]:
    """The method of payment cannot take the money back now."""
    yield from claims(pair, [{"evidence": ["screenshot"], "kyc": "passed"}], axes.UNABLE)
    yield from withdrawals(axes.UNABLE, axes.methods(pair))
