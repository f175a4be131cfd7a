"""Durable timers: dates on which something follows by itself, however long nobody was there."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Profile
from worker.ports.store.cases import CaseOrder, DecisionMade, Timer, TimerKind


class UnseededWindow(NamedTuple):
    """A settled activation whose claim window has not been set yet."""

    id: ActivationId
    policy: str
    policy_version: str
    rented_at: datetime


class UnseededPage(NamedTuple):
    found: Sequence[UnseededWindow]
    upto: datetime  #: How far that leads.
    more: bool  #: Whether there are more after that.


class SilentActivation(NamedTuple):
    """A settled activation whose claim window is over; `claim_at` of the first proper claim."""

    id: ActivationId
    account: AccountId
    order: CaseOrder
    profile: Profile | None
    claim_at: datetime | None
    due_at: datetime  #: Of the timer: the last instant of the window.
    now: datetime


class TimerStore(Protocol):
    async def lease_timers(
        self, limit: int, kinds: Collection[TimerKind], *, now: datetime | None = None
    ) -> list[Timer]:
        """Due timers of these kinds that nobody works on, oldest first."""
        ...

    async def timers(
        self, *, overdue_only: bool, limit: int, now: datetime | None = None
    ) -> list[Timer]: ...

    async def unseeded(
        self, policies: Sequence[tuple[str, str]], limit: int, *, now: datetime | None = None
    ) -> UnseededPage:
        """Settled activations of these policies that come next."""
        ...

    async def seed(self, timers: Sequence[Timer], upto: datetime) -> None: ...

    async def end_in_silence(
        self,
        timer: Timer,
        judge: Callable[[SilentActivation], DecisionMade | None],
        *,
        now: datetime | None = None,
    ) -> bool:
        """Make an activation final that nobody complained about; None: nothing follows."""
        ...

    async def kept_policies(self) -> dict[tuple[str, str], Profile]:
        """Every version an order was ever made under."""
        ...
