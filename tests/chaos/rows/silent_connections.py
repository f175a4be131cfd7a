"""More clients than file descriptors, and they say nothing: watching and probes are unharmed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.chaos.api import Api, api_of
from tests.chaos.codes import check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Scale,
    Stage,
    books_of,
    hand_over,
    rent,
    settled,
    staged,
)

DESCRIPTORS = 1024
CLIENTS = 1_100
SILENT_MAX = 30.0
ENDS_WITHIN = SILENT_MAX + 5.0
PROBE_EVERY = 1.0
PROBE_MAX = 2.0
CONNECT_SECONDS = 3.0
LEAD = 5.0
LEFT = 4.0
COUNT = 20
#: How many must have been ended by then: what is beyond the daemon's cap waits to be accepted.
ENDED_MIN = DESCRIPTORS // 2


@dataclass
class Silent:
    """Clients that connect and say nothing."""

    connected: int = 0
    ended_after: list[float] = field(default_factory=list)  #: Seconds each was left open.


async def measure(scale: Scale) -> list[Line]:
    lasting = scale.pick(60.0, 40.0)
    async with staged("silent") as (stage, _):
        daemon = await stage.start_daemon(descriptors=DESCRIPTORS)
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            codes, refunds = await _numbers(stage, api, lasting)
            async with _silent_clients(api.url) as silent:
                probes = await _probe(api, lasting)
            await settled(api, ["acme"], 90.0)
            views = await api.views("acme")
            check = check_codes(codes, views, await books_of(stage.sim))
            late = lateness([views[number.id] for number in refunds], "refunded")[-1]
            proof = await stage.proof(api)
    answered = sum(probes)
    ended = sum(after <= ENDS_WITHIN for after in silent.ended_after)
    return [
        Line(
            f"{CLIENTS:,} silent connections at {DESCRIPTORS:,} descriptors",
            "no number ended for a minute, nothing in the log",
            f"{len(check.lost)} of {check.owed} codes lost, refunds up to {seconds(late)} late;"
            f" {answered} of {len(probes)} probes answered; {ended} of {silent.connected} silent"
            f" connections ended within {ENDS_WITHIN:.0f} s; {proof}",
            "watching, settling and probes are unharmed; silent connections end after 30 s",
            not check.lost
            and late <= AT_ONCE
            and answered == len(probes)
            and ended >= ENDED_MIN
            and proof.holds,
            {
                "lost": len(check.lost),
                "owed": check.owed,
                "refund_late_seconds": late,
                "probes": len(probes),
                "probes_answered": answered,
                "connected": silent.connected,
                "ended_in_time": ended,
            },
        )
    ]


async def _numbers(stage: Stage, api: Api, lasting: float) -> tuple[list[Number], list[Number]]:
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(COUNT):
        after = LEAD + (lasting - LEAD - LEFT) * number / COUNT
        codes += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", round(after + LEFT))
        refunds += await rent(stage.sim, "acme", 1, "timeout", round(after))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:COUNT], taken[COUNT:]


@asynccontextmanager
async def _silent_clients(url: str) -> AsyncIterator[Silent]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    silent = Silent()
    clients = [
        asyncio.create_task(_say_nothing(parts.hostname, parts.port, silent))
        for _ in range(CLIENTS)
    ]
    try:
        yield silent
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def _say_nothing(host: str, port: int, silent: Silent) -> None:
    """Connect and wait until the server ends it."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return
    silent.connected += 1
    began = loop.time()
    try:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        silent.ended_after.append(loop.time() - began)
    finally:
        writer.close()


async def _probe(api: Api, lasting: float) -> list[bool]:
    """Whether each probe was answered in time, with a connection of its own."""
    loop = asyncio.get_running_loop()
    until = loop.time() + lasting
    answered: list[bool] = []
    while loop.time() < until:
        for path in ("/livez", "/readyz"):
            answer = await api.probe(path, fresh=True)
            answered.append(answer.status == 200 and answer.seconds <= PROBE_MAX)
        await asyncio.sleep(PROBE_EVERY)
    return answered
