"""A bare aiohttp loop: the same cancels at the same provider, and nothing else.

No database, no parsing, no retry: the ceiling that the expire pipeline is measured against.
Reads refs from stdin, one per line; prints the seconds it took.
"""

import asyncio
import sys
import time

import aiohttp
import uvloop
from yarl import URL


async def main(base_url: str, in_flight: int) -> None:
    refs = sys.stdin.read().split()
    prefix = f"{base_url}/stubs/handler_api.php?api_key=sim-key&action=setStatus&status=8&id="
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as http:
        left = list(refs)

        async def work() -> None:
            while left:
                url = URL(prefix + left.pop(), encoded=True)
                async with http.get(url) as response:
                    body = await response.read()
                    assert body == b"ACCESS_CANCEL", body

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(work())
        sys.stdout.write(f"{time.perf_counter() - started}\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
