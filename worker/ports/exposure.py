"""Exposure: what a provider may still keep of numbers whose customers have their money back.

Most of it ends when the provider says what became of the number. What it will never say, a person
ends. Raises `StoreError` and nothing else; every call is safe to repeat.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.domain.ids import ActivationId, ProviderName, ProviderRef


class End(enum.Enum):
    """How an exposure ends."""

    RESOLVED = "resolved"  #: The provider took nothing, or gave it back.
    LOSS = "loss"  #: It keeps its price, and so did the customer.


class Why(enum.Enum):
    """What an open exposure waits for."""

    PURSUED = "pursued"  #: The provider's word: the cancel goes on, and ends it.
    DISPUTED = "disputed"  #: A person: the provider took what it had said it gave back.
    GONE = "gone"  #: Its history; a person where it has none: it does not know the number.
    LATE_CODE = "late_code"  #: The same: a code came after the cancel it had confirmed.
    PURCHASE = "purchase"  #: A person: it never said whether it sold the number.


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenExposure:
    activation_id: ActivationId
    ref: ProviderRef | None
    amount_minor: int
    currency: str
    opened_at: datetime
    why: Why


class EndedExposure(NamedTuple):
    """One that was asked about: how it ended, now or before."""

    activation_id: ActivationId
    amount_minor: int
    currency: str
    end: End
    now: bool  #: By this very call.


class ExposureStore(Protocol):
    async def exposure_by_currency(self, provider: ProviderName) -> Mapping[str, int]:
        """What is open, in minor units; different currencies cannot be added up."""
        ...

    async def open_exposures(
        self, provider: ProviderName, limit: int, *, older_than: timedelta = timedelta(0)
    ) -> list[OpenExposure]:
        """One by one, oldest first."""
        ...

    async def end_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: End, by: str
    ) -> list[EndedExposure]:
        """A person's word on those that are open; the disputes about them end with it.

        Without those that never were an exposure of this provider. One that ended before stays so.
        """
        ...
