"""When to look at which number, and how many requests a provider may still get.

Only a doorbell: all of it can be lost and is rebuilt from the database. Raises
`ScheduleUnavailable` and nothing else.
"""

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, NewType, Protocol, TypeAlias

from worker.domain.ids import ProviderName
from worker.ports.store.activations import LiveNumber

SleepFor: TypeAlias = Callable[[float], Awaitable[None]]

RebuildToken = NewType("RebuildToken", str)


class Leased(NamedTuple):
    """A number that is ours to look at until the lease ends; `token` fences it."""

    number: LiveNumber
    token: int
    late: timedelta = timedelta(0)  #: How long ago it fell due, when it was leased.


@dataclass(frozen=True, slots=True)
class LeaseBatch:
    """What one call of the lease script gave: numbers, each paid from the rate budget."""

    numbers: Sequence[Leased]
    wait: timedelta  #: Until the next number is due or the budget allows more.


class NextLook(NamedTuple):
    """What comes after a look; `at` None takes the number off the schedule.

    One that was not looked at is handed back with the instant at which it fell due.
    """

    leased: Leased
    at: datetime | None


class Need(enum.IntEnum):
    """Who goes first where a provider's rate is not enough for all; the lower, the sooner."""

    PRESSED = 0  #: A customer pressed Cancel; also looks at numbers whose window ends now.
    DUE = 1  #: Other looks, lists, purchases and endings.
    OWED = 2  #: What nobody waits for: pursuing what was settled, reconciling.


#: A number whose window ends so soon is looked at before all others that are due.
ENDS_SOON: Final = timedelta(seconds=2)


class ProbeTurn(enum.Enum):
    """What a process does that waits for a provider to answer again."""

    ASK = "ask"  #: It asks the provider: nobody else did within the last second.
    WAIT = "wait"  #: Another process has just asked.
    BACK = "back"  #: Another process had an answer.


class ProbeTurns(Protocol):
    """Which of several processes asks a provider whether it answers again."""

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        """Whose turn it is; BACK only for an answer that came within *open_for*."""
        ...

    async def answers_again(self, provider: ProviderName) -> None:
        """Tell the other processes."""
        ...


class Schedule(ProbeTurns, Protocol):
    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        """Put numbers on the schedule; those already on it stay as they are. How many are new."""
        ...

    async def hint(self, provider: ProviderName, *numbers: LiveNumber) -> None:
        """Look at these now (pushes came)."""
        ...

    async def nap(self, provider: ProviderName, longest: timedelta, sleep: SleepFor) -> None:
        """Wait so long, or until a number has to be looked at sooner than the last lease told.

        Where that is told by nobody, the wait is short instead: by *sleep*.
        """
        ...

    async def ring(self, provider: ProviderName) -> None:
        """End the nap of one who naps; what rings for nobody ends the next nap."""
        ...

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        """Lease due numbers, oldest first, and spend one request of the budget for each.

        Where the budget is not enough for all that are due, those whose window ends within
        `ENDS_SOON` come first. One past its deadline is forgotten instead, and costs nothing.
        """
        ...

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        """Reschedule or forget; how many. A number leased again since then stays as it is."""
        ...

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        """Take up to *wanted* requests from the provider's budget; how many were granted.

        While somebody with a greater need waits for more, only a share is granted: nobody starves.
        """
        ...

    async def size(self, provider: ProviderName) -> int: ...

    async def open_size(self, provider: ProviderName) -> int:
        """The same, or nothing where no number's window is open: then none of them gets a code."""
        ...

    async def mark_list_read(self, provider: ProviderName, lasts: timedelta) -> None:
        """Tell for so long that somebody reads the provider's list; zero: that nobody does."""
        ...

    async def list_unread(self, provider: ProviderName) -> bool:
        """Whether numbers are open, and nobody tells that he reads their list."""
        ...

    async def lag(self, provider: ProviderName) -> timedelta:
        """How long ago the oldest due number should have been looked at."""
        ...

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        """The token of what is put on the schedule from now on.

        It is the same for all who rebuild it, until what they put there is lost, or is another
        schedule's.
        """
        ...

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        """Leave the marker that says: what the database knows is on the schedule.

        False, and no marker, where something that was put there with that token is lost.
        """
        ...

    async def intact(self, provider: ProviderName) -> bool:
        """Whether the marker is still there; if not, Redis was flushed: rebuild first."""
        ...
