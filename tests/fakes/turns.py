"""Turns of the event loop: what tests wait for instead of time."""

import asyncio
from collections.abc import Callable

#: The 30 s a test may need at most, as turns of the loop: a test that hangs says so.
TURNS_MAX = 200_000


async def give_way() -> None:
    """Let everything that is ready run once; no time passes."""
    run = asyncio.Event()
    asyncio.get_running_loop().call_soon(run.set)
    await run.wait()


async def at_rest() -> None:
    """Until nobody is ready to go on: all who are left wait for time, the wire or each other."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined] # asyncio tells no other way
    for _ in range(TURNS_MAX):
        await give_way()
        if not ready:
            return
    raise AssertionError("somebody is always ready")


async def until(come: Callable[[], bool]) -> None:
    """Give way until it has come true; who waits in vain says so."""
    for _ in range(TURNS_MAX):
        if come():
            return
        await give_way()
    raise AssertionError("it never came")
