"""What of an order's price can be paid now (R-PART, R-CLIENT, R-MONTH), before any fee."""

from datetime import datetime
from typing import NamedTuple

from worker.domain.policy.facts import OrderFacts
from worker.domain.policy.language.profile import BASIS_POINTS, Profile
from worker.domain.policy.unused_part import RentalTime, month_sum, rounded_up, unused_part
from worker.domain.policy.vocabulary import Reason


class Sum(NamedTuple):
    """What can be paid; where that is nothing, why."""

    minor: int
    nothing_because: Reason = Reason.ALREADY_REFUNDED
    of_unused_part: bool = False
    computed: bool = True  #: False: nobody told from when to when it was rented.
    from_balance_minor: int = 0  #: Of it: what was credited before and leaves with it (R-CLIENT).


class Asked(NamedTuple):
    """About which money it is."""

    profile: Profile
    order: OrderFacts
    share_bp: int = BASIS_POINTS  #: What the kind of claim is worth.
    leaves: bool = False  #: The platform; else it goes to the balance.
    available_minor: int | None = None  #: What of the earlier credit is still there; None: all.
    first_refund_from: datetime | None = None

    @property
    def credit_there(self) -> int:
        """What of the earlier credit the money that leaves may take along (R-CLIENT)."""
        credited = self.order.credited_minor
        told = self.available_minor
        return credited if told is None else min(told, credited)

    def share_of(self, minor: int) -> int:
        return rounded_up(minor * self.share_bp, BASIS_POINTS)


def whole_price(asked: Asked) -> Sum:
    """The price, or the share of it that the kind is worth, less what was given back before."""
    order = asked.order
    worth = asked.share_of(order.price_minor)
    payable = max(0, worth - order.given_back_minor)
    return _payable(asked, worth - order.paid_out_minor, payable)


def unused_time(asked: Asked, stopped_at: datetime) -> Sum:
    """The unused part of a rental that stopped then; an SMS after that shows that it worked."""
    order, rental = asked.order, rental_time(asked.order)
    if rental is None:
        return Sum(0, Reason.CAUSE_UNKNOWN, of_unused_part=True, computed=False)
    stopped_at = last_use(order, stopped_at)
    uncapped = unused_part(asked.profile, rental, stopped_at)
    if uncapped == 0:
        return Sum(0, Reason.NUMBER_WAS_PROVIDED, of_unused_part=True)
    capped, month_left = _within_month(asked, rental, stopped_at, uncapped)
    total = _unused_sum(asked, capped, month_left)
    if total.minor:
        return total
    without_month = _unused_sum(asked, uncapped, order.left_minor)
    return (
        total._replace(nothing_because=Reason.REFUND_MONTH_USED) if without_month.minor else total
    )


def last_use(order: OrderFacts, stopped_at: datetime) -> datetime:
    arrived_at = order.arrived_at
    return stopped_at if arrived_at is None else max(stopped_at, arrived_at)


def rental_time(order: OrderFacts) -> RentalTime | None:
    start, end = order.rental_start, order.rental_end
    if not order.is_rental or start is None or end is None or start >= end:
        return None
    return RentalTime(order.price_minor, start, end)


def _within_month(
    asked: Asked, rental: RentalTime, stopped_at: datetime, uncapped: int
) -> tuple[int, int]:
    """The unused part and what may still be credited, both within the months of R-MONTH.

    A rental that stopped before it began was never provided: it is returned whole.
    """
    left = asked.order.left_minor
    ahead = month_sum(asked.profile, rental, stopped_at)
    if ahead is None or stopped_at <= rental.start:
        return uncapped, left
    month = month_sum(asked.profile, rental, asked.first_refund_from or stopped_at)
    assert month is not None  # The policy sets the limit.
    return min(uncapped, ahead), min(left, max(0, month - asked.order.given_back_minor))


def _unused_sum(asked: Asked, unused_minor: int, left_minor: int) -> Sum:
    order = asked.order
    # The same days are not paid twice; other days, as those of an outage, are another loss.
    worth = asked.share_of(unused_minor) - order.unused_returned_minor
    payable = max(0, min(worth, left_minor))
    most = min(worth, order.price_minor - order.paid_out_minor)
    return _payable(asked, most, payable)._replace(of_unused_part=True)


def _payable(asked: Asked, most_out: int, payable: int) -> Sum:
    """R-CLIENT: what leaves may take along what was credited for this order and is still there."""
    if asked.share_bp == 0:  # The policy hears this kind, and says that it is worth nothing.
        return Sum(0, Reason.NOT_COVERED)
    if not asked.leaves:
        return Sum(payable)
    if (out := min(most_out, payable + asked.credit_there)) > 0:
        return Sum(out, from_balance_minor=out - min(out, payable))
    spent = min(most_out, payable + asked.order.credited_minor) > 0
    return Sum(0, Reason.NOTHING_REFUNDABLE if spent else Reason.ALREADY_REFUNDED)
