"""The webhook sender against real sockets: what it sends, and what answers mean."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
import standardwebhooks
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from worker.adapters.events.webhook import (
    CONNECTIONS_MAX,
    Webhook,
    _retry_after,
    body_of,
    connections_at_once,
    endpoint_of,
)
from worker.ports.store.outbox import Event, SendResult, Sent

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVENT = Event(
    id="activation-refunded:1:77",
    type="activation.refunded",
    at=datetime(2026, 1, 1, 11, 59, 58, 7, tzinfo=UTC),
    activation=None,
    payload={"state": "refunded", "amount_minor": 25, "id": "77"},
    attempts=0,
)


@dataclass
class Endpoint:
    """A shop's endpoint on loopback: remembers what came, and answers as it is told."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: asyncio.Event | None = None
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    base: str = ""
    somebody_came: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        names = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((request.path_qs, names, await request.read()))
        self.somebody_came.set()
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status, headers=self.headers, body=self.body)

    @property
    def url(self) -> str:
        return f"{self.base}/hooks?token=CANARY"


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", endpoint.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    endpoint.base = f"http://127.0.0.1:{port}"
    yield endpoint
    if endpoint.hold is not None:
        endpoint.hold.set()
    await runner.cleanup()


@pytest.fixture
async def webhook(endpoint: Endpoint) -> AsyncIterator[Webhook]:
    webhook = Webhook(endpoint.url, SECRET)
    yield webhook
    await webhook.close()


async def test_a_receiver_can_verify_what_it_gets(endpoint: Endpoint, webhook: Webhook) -> None:
    now = datetime.now(UTC)  # The oracle reads the real clock.

    assert await webhook.send(EVENT, now) == Sent(SendResult.SENT, status=204)

    ((path, headers, body),) = endpoint.came
    assert path == "/hooks?token=CANARY"
    assert standardwebhooks.Webhook(SECRET).verify(body, headers) == {
        "type": "activation.refunded",
        "timestamp": "2026-01-01T11:59:58.000007Z",
        "data": {"state": "refunded", "amount_minor": 25, "id": "77"},
    }
    assert headers["webhook-id"] == EVENT.id
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert headers["content-type"] == "application/json"


async def test_a_changed_body_fails_the_verification(endpoint: Endpoint, webhook: Webhook) -> None:
    await webhook.send(EVENT, datetime.now(UTC))
    ((_, headers, body),) = endpoint.came

    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(body.replace(b"25", b"26"), headers)


async def test_a_retry_has_the_same_id_and_body_and_its_own_time(
    endpoint: Endpoint, webhook: Webhook
) -> None:
    await webhook.send(EVENT, NOW)
    await webhook.send(replace(EVENT, attempts=1), NOW + timedelta(minutes=5))

    (_, first, body), (_, second, again) = endpoint.came
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_sent(endpoint: Endpoint, webhook: Webhook, status: int) -> None:
    endpoint.status = status

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.SENT, status=status)


@pytest.mark.parametrize("status", [304, 400, 401, 404, 429, 500, 502, 503, 504])
async def test_anything_else_is_tried_again(
    endpoint: Endpoint, webhook: Webhook, status: int
) -> None:
    endpoint.status = status

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.RETRY, status=status)


async def test_410_says_that_nothing_more_is_wanted(endpoint: Endpoint, webhook: Webhook) -> None:
    endpoint.status = 410

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.GONE, status=410)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    endpoint: Endpoint, webhook: Webhook, status: int
) -> None:
    endpoint.status, endpoint.headers = status, {"location": f"{endpoint.base}/elsewhere"}

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.RETRY, status=status)
    assert [path for path, _, _ in endpoint.came] == ["/hooks?token=CANARY"]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta(0)),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), timedelta(minutes=3)),
        (format_datetime(NOW - timedelta(minutes=3), usegmt=True), timedelta(0)),
        ("99999999999999999999999", timedelta(hours=24)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_heeded(
    endpoint: Endpoint, webhook: Webhook, header: str, wait: timedelta | None
) -> None:
    endpoint.status, endpoint.headers = 503, {"retry-after": header}

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.RETRY, wait, 503)


@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Mon, 01 Jan 2024 00:00:00 +99999999999999999999")
@given(st.text(st.characters(codec="ascii")) | st.from_regex(r"[0-9A-Za-z ,:+-]{0,40}"))
def test_no_retry_after_breaks_it(header: str) -> None:
    wait = _retry_after(header, NOW)

    assert wait is None or timedelta(0) <= wait <= timedelta(hours=24)


async def test_an_endpoint_that_does_not_answer_is_tried_again(endpoint: Endpoint) -> None:
    endpoint.hold = asyncio.Event()
    hasty = Webhook(endpoint.url, SECRET, timeout=timedelta(milliseconds=50))

    assert await hasty.send(EVENT, NOW) == Sent(SendResult.RETRY)

    await hasty.close()


@pytest.mark.parametrize(
    "broken",
    [
        lambda port: f"http://127.0.0.1:{port}/?token=CANARY",
        lambda _: "http://127.0.0.1:0/?token=CANARY",
        lambda _: "http://[broken/?token=CANARY",
        lambda _: "nonsense?token=CANARY",
    ],
)
async def test_an_endpoint_that_cannot_be_reached_raises_nothing_and_logs_nothing(
    unused_tcp_port: int,
    broken: Callable[[int], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    webhook = Webhook(broken(unused_tcp_port), SECRET)

    with caplog.at_level(logging.DEBUG):
        assert await webhook.send(EVENT, NOW) == Sent(SendResult.RETRY)

    assert "CANARY" not in caplog.text + repr(webhook) + str(webhook)
    assert SECRET not in caplog.text + repr(webhook)
    await webhook.close()


async def test_an_endpoint_that_hangs_up_is_tried_again() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    webhook = Webhook(f"http://127.0.0.1:{port}/", SECRET)

    assert await webhook.send(EVENT, NOW) == Sent(SendResult.RETRY)

    await webhook.close()
    server.close()
    await server.wait_closed()


async def test_a_cancelled_send_stays_cancelled(endpoint: Endpoint, webhook: Webhook) -> None:
    endpoint.hold = asyncio.Event()
    sending = asyncio.create_task(webhook.send(EVENT, NOW))
    await endpoint.somebody_came.wait()
    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending


def test_the_body_tells_the_time_in_utc_with_microseconds() -> None:
    in_tokyo = EVENT.at.astimezone(timezone(timedelta(hours=9)))

    assert body_of(replace(EVENT, at=in_tokyo)) == body_of(EVENT)
    whole = replace(EVENT, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert orjson.loads(body_of(whole))["timestamp"] == "2026-01-01T00:00:00.000000Z"


async def test_an_event_without_a_payload_is_never_sent(
    endpoint: Endpoint, webhook: Webhook
) -> None:
    nothing: Any = None

    assert await webhook.send(replace(EVENT, payload=nothing), NOW) == Sent(SendResult.RETRY)

    assert endpoint.came == []


def test_an_endpoint_is_named_by_its_url_without_telling_it() -> None:
    names = {endpoint_of(url) for url in ("http://a/?token=CANARY", "http://b/?token=CANARY")}

    assert len(names) == 2
    assert not any("CANARY" in name or "/" in name for name in names)


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(20_000, CONNECTIONS_MAX), (1_024, 102), (5, 1)]
)
def test_the_endpoint_gets_a_tenth_of_the_descriptors_at_most(
    descriptors: int, connections: int
) -> None:
    assert connections_at_once(descriptors) == connections
