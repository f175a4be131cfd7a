"""Changes at the running daemon as they happen: of one activation, or all outgoing events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from worker.domain.activation import FINAL, State
from worker.entrypoints.cli.client import Daemon, Document, path_of

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

#: The daemon answers at a change; without one, the next call comes after so long.
WAIT_SECONDS = 2
TAIL_EVERY_SECONDS = 1.0
_PAUSE_SECONDS = 0.2  # where a daemon answers at once though nothing has changed
_FIRST = 10  # events shown at the start, for context
_CONTEXT = 200  # events read at the start, so that old events are not taken for new ones
_KNOWN_IN_A_ROW = 20  # so many known events in a row: older events are known, too
_EVENTS_MAX = 5_000  # read at one time
_SEEN_MAX = 20_000

#: Nothing more happens to the customer; in review, a person has to decide.
ENDED = frozenset({state.value for state in FINAL} | {State.IN_REVIEW.value})


async def changes(
    daemon: Daemon, id_: str, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Document]:
    """The activation now and after each change, up to its end."""
    path = path_of(id_)
    seen = await daemon.get(path)
    yield seen
    while seen["state"] not in ENDED:
        current = await daemon.get(path, wait_seconds=WAIT_SECONDS)
        if current == seen:
            await sleep(_PAUSE_SECONDS)
            continue
        seen = current
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
    """New events, newest first. Transactions end out of order: one known event proves nothing."""
    unseen, known = [], 0
    async for event in daemon.pages("/v1/events", _EVENTS_MAX):
        if event["id"] not in seen:
            unseen.append(event)
            known = 0
            continue
        known += 1
        if known == _KNOWN_IN_A_ROW:
            break
    return unseen
