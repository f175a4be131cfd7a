"""The naive design, written well: one arq job per number, which polls and defers itself.

One shared HTTP session, no results kept, short polls of the queue, room for every job. What is
measured is the design. Arguments: Redis URL, provider URL, seconds between polls. Refs on stdin.
"""

import sys
from typing import Any

import aiohttp
import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Retry, Worker, func
from yarl import URL

POLL = 3.0
JOBS_AT_ONCE = 200


async def watch_number(ctx: dict[str, Any], ref: str) -> str:
    """Look once; no code yet: again in a while, for as long as the window runs."""
    async with ctx["http"].get(URL(ctx["prefix"] + ref, encoded=True)) as response:
        status = await response.text()
    if status == "STATUS_WAIT_CODE":
        raise Retry(defer=ctx["poll"])
    return str(status)


async def main(redis_url: str, base_url: str, poll: float) -> None:
    refs = sys.stdin.read().split()
    settings = RedisSettings.from_dsn(redis_url)
    pool = await create_pool(settings)
    for place, ref in enumerate(refs):
        # Spread over one interval, as numbers rented one after another are.
        await pool.enqueue_job("watch_number", ref, _defer_by=poll * place / len(refs))
    prefix = f"{base_url}/stubs/handler_api.php?api_key=sim-key&action=getStatus&id="
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as http:
        worker = Worker(
            [func(watch_number, name="watch_number", keep_result=0, max_tries=1_000_000)],
            redis_pool=pool,
            ctx={"http": http, "prefix": prefix, "poll": poll},
            max_jobs=JOBS_AT_ONCE,
            queue_read_limit=1000,
            poll_delay=0.1,
            keep_result=0,
            job_timeout=30,
            max_tries=1_000_000,
            handle_signals=False,
            log_results=False,
        )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await worker.async_run()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
