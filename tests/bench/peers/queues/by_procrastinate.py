"""procrastinate: a job per number in PostgreSQL, gone when it is done."""

from importlib import import_module
from typing import Any

import uvloop

from tests.bench.peers.queues.ending import AT_ONCE, CONNECTIONS, begin, given_work, open_ending

procrastinate: Any = import_module("procrastinate")


async def main() -> None:
    work = given_work()
    connector = procrastinate.PsycopgConnector(conninfo=work.database_url, max_size=CONNECTIONS)
    app = procrastinate.App(connector=connector)
    async with app.open_async(), open_ending(work) as ending:

        async def end_number(ref: str) -> None:
            await ending.end(ref)

        task = app.task(end_number, name="end_number")
        await app.schema_manager.apply_schema_async()
        await task.batch_defer_async(*({"ref": ref} for ref in work.refs))
        await begin()
        await app.run_worker_async(
            concurrency=AT_ONCE, delete_jobs="successful", install_signal_handlers=False
        )


if __name__ == "__main__":
    uvloop.run(main())
