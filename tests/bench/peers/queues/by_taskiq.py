"""taskiq with streams of Redis: a task per number, acknowledged when it is done."""

from importlib import import_module
from typing import Any

import uvloop

from tests.bench.peers.queues.ending import AT_ONCE, begin, given_work, open_ending

taskiq_redis: Any = import_module("taskiq_redis")
receiver: Any = import_module("taskiq.api.receiver")


async def main() -> None:
    work = given_work()
    broker = taskiq_redis.RedisStreamBroker(work.redis_url)
    async with open_ending(work) as ending:

        async def end_number(ref: str) -> None:
            await ending.end(ref)

        task = broker.register_task(end_number, task_name="end_number")
        await broker.startup()
        for ref in work.refs:
            await task.kiq(ref)
        await begin()
        await receiver.run_receiver_task(broker, max_async_tasks=AT_ONCE)


if __name__ == "__main__":
    uvloop.run(main())
