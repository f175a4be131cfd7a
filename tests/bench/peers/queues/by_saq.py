"""SAQ: a job per number, its key the number's."""

from importlib import import_module
from typing import Any

import uvloop

from tests.bench.peers.queues.ending import AT_ONCE, begin, given_work, open_ending

saq: Any = import_module("saq")
queues: Any = import_module("saq.queue.redis")


async def main() -> None:
    work = given_work()
    queue = queues.RedisQueue.from_url(work.redis_url)
    await queue.connect()
    for ref in work.refs:
        await queue.enqueue("end_number", ref=ref, key=ref, ttl=-1)
    await begin()
    async with open_ending(work) as ending:

        async def end_number(_: dict[str, Any], *, ref: str) -> None:
            await ending.end(ref)

        functions = [("end_number", end_number)]
        await saq.Worker(queue, functions=functions, concurrency=AT_ONCE).start()


if __name__ == "__main__":
    uvloop.run(main())
