"""`listen`: events as they happen, signed as the daemon's own are, sent to this machine alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier

from tests.unit.cli.conftest import Cli
from tests.unit.cli.fake_daemon import OPERATE, FakeDaemon, event, running
from worker.entrypoints.cli.client import Target, connected, events
from worker.entrypoints.cli.exit_codes import Failure
from worker.entrypoints.cli.listen import _listen, _show
from worker.entrypoints.cli.output import Format
from worker.ports.store.outbox import SendResult, Sent


@dataclass
class BusyDaemon(FakeDaemon):
    """More happens after somebody has asked for the events for the first time."""

    later: list[dict[str, Any]] = field(default_factory=list)

    async def _events(self, request: web.Request) -> web.Response:
        answer = await super()._events(request)
        self.events += self.later
        self.later = []
        return answer


@pytest.fixture
def busy_daemon(background: Any) -> Iterator[FakeDaemon]:
    later = [{**event(2), "type": "activation.delivered"}, event(3)]
    both = running(BusyDaemon(events=[event(1)], later=later))
    yield background.run(both.__aenter__())
    background.run(both.__aexit__(None, None, None))


@pytest.fixture
async def shop() -> AsyncIterator[tuple[str, "asyncio.Queue[tuple[dict[str, str], bytes]]"]]:
    """A program that takes webhooks, and what it got."""
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        got.put_nowait((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", got
    await runner.cleanup()


async def test_a_new_event_is_sent_signed_with_the_secret_that_was_printed_first(
    busy_daemon: FakeDaemon, shop: tuple[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    url, got = shop
    wanted = frozenset({"activation.refunded"})
    target = Target(busy_daemon.url, OPERATE)
    listening = asyncio.ensure_future(_listen(target, url, wanted, Format.TEXT))
    try:
        async with asyncio.timeout(30):
            headers, body = await got.get()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    said = capsys.readouterr()
    first = said.err.splitlines()[0]
    assert first.startswith("signing secret: whsec_")
    told = Verifier(first.split()[-1]).verify(body.decode(), headers)
    assert (headers["webhook-id"], told["type"]) == ("evt_3", "activation.refunded")
    assert "the daemon sends its events by itself" in said.err


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [("activation.*", [2, 3]), ("activation.delivered", [2]), ("claim.paid_out", [])],
)
async def test_a_type_or_a_family_of_types_is_chosen(
    busy_daemon: FakeDaemon, wanted: str, shown: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target(busy_daemon.url, OPERATE)
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await _listen(target, None, frozenset({wanted}), Format.NDJSON)

    assert [json.loads(line)["seq"] - 1 for line in capsys.readouterr().out.splitlines()] == shown


async def test_where_every_event_is_forgotten_the_next_one_is_shown() -> None:
    later = [event(40), event(41)]
    quiet = BusyDaemon(later=later, forgotten_to=40)
    async with running(quiet), connected(Target(quiet.url, OPERATE)) as client:
        new = events(client, first=0)
        shown = [await anext(new) for _ in later]
        await new.aclose()

    assert shown == later


async def test_where_an_event_after_the_last_one_shown_is_forgotten_it_fails() -> None:
    busy = FakeDaemon(events=[event(1)], forgotten_to=40)
    async with running(busy), connected(Target(busy.url, OPERATE)) as client:
        new = events(client, first=0)

        with pytest.raises(Failure, match="not kept any more"):
            await anext(new)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (Sent(SendResult.SENT, status=204), "taken (204)"),
        (Sent(SendResult.RETRY, status=500), "not taken (500)"),
        (Sent(SendResult.RETRY), "not taken (nobody answered)"),
    ],
)
def test_what_the_address_answered_is_told(
    sent: Sent, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _show(event(1), sent, Format.TEXT)
    _show(event(1), sent, Format.NDJSON)

    line, document = capsys.readouterr().out.splitlines()
    assert line.endswith(f"→ {says}")
    assert json.loads(document)["forwarded_status"] == sent.status


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--forward-to", "https://shop.example/hook"), "must be on this machine"),
        (("--forward-to", "127.0.0.1:3000"), "must start with"),
        (("--types", "activation.refunded", "-o", "json"), "ndjson"),
        (("--types", "activation.refundd"), "did you mean activation.refunded?"),
        (("--types", "claim.*,bill.paid"), "no event has the type 'bill.paid'"),
        (("--types", " , "), "names no type"),
    ],
)
def test_nothing_is_sent_elsewhere(asked: Cli, args: tuple[str, ...], says: str) -> None:
    result = asked("listen", *args)

    assert (result.exit_code, says in result.stderr) == (2, True)
