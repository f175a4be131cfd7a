"""Whether a provider's balance agrees with what it took and gave back by our books.

    balance + taken - given back  =  what was paid in

The right side only changes when somebody pays in, or when the provider keeps what it should not.
It is never known to the cent: calls are under way while the balance is read, and prices below a
minor unit are rounded up in our books. So it is kept as bounds, and each reading makes them
tighter. Money is missing only where the bounds of two readings do not meet.

Only numbers whose cost is known can be counted. Others say nothing while they live or are kept;
given back they cost nothing, whatever they cost.

Of a long rental the cost may be known, but no provider tells what a prolongation cost, or how much
came back: each of these counts as a number of unknown cost, kept from its instant on.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSums:
    """Our books about one provider, at one instant, over what was rented in some span."""

    bought_minor: int = 0  #: The cost of all of it.
    back_minor: int = 0  #: Of those that were given back.
    undecided_minor: int = 0  #: Of those that may have been given back without our knowing.
    pending_minor: int = 0  #: What purchases that are under way may cost.
    loose: int = 0  #: Numbers that may still be given back; each may be rounded by one.
    rest: int = 0  #: Numbers whose price is kept for good, and rentals; each may be rounded by one.
    unpriced_live: int = 0  #: Of unknown cost and not at rest: numbers, open orders of rentals.
    unpriced_kept: int = 0  #: Of unknown cost: numbers that were not given back, rentals.


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceBounds:
    """What was paid in lies between these, according to all readings so far."""

    low_minor: int
    high_minor: int
    rest: int
    unpriced_live: int
    unpriced_kept: int

    def without(self, older: ProviderSums, newer: ProviderSums) -> "BalanceBounds":
        """The same over a later span: what only *older* counts is at rest, and a constant."""
        constant = (older.bought_minor - newer.bought_minor) - (older.back_minor - newer.back_minor)
        return replace(
            self,
            low_minor=self.low_minor - constant,
            high_minor=self.high_minor - constant,
            rest=newer.rest,
            unpriced_live=newer.unpriced_live,
            unpriced_kept=newer.unpriced_kept,
        )


class BalanceCheck(NamedTuple):
    bounds: BalanceBounds  #: To hold the next reading against.
    difference_minor: (
        int  #: Below zero: missing. Above: paid in, or given back without our knowing.
    )
    proven: bool  #: Whether two readings could be compared at all.


def check_balance(
    last: BalanceBounds | None, balance_minor: int, before: ProviderSums, after: ProviderSums
) -> BalanceCheck:
    """Hold a balance, read between *before* and *after*, against all readings up to *last*."""
    now = _bounds(balance_minor, before, after)
    if last is None or not _comparable(last, now, before):
        return BalanceCheck(now, 0, proven=False)
    rounded = max(0, now.rest - last.rest)
    if now.high_minor < last.low_minor:
        return BalanceCheck(now, now.high_minor - last.low_minor, proven=True)
    if now.low_minor > last.high_minor + rounded:
        return BalanceCheck(now, now.low_minor - last.high_minor - rounded, proven=True)
    tighter = replace(
        now,
        low_minor=max(now.low_minor, last.low_minor),
        high_minor=min(now.high_minor, last.high_minor + rounded),
    )
    return BalanceCheck(tighter, 0, proven=True)


def _bounds(balance_minor: int, before: ProviderSums, after: ProviderSums) -> BalanceBounds:
    """Whatever happened between the two sums may have happened before the balance, or after."""
    low = before.bought_minor - after.back_minor - after.undecided_minor - after.loose
    high = after.bought_minor + after.pending_minor - before.back_minor
    return BalanceBounds(
        low_minor=balance_minor + low,
        high_minor=balance_minor + high,
        rest=after.rest,
        unpriced_live=max(before.unpriced_live, after.unpriced_live),
        unpriced_kept=after.unpriced_kept,
    )


def _comparable(last: BalanceBounds, now: BalanceBounds, before: ProviderSums) -> bool:
    quiet = last.unpriced_live == now.unpriced_live == 0
    return quiet and last.unpriced_kept == before.unpriced_kept == now.unpriced_kept
