"""Customers that press Cancel at once, each over a connection of its own.

`python customers.py HOST PORT TOKEN`, with ids on stdin: connects them all first, then all press.
Prints the status and the seconds of each as JSON; status 0 where no answer came.
"""

import asyncio
import json
import sys
import time

import uvloop

AT_ONCE = 100  #: Connections that are opened side by side.
ANSWER_SECONDS = 100.0


async def press_all(host: str, port: int, token: str, ids: list[str]) -> list[tuple[int, float]]:
    doors = asyncio.Semaphore(AT_ONCE)
    ready = asyncio.Barrier(len(ids))

    async def customer(id_: str) -> tuple[int, float]:
        async with doors:
            reader, writer = await asyncio.open_connection(host, port)
        request = (
            f"POST /v1/activations/{id_}/cancel HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await ready.wait()
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(request.encode())
                line = await reader.readline()
            return int(line.split()[1]), time.monotonic() - began
        except (OSError, TimeoutError, IndexError, ValueError):
            return 0, time.monotonic() - began
        finally:
            writer.close()

    return list(await asyncio.gather(*(customer(id_) for id_ in ids)))


def main() -> None:
    host, port, token = sys.argv[1:]
    ids = sys.stdin.read().split()
    answers = uvloop.run(press_all(host, int(port), token, ids))
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
