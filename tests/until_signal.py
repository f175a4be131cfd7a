"""Long runs of rows: SIGINT and SIGTERM end them, and what was found so far is still reported."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


async def run_until_signal(rows: Coroutine[Any, Any, None]) -> bool:
    """Whether *rows* ran to its end."""
    work = asyncio.ensure_future(rows)
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return not work.cancelled()
