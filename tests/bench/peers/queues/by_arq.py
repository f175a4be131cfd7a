"""arq: a job per number, its id the number's."""

from importlib import import_module
from typing import Any

import uvloop

from tests.bench.peers.queues.ending import AT_ONCE, begin, given_work, open_ending

arq: Any = import_module("arq")
connections: Any = import_module("arq.connections")
worker: Any = import_module("arq.worker")


async def main() -> None:
    work = given_work()
    pool = await arq.create_pool(connections.RedisSettings.from_dsn(work.redis_url))
    for ref in work.refs:
        await pool.enqueue_job("end_number", ref, _job_id=ref)
    await begin()
    async with open_ending(work) as ending:

        async def end_number(_: dict[str, Any], ref: str) -> None:
            await ending.end(ref)

        await worker.Worker(
            [worker.func(end_number, name="end_number", keep_result=0)],
            redis_pool=pool,
            max_jobs=AT_ONCE,
            queue_read_limit=1000,
            poll_delay=0.1,
            keep_result=0,
            handle_signals=False,
            log_results=False,
        ).async_run()


if __name__ == "__main__":
    uvloop.run(main())
