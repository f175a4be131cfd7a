"""What ops sees of the whole queue, and who acts for it while Redis is away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from worker.domain.ids import ProviderName


@dataclass(frozen=True, slots=True)
class Census:
    """What the gauges show; every replica reads the same, so take the maximum."""

    live: Mapping[ProviderName, int]
    overdue: int  #: Unsettled and past deadline + grace.
    oldest_overdue: timedelta
    exposure_minor: Mapping[tuple[ProviderName, str], int]
    events_pending: int
    cancel_ratio: Mapping[ProviderName, float]  #: Cancelled of all ended in the last hour.
    timers_overdue: Mapping[str, int] = field(default_factory=dict)
    canary_success: datetime | None = None  #: When the newest canary that got its code was settled.


class CensusStore(Protocol):
    async def census(self, grace: timedelta, *, now: datetime | None = None) -> Census: ...

    async def ping(self) -> None:
        """Raises `StoreUnavailable`, or `SchemaMissing` where the schema is not this version's."""
        ...

    async def lead(self, topic: str) -> bool:
        """Whether this process leads *topic* while Redis is away: one process at most does."""
        ...
