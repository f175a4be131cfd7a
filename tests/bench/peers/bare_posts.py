"""A bare aiohttp loop: as many posts to the same endpoint, and nothing else.

No database, no signature, no order: the ceiling that the outbox is measured against. Takes the URL,
how many posts, and how many at once; prints the seconds it took.
"""

import asyncio
import sys
import time

import aiohttp
import uvloop

BODY = b'{"type":"activation.refunded","timestamp":"2026-01-01T00:00:00.000000Z","data":{}}'


async def main(url: str, count: int, at_once: int) -> None:
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as http:
        left = iter(range(count))

        async def work() -> None:
            for _ in left:
                async with http.post(url, data=BODY) as response:
                    assert response.status == 200

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
        sys.stdout.write(f"{time.perf_counter() - started}\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
