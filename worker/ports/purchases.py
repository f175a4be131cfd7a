"""Purchases: the intent to rent, stored with its hold before the provider is asked.

An intent is asked once. Its outcome is rented, failed (certainly nothing was bought), or unknown:
then it is never repeated, and what the provider lists decides.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.desk import Order, Push
from worker.ports.store import Activation


class Began(enum.Enum):
    NEW = "new"  #: The intent and its hold are stored: ask the provider now, once.
    RENTED = "rented"
    UNKNOWN = "unknown"  #: Asked before, outcome not known (or being asked this moment).
    FAILED = "failed"
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    BALANCE_TOO_LOW = "balance_too_low"


class Begun(NamedTuple):
    how: Began
    activation: Activation | None  #: Of an earlier call.
    failure: str | None = None  #: Of an earlier call: what it failed with.


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What the provider sold, and how long it lives."""

    ref: ProviderRef
    phone: str = field(repr=False)
    cost_minor: int | None = None
    cost_currency: str | None = None
    expires_at: datetime | None = None
    expires_in: timedelta | None = None  #: The same, where it is given from the rental on.
    cancel_not_before: datetime | None = None
    ago: timedelta = timedelta(0)  #: How long ago it was sold; no host's clock comes into it.


class OpenPurchase(NamedTuple):
    """A purchase whose outcome is unknown."""

    id: ActivationId
    service: str
    country: str
    asked_at: datetime
    max_cost_minor: int | None = None


class PurchaseStore(Protocol):
    """Raises `StoreError` and nothing else."""

    async def begin_purchase(
        self, id_: ActivationId, order: Order, policy: str, policy_version: str, window: timedelta
    ) -> Begun:
        """Store the intent with its hold; of all calls for one purchase one is answered NEW."""
        ...

    async def purchase_bought(
        self, id_: ActivationId, bought: Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        """Make it an activation, or give a found one its number; the activation as it is then.

        Without that number where another activation has it, or it has got another one meanwhile.
        """
        ...

    async def purchase_failed(self, id_: ActivationId, failure: str) -> None:
        """Certainly nothing was bought: the hold goes back."""
        ...

    async def purchase_unknown(self, id_: ActivationId) -> Activation | None:
        """Nobody knows: an activation without a number, ended by its deadline if none is found."""
        ...

    async def forgotten_purchases(self, older_than: timedelta) -> list[ActivationId]:
        """Intents that were asked and never answered: their process died."""
        ...

    async def open_purchases(
        self, provider: ProviderName, *, settled_for: timedelta = timedelta(0)
    ) -> list[OpenPurchase]:
        """Activations still without a number, oldest first; settled ones asked so long ago too."""
        ...

    async def unknown_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> list[ProviderRef]:
        """Those of the refs that no activation has: orphans, in the order given."""
        ...


class PushStore(Protocol):
    async def keep_pushes(
        self, provider: ProviderName, pushes: Sequence[Push]
    ) -> list[ProviderRef]:
        """Store what is new in the inbox; the refs of it, each once."""
        ...

    async def pushed_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> set[ProviderRef]:
        """Those of the refs for which a push lies in the inbox."""
        ...
