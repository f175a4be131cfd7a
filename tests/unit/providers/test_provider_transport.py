"""Each request goes out once, comes back within limits, and is reported."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from tests.unit.providers.adapter_world import NAME, World
from tests.unit.providers.raw_provider import BREAK, CUT, HANG, http, raw_provider, until
from worker.adapters.providers.breaker import FAILURES_TO_OPEN
from worker.adapters.providers.reply import PAUSE_MAX_S, PAUSE_S, RateLimited, Reply
from worker.adapters.providers.transport import LIST_CAP, SINGLE_CAP, Transport
from worker.adapters.providers.wire import POOLS, Endpoint
from worker.domain.backoff import PROVIDER_READ
from worker.ports.errors import (
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation


@pytest.fixture(params=sorted(POOLS))
def world(request: pytest.FixtureRequest) -> World:
    """By each of the connections there are."""
    return World(pool=POOLS[request.param])


@asynccontextmanager
async def transport_to(
    url: str, world: World, *, timeout_s: float = 5.0, max_in_flight: int = 4
) -> AsyncIterator[Transport]:
    transport = Transport(
        NAME,
        Endpoint(base_url=url, key_suffix="&key=k"),
        world.context(timeout_s),
        max_in_flight=max_in_flight,
    )
    try:
        yield transport
    finally:
        await transport.close()


def refuse(reply: Reply) -> str:
    raise ProviderRefused(NAME, f"HTTP {reply.status}")


async def look(transport: Transport) -> str:
    return await transport.call(Operation.LOOK, "/?id=1", Reply.text)


async def test_an_answer_is_read_and_reported(world: World) -> None:
    async with raw_provider(http("fine")) as provider, transport_to(provider.url, world) as sut:
        assert await look(sut) == "fine"

    assert provider.lines == ["GET /?id=1&key=k HTTP/1.1"]
    assert world.requests == [("look", "ok")]


async def test_connections_are_kept_for_the_next_call(world: World) -> None:
    async with raw_provider(http("fine")) as provider, transport_to(provider.url, world) as sut:
        for _ in range(3):
            await look(sut)

    assert (provider.connections, len(provider.requests)) == (1, 3)


async def test_aiohttp_left_alone_would_send_a_lost_get_twice() -> None:
    async with raw_provider(BREAK) as provider, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(provider.url)

    assert len(provider.requests) == 2


async def test_a_request_whose_reply_is_lost_on_a_new_connection_is_sent_once(world: World) -> None:
    async with raw_provider(BREAK) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert len(provider.requests) == 1
    assert raised.value.sent
    assert world.results == ["unavailable"]


async def test_a_request_whose_reply_is_lost_on_a_kept_connection_is_sent_once(
    world: World,
) -> None:
    async with (
        raw_provider(http("fine"), BREAK) as provider,
        transport_to(provider.url, world) as sut,
    ):
        await look(sut)
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert (provider.connections, len(provider.requests)) == (1, 2)
    assert raised.value.sent


async def test_a_refused_connection_certainly_sent_nothing(
    world: World, unused_tcp_port: int
) -> None:
    async with transport_to(f"http://127.0.0.1:{unused_tcp_port}", world) as sut:
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert not raised.value.sent
    assert world.results == ["unavailable"]


async def test_no_answer_in_time_is_a_timeout_of_something_sent(world: World) -> None:
    async with (
        raw_provider(HANG) as provider,
        transport_to(provider.url, world, timeout_s=0.5) as sut,
    ):
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert raised.value.sent
    assert world.results == ["timeout"]


async def test_a_reply_cut_in_the_middle_is_no_answer(world: World) -> None:
    cut = CUT + http("a long reply that never ends")[:-5]
    async with raw_provider(cut) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert raised.value.sent
    assert len(provider.requests) == 1


async def test_what_is_no_http_is_no_answer(world: World) -> None:
    garbage = CUT + b"\x00\xff what is this\r\n\r\n"
    async with raw_provider(garbage) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(ProviderUnavailable):
            await look(sut)


async def test_a_redirect_is_not_followed(world: World) -> None:
    away = http("", 302, "Location: /404.html")
    async with raw_provider(away) as provider, transport_to(provider.url, world) as sut:
        status = await sut.call(Operation.LOOK, "/?id=1", lambda reply: reply.status)

    assert status == 302
    assert len(provider.requests) == 1


def in_one_piece(size: int) -> bytes:
    return http(b"x" * size)


def chunked(size: int) -> bytes:
    piece = b"%x\r\n%b\r\n" % (4096, b"x" * 4096)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + piece * (size // 4096) + b"0\r\n\r\n"


@pytest.mark.parametrize("cap", [SINGLE_CAP, LIST_CAP])
@pytest.mark.parametrize("make", [in_one_piece, chunked])
async def test_a_reply_above_the_cap_is_unreadable(
    world: World, cap: int, make: Callable[[int], bytes]
) -> None:
    async with (
        raw_provider(make(cap), make(cap + 4096)) as provider,
        transport_to(provider.url, world) as sut,
    ):
        whole = await sut.call(Operation.LIST, "/?", lambda reply: len(reply.body), cap=cap)
        with pytest.raises(UnknownReply):
            await sut.call(Operation.LIST, "/?", Reply.text, cap=cap)

    assert whole == cap
    assert world.results == ["ok", "unknown"]


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("Retry-After: 17", 17),
        ("Retry-After: 999999", PAUSE_MAX_S),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", PAUSE_S),
        ("Retry-After: -1", PAUSE_S),
        ("X-Other: 1", PAUSE_S),
    ],
)
async def test_after_a_429_nothing_is_sent_until_its_time_is_over(
    world: World, header: str, pause_s: float
) -> None:
    limited = http("Too Many Requests", 429, header)
    async with (
        raw_provider(limited, http("fine")) as provider,
        transport_to(provider.url, world) as sut,
    ):
        with pytest.raises(RateLimited) as raised:
            await look(sut)
        assert not raised.value.sent
        with pytest.raises(CircuitOpen) as held_back:
            await look(sut)
        assert held_back.value.retry_after == timedelta(seconds=pause_s)
        assert len(provider.requests) == 1
        world.now += pause_s
        assert await look(sut) == "fine"

    assert world.results == ["rate_limited", "ok"]
    assert world.circuits == []


async def test_many_429_do_not_open_the_circuit(world: World) -> None:
    async with (
        raw_provider(http("", 429)) as provider,
        transport_to(provider.url, world) as sut,
    ):
        for _ in range(FAILURES_TO_OPEN + 1):
            with pytest.raises(RateLimited):
                await look(sut)
            world.now += PAUSE_S

        assert sut.circuit is Circuit.CLOSED


async def test_server_errors_open_the_circuit_and_the_next_answer_closes_it(world: World) -> None:
    answers = [http("", 503)] * FAILURES_TO_OPEN + [http("fine")]
    async with raw_provider(*answers) as provider, transport_to(provider.url, world) as sut:
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ProviderUnavailable):
                await look(sut)
        with pytest.raises(CircuitOpen):
            await look(sut)
        assert len(provider.requests) == FAILURES_TO_OPEN
        world.now += 5
        await look(sut)

    assert world.circuits == [True, False]
    assert world.results == ["unavailable"] * FAILURES_TO_OPEN + ["ok"]


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_server_error_says_nothing_whatever_its_body(world: World, status: int) -> None:
    async with (
        raw_provider(http("STATUS_CANCEL", status)) as provider,
        transport_to(provider.url, world) as sut,
    ):
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert raised.value.sent


async def test_who_finds_no_free_connection_says_nothing_about_the_provider(world: World) -> None:
    """A slow provider would look dead as soon as more is asked of it than goes through."""
    async with (
        raw_provider(HANG) as provider,
        transport_to(provider.url, world, timeout_s=0.5, max_in_flight=1) as transport,
    ):
        crowd = (look(transport) for _ in range(FAILURES_TO_OPEN + 1))
        ended = await asyncio.gather(*crowd, return_exceptions=True)

    assert all(isinstance(one, ProviderUnavailable) for one in ended)
    assert world.results.count("timeout") == 1
    assert world.circuits == []
    assert transport.circuit is Circuit.CLOSED


async def test_a_refusal_is_reported_and_closes_nothing(world: World) -> None:
    async with raw_provider(http("no")) as provider, transport_to(provider.url, world) as sut:
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ProviderRefused):
                await sut.call(Operation.BALANCE, "/?", refuse)

        assert sut.circuit is Circuit.CLOSED
    assert world.requests == [("balance", "refused")] * FAILURES_TO_OPEN


async def test_a_gap_in_a_reader_is_an_unreadable_reply(world: World) -> None:
    async with raw_provider(http("{}")) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(UnknownReply, match="KeyError"):
            await sut.call(Operation.LOOK, "/?", lambda reply: {"a": reply}["b"])


async def test_at_most_so_many_requests_are_in_flight(world: World) -> None:
    async with (
        raw_provider(http("fine"), gated=True) as provider,
        transport_to(provider.url, world, max_in_flight=2) as sut,
    ):
        calls = [asyncio.create_task(look(sut)) for _ in range(6)]
        await until(lambda: provider.most_at_once == 2)
        provider.open_gate()
        await asyncio.gather(*calls)

    assert provider.most_at_once == 2
    assert provider.connections == 2


async def test_a_call_we_give_up_counts_for_nothing(world: World) -> None:
    async with (
        raw_provider(http("fine"), gated=True) as provider,
        transport_to(provider.url, world) as sut,
    ):
        for _ in range(FAILURES_TO_OPEN):
            seen = len(provider.requests)
            call = asyncio.create_task(look(sut))
            await until(lambda seen=seen: len(provider.requests) > seen)  # type: ignore[misc] # mypy cannot infer a lambda's default
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        assert sut.circuit is Circuit.CLOSED
    assert world.requests == []


async def test_what_nobody_else_repeats_is_tried_a_few_times(world: World) -> None:
    world.dice = 0.5
    async with raw_provider(BREAK) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(ProviderUnavailable):
            await sut.call_patiently(Operation.BALANCE, "/?", Reply.text)

    assert len(provider.requests) == PROVIDER_READ.attempts
    assert world.slept == [0.5, 1.0]
    assert world.paid == len(world.slept)


async def test_a_second_try_that_is_answered_is_the_answer(world: World) -> None:
    async with (
        raw_provider(http("", 503), http("fine")) as provider,
        transport_to(provider.url, world) as sut,
    ):
        assert await sut.call_patiently(Operation.BALANCE, "/?", Reply.text) == "fine"


@pytest.mark.parametrize(
    ("answer", "error"),
    [(http("", 429), RateLimited), (http("x" * (SINGLE_CAP + 1)), UnknownReply)],
)
async def test_what_would_only_be_said_again_is_not_tried_again(
    world: World, answer: bytes, error: type[ProviderError]
) -> None:
    async with raw_provider(answer) as provider, transport_to(provider.url, world) as sut:
        with pytest.raises(error):
            await sut.call_patiently(Operation.BALANCE, "/?", Reply.text)

    assert len(provider.requests) == 1
    assert world.slept == []


async def test_seconds_are_measured_on_the_given_clock(world: World) -> None:
    def slowly(reply: Reply) -> str:
        world.now += 3
        return reply.text()

    async with raw_provider(http("fine")) as provider, transport_to(provider.url, world) as sut:
        await sut.call(Operation.LOOK, "/?", slowly)

    assert world.seconds == [3]


async def test_after_the_end_nothing_is_sent_and_nothing_else_is_raised(world: World) -> None:
    async with raw_provider(http("fine")) as provider:
        async with transport_to(provider.url, world) as sut:
            await look(sut)
        with pytest.raises(ProviderUnavailable) as raised:
            await look(sut)

    assert not raised.value.sent
    assert len(provider.requests) == 1


async def test_a_call_under_way_at_the_end_is_an_unknown_outcome(world: World) -> None:
    async with (
        raw_provider(http("fine"), gated=True) as provider,
        transport_to(provider.url, world) as sut,
    ):
        call = asyncio.create_task(look(sut))
        await until(lambda: len(provider.requests) == 1)
        await sut.close()
        with pytest.raises(ProviderUnavailable) as raised:
            await call

    assert raised.value.sent
