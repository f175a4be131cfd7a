"""Which number without an activation belongs to which purchase of unknown outcome.

Service, country, cost and rental time are compared, as far as the provider gives them. The service
must be given; what else is missing is no contradiction; what is given must fit. A number given to
the wrong order would show one customer the code of another, or be cancelled while another program
with the same key waits for it. So in doubt it stays an orphan.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from worker.domain.ids import ProviderRef
from worker.ports.store.purchases import OpenPurchase

ANSWER_WITHIN: Final = timedelta(seconds=60)  #: After which an asked purchase is forgotten.
CLOCKS_DIFFER: Final = timedelta(minutes=2)  #: The provider's and ours, at the most.
ANYWHERE: Final = frozenset({"any"})  #: No country: the provider chose one.


class Orphan(Protocol):
    """A row of the list or of the history."""

    @property
    def ref(self) -> ProviderRef: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def service(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def cost_minor(self) -> int | None: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def rented_at(self) -> datetime | None: ...


AnyOrphan = TypeVar("AnyOrphan", bound=Orphan)


def matched(
    purchases: Iterable[OpenPurchase], orphans: Sequence[AnyOrphan]
) -> list[tuple[OpenPurchase, AnyOrphan]]:
    """Oldest purchase first, each with the number rented closest to it; no number twice."""
    open_, left = list(purchases), list(orphans)
    pairs = []
    while open_:
        fitting = [orphan for orphan in left if fits(open_[0], orphan)]
        certain = fitting and not _is_ambiguous(fitting, open_)
        purchase = open_.pop(0)
        if certain:
            best = min(fitting, key=lambda orphan: _distance(purchase, orphan))
            left.remove(best)
            pairs.append((purchase, best))
    return pairs


def _is_ambiguous(fitting: Sequence[Orphan], open_: Sequence[OpenPurchase]) -> bool:
    """Whether more numbers fit than purchases were lost, and no rental time tells them apart."""
    if all(orphan.rented_at is not None for orphan in fitting):
        return False
    lost = sum(any(fits(purchase, orphan) for orphan in fitting) for purchase in open_)
    return len(fitting) > lost


def fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    return (
        orphan.service == purchase.service
        and _country_fits(purchase, orphan)
        and _cost_fits(purchase, orphan)
        and _time_fits(purchase, orphan)
    )


def _country_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    wanted = purchase.country.casefold()
    return orphan.country is None or wanted in ANYWHERE or orphan.country.casefold() == wanted


def _cost_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    if orphan.cost_minor is None or purchase.max_cost_minor is None:
        return True
    return orphan.cost_minor <= purchase.max_cost_minor


def _time_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    if orphan.rented_at is None:
        return True
    after = orphan.rented_at - purchase.asked_at
    return -CLOCKS_DIFFER <= after <= ANSWER_WITHIN + CLOCKS_DIFFER


def _distance(purchase: OpenPurchase, orphan: Orphan) -> timedelta:
    if orphan.rented_at is None:
        return timedelta(0)  # All are alike then; the first in the list is the oldest.
    return abs(orphan.rented_at - purchase.asked_at)
