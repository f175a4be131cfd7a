"""streaQ: a task per number."""

from importlib import import_module
from typing import Any

import uvloop

from tests.bench.peers.queues.ending import AT_ONCE, begin, given_work, open_ending

streaq: Any = import_module("streaq")


async def main() -> None:
    work = given_work()
    worker = streaq.Worker(redis_url=work.redis_url, concurrency=AT_ONCE, handle_signals=False)
    async with open_ending(work) as ending:

        async def end_number(ref: str) -> None:
            await ending.end(ref)

        task = worker.task(ttl=0)(end_number)
        async with worker:
            await worker.enqueue_many([task.enqueue(ref) for ref in work.refs])
        await begin()
        await worker.run_async()


if __name__ == "__main__":
    uvloop.run(main())
