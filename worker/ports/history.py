"""What a provider says became of numbers in the past: the other half of reconciling with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate


@dataclass(frozen=True, slots=True, kw_only=True)
class PastNumber:
    """One number of the history; None is what the provider does not tell, or not for certain."""

    ref: ProviderRef
    fate: PriceFate  #: NOT_YET: it is listed as live.
    phone: str | None = field(default=None, repr=False)
    service: str | None = None
    country: str | None = None
    cost_minor: int | None = None  #: What it cost, also where it was given back.
    currency: str | None = None
    rented_at: datetime | None = None  #: Only where the provider gives a zone with it.


class HistoryPage(NamedTuple):
    """Some of the history. Absence of a number proves nothing."""

    rows: Sequence[PastNumber]
    next: int | None  #: Where the next page begins; None where there is none.
