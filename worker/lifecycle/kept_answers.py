"""What a provider answered is stored, whether whoever asked goes on waiting or not."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from worker.ports.errors import StoreUnavailable

T = TypeVar("T")

PATIENCE: Final = timedelta(seconds=10)  #: Of who asked.
CLOSED_WITHIN: Final = timedelta(seconds=5)  #: What is not stored by then is lost with the process.


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """Of one process. Who stores one reports it where that fails for good."""

    _storing: "set[asyncio.Future[Any]]" = field(default_factory=set)

    def keep(self, storing: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        keeping = asyncio.ensure_future(storing)
        self._storing.add(keeping)
        keeping.add_done_callback(self._forget)
        return keeping

    async def kept(self, storing: Coroutine[Any, Any, T], what: str) -> T:
        """Raises `StoreUnavailable`, with *what*, where it takes longer than `PATIENCE`."""
        keeping = self.keep(storing)
        done, _ = await asyncio.wait((keeping,), timeout=PATIENCE.total_seconds())
        if not done:
            raise StoreUnavailable(what)
        return keeping.result()

    async def close(self) -> None:
        """Wait for what is still to be stored, as long as a process may take to end."""
        if self._storing:
            await asyncio.wait(set(self._storing), timeout=CLOSED_WITHIN.total_seconds())

    def _forget(self, keeping: "asyncio.Future[Any]") -> None:
        self._storing.discard(keeping)
        if not keeping.cancelled():
            keeping.exception()  # Reported already; asyncio would quote it in full.
