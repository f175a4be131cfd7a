"""TextVerified takes the changes of an account one at a time: others meanwhile get a 429.

So each waits for its turn here, and a purchase for one other change at most. A 429 that comes all
the same makes changes wait, and nothing else: codes are looked for as before. Only the changes of
this process stand in line; mostly one process at a time ends the numbers of a provider, and what a
change of another one refuses is asked for again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from worker.adapters.providers.reply import Reply
from worker.adapters.providers.textverified.token import BearerTransport
from worker.adapters.providers.transport import ProviderContext
from worker.adapters.providers.wire import Endpoint
from worker.domain.ids import ProviderName
from worker.ports.errors import CircuitOpen
from worker.ports.reporter import Operation

T = TypeVar("T")

CHANGES: Final = frozenset(
    {
        Operation.RENT,
        Operation.CANCEL,
        Operation.REPORT,
        Operation.RENTAL_OPEN,
        Operation.RENTAL_PROLONG,
        Operation.RENTAL_CLOSE,
    }
)
JITTER: Final = 0.5  #: Of a pause, at most, and only longer: what waits must not come at once.
NEXT_TRY: Final = timedelta(seconds=1)  #: Of a change whose turn did not come.


class TextVerifiedTransport(BearerTransport):
    """Sends changes one after the other."""

    def __init__(
        self, name: ProviderName, endpoint: Endpoint, context: ProviderContext, **named: Any
    ) -> None:
        super().__init__(name, endpoint, context, **named)
        self._turn_within_s = context.timeout_s
        self._random = context.random
        self._one = asyncio.Lock()  #: Who has it changes something.
        self._no_purchase = asyncio.Lock()  #: Who has it may wait for the other one.
        self._changes_from = float("-inf")

    def call(
        self, operation: Operation, target: str, read: Callable[[Reply], T], **how: Any
    ) -> Awaitable[T]:
        if operation in CHANGES:
            return self._change(operation, target, read, how)
        return super().call(operation, target, read, **how)

    async def _change(
        self, operation: Operation, target: str, read: Callable[[Reply], T], how: dict[str, Any]
    ) -> T:
        async with contextlib.AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(self._turn_within_s):
                    await turn.enter_async_context(self._one_at_a_time(operation))
            except TimeoutError:
                raise CircuitOpen(self.name, retry_after=NEXT_TRY) from None
            self._raise_while_paused()
            return await super().call(operation, target, read, **how)

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, operation: Operation) -> AsyncIterator[None]:
        """A customer waits for a purchase: of all other changes one may be before it."""
        async with contextlib.AsyncExitStack() as line:
            if not operation.buys:
                await line.enter_async_context(self._no_purchase)
            await line.enter_async_context(self._one)
            yield

    def _raise_while_paused(self) -> None:
        left = self._changes_from - self.monotonic()
        if left > 0:
            raise CircuitOpen(self.name, retry_after=timedelta(seconds=left))

    def _rate_limited(self, operation: Operation, seconds: float) -> None:
        if operation not in CHANGES:
            super()._rate_limited(operation, seconds)
            return
        until = self.monotonic() + seconds * (1 + JITTER * self._random())
        self._changes_from = max(self._changes_from, until)
