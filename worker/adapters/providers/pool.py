"""What an exchange with a provider needs of connections, however they are made."""

import asyncio
from collections.abc import Awaitable
from typing import Final, NamedTuple, Protocol, TypeVar

from aiohttp.http import RawResponseMessage
from yarl import URL

SWITCHING: Final = 101  #: The one announcement that no answer follows.


class Place(NamedTuple):
    """Where connections lead, and how long things may take."""

    url: URL
    most: int  #: Pool at once.
    keep_s: float  #: An unused one is kept for so long.
    wait_s: float  #: For one to become free, or for a new one to be there.
    connect_s: float  #: For a new one.


class RawAnswer(NamedTuple):
    message: RawResponseMessage
    body: bytes | None  #: None: it is longer than the cap.


class Cuttable(Protocol):
    """What can be cut, whoever waits for its answer."""

    @property
    def transport(self) -> asyncio.Transport | None: ...


C = TypeVar("C")


class Pool(Protocol[C]):
    """Pool to one place; each carries one exchange at a time."""

    async def take(self) -> C:
        """One that nobody uses. Raises what keeps it from being there."""
        ...

    def ask(self, connection: C, request: bytes, cap: int) -> Awaitable[RawAnswer]:
        """Send it once, and wait for the whole answer; raises what keeps it from coming."""
        ...

    def free(self, connection: C) -> None:
        """Its answer came."""
        ...

    def drop(self, connection: C) -> None:
        """Close it, unless it was freed."""
        ...

    async def close(self) -> None: ...
