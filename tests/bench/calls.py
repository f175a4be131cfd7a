"""The API's calls: numbers handed over, read and cancelled one by one, over 64 connections.

Each kind is measured against the cheapest call there is, one that asks no store, in the same run;
and by the CPU that a call costs the daemon and PostgreSQL.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from tests.acceptance.world import PROVIDER, SHOP_TOKEN, Process, World
from tests.bench.stage import cpu_seconds, stage

CONNECTIONS: Final = 64
PRICE: Final = 100
PUT: Final = "PUT a number"
GET: Final = "GET a number"
CANCEL: Final = "POST cancel"


@dataclass(frozen=True)
class Calls:
    what: str
    per_second: float
    daemon_us: float  #: Of CPU, each.
    postgres_us: float
    of_cheapest: float  #: Its rate by the cheapest call's.


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: dict[str, Any] | None = None

    def raw(self, host: str) -> bytes:
        body = b"" if self.body is None else json.dumps(self.body).encode()
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {SHOP_TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


CHEAPEST: Final = Call("GET", "/v1/nothing")


async def measure(numbers: int) -> list[Calls]:
    # The list of all numbers is read in the background: at a shop's pace, not once a second.
    base = "AW_PROVIDERS__SIM__"
    settings = {f"{base}REQUESTS_PER_SECOND": "100000", f"{base}POLL_SECONDS": "10"}
    async with stage("calls", simulator=["--lifetime", "3000"], settings=settings) as made:
        daemon = await made.start_daemon()
        line = daemon.line("activation-worker: api")
        assert line is not None
        caller = Caller(line.split()[-1], daemon.popen.pid)
        floor = await caller.floor(numbers)  # What a start does once is over by then.
        rented = await _rented(made, daemon, numbers)
        puts = [
            Call("PUT", f"/v1/activations/{PROVIDER}/{one['id']}", _body(one)) for one in rented
        ]
        found = [await caller.measure(PUT, puts, floor)]
        ids = [json.loads(answer)["id"] for answer in caller.answers]
        reads = [Call("GET", f"/v1/activations/{id_}") for id_ in ids]
        found.append(await caller.measure(GET, reads, floor))
        presses = [Call("POST", f"/v1/activations/{id_}/cancel", {}) for id_ in ids]
        found.append(await caller.measure(CANCEL, presses, floor))
        daemon.terminate()
    return found


class Caller:
    """Makes calls over `CONNECTIONS` connections, and counts what they cost."""

    def __init__(self, url: str, daemon: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._daemon = daemon
        self.answers: list[bytes] = []

    async def floor(self, calls: int) -> float:
        """How many a second are answered that ask no store."""
        taken = await self._seconds([CHEAPEST] * calls, expected=404)
        return calls / taken

    async def measure(self, what: str, calls: Sequence[Call], floor: float) -> Calls:
        before = cpu_seconds(self._daemon), _postgres_seconds()
        taken = await self._seconds(calls, expected=0)
        after = cpu_seconds(self._daemon), _postgres_seconds()
        daemon, postgres = ((b - a) / len(calls) * 1e6 for a, b in zip(before, after, strict=True))
        return Calls(what, len(calls) / taken, daemon, postgres, len(calls) / taken / floor)

    async def _seconds(self, calls: Sequence[Call], *, expected: int) -> float:
        host = f"{self._host}:{self._port}"
        raw = [call.raw(host) for call in calls]
        started = monotonic()
        shares = [raw[start::CONNECTIONS] for start in range(CONNECTIONS)]
        answers = await asyncio.gather(*(self._over_one(share, expected) for share in shares))
        taken = monotonic() - started
        self.answers = [answer for share in answers for answer in share]
        return taken

    async def _over_one(self, calls: Sequence[bytes], expected: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        answers: list[bytes] = []
        for call in calls:
            writer.write(call)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            assert status == expected or 200 <= status < 300, head
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            answers.append(await reader.readexactly(length))
        writer.close()
        await writer.wait_closed()
        return answers


async def _rented(made: World, daemon: Process, numbers: int) -> list[dict[str, Any]]:
    async with made.shop(daemon) as shop:
        await shop.put("/v1/accounts/acme", {"currency": "USD"})
        body = {"reference": "first", "amount_minor": numbers * PRICE}
        await shop.post("/v1/accounts/acme/topups", body)
    order = {"count": numbers, "service": "timeout", "country": "0"}
    rented: list[dict[str, Any]] = (await made.provider.post("/_sim/rent", order))["numbers"]
    return rented


def _body(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "account": "acme",
        "phone": str(one["phone"]),
        "service": "timeout",
        "country": "0",
        "price_minor": PRICE,
        "window_seconds": 1200,
    }


def _postgres_seconds() -> float:
    ours = psutil.Process().children(recursive=True)
    return sum(cpu_seconds(one.pid) for one in ours if one.name() == "postgres")
