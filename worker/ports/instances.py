"""The processes of the worker: what each leases names it, and is due at once when it is dead."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, NewType, Protocol, TypeAlias
from uuid import UUID

from worker.domain.ids import ProviderName

InstanceId = NewType("InstanceId", UUID)

#: Who this process is. None while it has not begun: then only time ends what it leases.
Holder: TypeAlias = Callable[[], InstanceId | None]


def nobody() -> InstanceId | None:
    """The holder where no process is named."""
    return None


class DeadInstance(NamedTuple):
    """A process as it was when it was found to be dead."""

    id: InstanceId
    epoch: int
    beat_at: datetime


class Instances(Protocol):
    """All of them raise `StoreUnavailable` while the database is away."""

    async def beat(self) -> bool:
        """Tell that this process lives; the first time it begins.

        False: it had been marked dead. Then it has begun as a new one, and holds nothing.
        """
        ...

    async def dead(self) -> list[DeadInstance]:
        """The others that are dead and were not marked so yet."""
        ...

    async def predecessors(self) -> list[DeadInstance]:
        """Those that ran on this host, and of which this host knows that they run no more."""
        ...

    async def dead_lately(self, within: timedelta) -> list[InstanceId]:
        """The others that were marked dead within that time, by whomever."""
        ...

    async def mark_dead(self, instance: DeadInstance) -> bool:
        """Make due what it had leased; whether it was this call that did."""
        ...

    async def free_leases(self, instance: InstanceId) -> int:
        """Make due what a dead one's last transactions kept locked then; how much that was."""
        ...


class OwnLeases(Protocol):
    async def hand_back(self) -> None:
        """Make due what this process has leased, and nobody works on.

        It asks nothing where there is nothing. Raises `StoreError`.
        """
        ...


class LeasedLooks(Protocol):
    async def free(self, provider: ProviderName, instance: InstanceId) -> int:
        """Make due now what *instance* still holds on the schedule; how many that were.

        Raises `ScheduleUnavailable`.
        """
        ...
