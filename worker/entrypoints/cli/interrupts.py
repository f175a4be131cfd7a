"""Ctrl-C: a command stops, and says what goes on by itself."""

import asyncio
import contextlib
from collections.abc import Iterator

from worker.entrypoints.cli.output import say

GO_ON = "stopped following; the daemon goes on by itself"


@contextlib.contextmanager
def when_interrupted(message: str) -> Iterator[None]:
    """Says *message* where the work of the block is cancelled: asyncio does that at Ctrl-C."""
    try:
        yield
    except asyncio.CancelledError:
        say(message)
        raise
