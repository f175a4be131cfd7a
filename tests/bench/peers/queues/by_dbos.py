"""DBOS: a durable workflow per number, the cancel and the credit a step each."""

import asyncio
from contextlib import AsyncExitStack
from functools import cache
from importlib import import_module
from typing import Any, Final

from tests.bench.peers.queues.ending import AT_ONCE, Ending, Work, begin, given_work, open_ending

dbos: Any = import_module("dbos")
DBOS: Any = dbos.DBOS

QUEUE: Final = "endings"


def configured(work: Work) -> None:
    DBOS(
        config={
            "name": "peer",
            "system_database_url": work.database_url,
            "console_log_level": "ERROR",
        }
    )


def main() -> None:
    work = given_work()
    stack = AsyncExitStack()  # Kept: what is opened lasts as long as the process.

    @cache
    def ending_here() -> "asyncio.Task[Ending]":
        """Opened in the event loop that DBOS runs its workflows in."""
        return asyncio.ensure_future(stack.enter_async_context(open_ending(work)))

    @DBOS.step()  # type: ignore[untyped-decorator]  # DBOS is read as Any: it lies elsewhere
    async def cancel(ref: str) -> None:
        await (await ending_here()).cancel(ref)

    @DBOS.step()  # type: ignore[untyped-decorator]  # DBOS is read as Any: it lies elsewhere
    async def credit(ref: str) -> None:
        await (await ending_here()).credit(ref)

    @DBOS.workflow()  # type: ignore[untyped-decorator]  # DBOS is read as Any: it lies elsewhere
    async def end_number(ref: str) -> None:
        await cancel(ref)
        await credit(ref)

    configured(work)
    DBOS.listen_queues(["none yet"])
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=0.1)
    for ref in work.refs:
        DBOS.enqueue_workflow(QUEUE, end_number, ref)
    DBOS.destroy()
    asyncio.run(begin())
    configured(work)
    DBOS.launch()
    asyncio.run(asyncio.Event().wait())  # Until the process is ended.


if __name__ == "__main__":
    main()
