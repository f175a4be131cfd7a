"""What happens at the running daemon, as it happens: one activation, or everybody's events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from worker.domain.activation import FINAL, State
from worker.entrypoints.cli.client import Daemon, Document, path_of

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

#: The daemon answers at a change; what changed between two questions is seen so much later.
WAIT_SECONDS = 2
TAIL_EVERY_SECONDS = 1.0
_BREATH_SECONDS = 0.2  # where a daemon answers at once though nothing has changed
_FIRST = 10  # events shown at the start, for context
_CONTEXT = 200  # events known at the start, so that old ones are not taken for new
_BEHIND = 20  # known events in a row that prove there is nothing new behind them
_PAGES_MAX = 5_000  # events of one look
_SEEN_MAX = 20_000

#: Nothing more happens to the customer; what is in review waits for a person.
ENDED = frozenset({state.value for state in FINAL} | {State.IN_REVIEW.value})


async def changes(
    daemon: Daemon, id_: str, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Document]:
    """The activation now and after each change, up to its end."""
    path = path_of(id_)
    seen = await daemon.get(path)
    yield seen
    while seen["state"] not in ENDED:
        found = await daemon.get(path, wait_seconds=WAIT_SECONDS)
        if found == seen:
            await sleep(_BREATH_SECONDS)
            continue
        seen = found
        yield seen


async def events(daemon: Daemon, sleep: Sleep = asyncio.sleep) -> AsyncGenerator[Document, None]:
    """The last few events, then every new one, for ever."""
    known = [event async for event in daemon.pages("/v1/events", _CONTEXT)]
    seen = {event["id"]: None for event in reversed(known)}
    for event in reversed(known[:_FIRST]):
        yield event
    while True:
        await sleep(TAIL_EVERY_SECONDS)
        for event in reversed(await _unseen(daemon, seen)):
            seen[event["id"]] = None
            yield event
        for id_ in list(seen)[: len(seen) - _SEEN_MAX]:
            del seen[id_]


async def _unseen(daemon: Daemon, seen: dict[str, None]) -> list[Document]:
    """Newest first. Transactions end out of order, so one known event proves nothing."""
    found, known = [], 0
    async for event in daemon.pages("/v1/events", _PAGES_MAX):
        if event["id"] not in seen:
            found.append(event)
            known = 0
            continue
        known += 1
        if known == _BEHIND:
            break
    return found
