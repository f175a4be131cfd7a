"""What goes out to companies that speak handler_api.php, and in which order."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.unit.providers.adapter_world import KEY, World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.breaker import FAILURES_TO_OPEN
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import (
    CircuitOpen,
    ProviderRefused,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import Circuit, CodesArrived, Ended, Provider, Rented, RentRequest, Sms

REF = ProviderRef("4711")
START = f"GET /stubs/handler_api.php?action={{}}&api_key={KEY} HTTP/1.1"


async def lines_for(
    ask: Callable[[Provider], Awaitable[object]], *answers: bytes, dialect: str = "classic"
) -> list[str]:
    async with (
        raw_provider(*answers) as raw,
        talking_to(config(raw.url, dialect=dialect), World()) as provider,
    ):
        await ask(provider)
    return raw.lines


@pytest.mark.parametrize(
    ("ask", "answer", "line"),
    [
        (lambda it: it.look(REF), "STATUS_WAIT_CODE", "getStatus&id=4711"),
        (lambda it: it.cancel(REF), "ACCESS_CANCEL", "setStatus&status=8&id=4711"),
        (lambda it: it.finish(REF), "ACCESS_ACTIVATION", "setStatus&status=6&id=4711"),
        (lambda it: it.ask_again(REF), "ACCESS_RETRY_GET", "setStatus&status=3&id=4711"),
        (lambda it: it.balance(), "ACCESS_BALANCE:1", "getBalance"),
        (
            lambda it: it.list_active(2),
            '{"status":"success","activeActivations":[]}',
            "getActiveActivations&start=200&limit=100",
        ),
        (
            lambda it: it.rent(RentRequest("go", "2", max_cost_minor=1207, order="a-1")),
            "NO_NUMBERS",
            "getNumberV2&service=go&country=2&maxPrice=12.07&orderId=a-1",
        ),
    ],
    ids=["look", "cancel", "finish", "ask_again", "balance", "list", "rent"],
)
async def test_each_call_is_one_get(
    ask: Callable[[Provider], Awaitable[object]], answer: str, line: str
) -> None:
    assert await lines_for(ask, http(answer)) == [START.format(line)]


async def test_only_who_knows_an_order_id_is_given_one() -> None:
    lines = await lines_for(
        lambda it: it.rent(RentRequest("go", "2", order="a-1")), http("NO_NUMBERS"), dialect="hero"
    )

    assert lines == [START.format("getNumberV2&service=go&country=2")]


@pytest.mark.parametrize("dialect", ["smshub", "smsman", "privatesms", "daisysms"])
async def test_who_has_no_second_version_is_asked_in_the_first(dialect: str) -> None:
    lines = await lines_for(
        lambda it: it.rent(RentRequest("go", "2")),
        http("ACCESS_NUMBER:1:79991112233"),
        dialect=dialect,
    )

    assert lines == [START.format("getNumber&service=go&country=2")]


async def test_sms_man_cancels_with_its_own_number() -> None:
    lines = await lines_for(lambda it: it.cancel(REF), http("ACCESS_CANCEL"), dialect="smsman")

    assert lines == [START.format("setStatus&status=-1&id=4711")]


async def test_an_id_cannot_add_parameters_of_its_own() -> None:
    wild = ProviderRef("1&status=6 ü/../#?")
    lines = await lines_for(lambda it: it.look(wild), http("NO_ACTIVATION"))

    assert lines == [START.format("getStatus&id=1%26status%3D6%20%C3%BC%2F..%2F%23%3F")]


async def test_a_finish_that_is_refused_asks_for_the_status() -> None:
    async with (
        raw_provider(http("BAD_STATUS"), http("STATUS_OK:99")) as raw,
        talking_to(config(raw.url), World()) as provider,
    ):
        assert await provider.finish(REF) == CodesArrived((Sms("99"),))

    assert len(raw.requests) == 2


async def test_a_path_before_the_protocols_own_is_kept() -> None:
    async with (
        raw_provider(http("ACCESS_CANCEL")) as raw,
        talking_to(config(raw.url + "/eu/"), World()) as provider,
    ):
        assert await provider.cancel(REF) == Ended(PriceFate.GIVEN_BACK)

    assert raw.lines[0].startswith("GET /eu/stubs/handler_api.php?")


async def test_a_site_that_serves_it_elsewhere_is_asked_there() -> None:
    async with raw_provider(http("ACCESS_CANCEL")) as raw:
        elsewhere = replace(config(raw.url + "/eu"), path="/stubs/handler_api")
        async with talking_to(elsewhere, World()) as provider:
            assert await provider.cancel(REF) == Ended(PriceFate.GIVEN_BACK)

    start = START.replace("/stubs/handler_api.php", "/eu/stubs/handler_api")
    assert raw.lines == [start.format("setStatus&status=8&id=4711")]


async def test_daisysms_is_told_the_highest_price_and_tells_what_it_took() -> None:
    async with (
        raw_provider(http("ACCESS_NUMBER:7:13476711222", 200, "X-Price: 0.50")) as raw,
        talking_to(config(raw.url, dialect="daisysms"), World()) as provider,
    ):
        rented = await provider.rent(RentRequest("go", "187", max_cost_minor=55, order="a-1"))
        again = await provider.ask_again(REF)

    assert rented == Rented(ProviderRef("7"), "13476711222", cost_minor=50, currency="USD")
    assert raw.lines == [START.format("getNumber&service=go&country=187&max_price=0.55")]
    assert not again


async def test_a_header_that_nobody_asked_for_changes_nothing() -> None:
    async with (
        raw_provider(http("ACCESS_NUMBER:7:13476711222", 200, "X-Price: 0.50")) as raw,
        talking_to(config(raw.url, dialect="smshub"), World()) as provider,
    ):
        assert await provider.rent(RentRequest("go", "187")) == Rented(
            ProviderRef("7"), "13476711222"
        )


async def test_a_purchase_whose_reply_is_lost_is_not_made_again() -> None:
    async with (
        raw_provider(b"BREAK") as raw,
        talking_to(config(raw.url), World()) as provider,
    ):
        with pytest.raises(ProviderUnavailable) as raised:
            await provider.rent(RentRequest("go", "2"))

    assert raised.value.sent
    assert len(raw.requests) == 1


async def test_a_page_is_asked_for_again_when_the_connection_breaks() -> None:
    page = http('{"status":"success","activeActivations":[]}')
    async with (
        raw_provider(b"BREAK", page) as raw,
        talking_to(config(raw.url), World()) as provider,
    ):
        assert (await provider.list_active(0)).last

    assert len(raw.requests) == 2


async def test_a_full_page_is_not_the_last_one() -> None:
    rows = ",".join(f'{{"activationId":"{number}"}}' for number in range(100))
    page = http(f'{{"status":"success","activeActivations":[{rows}]}}')
    async with raw_provider(page) as raw, talking_to(config(raw.url), World()) as provider:
        active = await provider.list_active(0)

    assert len(active.rows) == 100
    assert not active.last


async def test_replies_are_asked_for_uncompressed_and_without_cookies() -> None:
    answer = http("STATUS_WAIT_CODE", 200, "Set-Cookie: a=b")
    async with raw_provider(answer) as raw, talking_to(config(raw.url), World()) as provider:
        await provider.look(REF)
        await provider.look(REF)

    assert "Accept-Encoding: identity\r\n" in raw.requests[0]
    assert "Cookie" not in raw.requests[1]


async def test_one_account_failing_leaves_another_alone() -> None:
    async with (
        raw_provider(http("", 503)) as broken,
        raw_provider(http("STATUS_FINISH")) as healthy,
        talking_to(config(broken.url), World()) as first,
        talking_to(config(healthy.url), World()) as second,
    ):
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ProviderUnavailable):
                await first.look(REF)

        assert first.circuit is Circuit.OPEN
        assert second.circuit is Circuit.CLOSED
        assert await second.look(REF) == Ended(PriceFate.KEPT)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_dialect_says_what_it_can(dialect: str) -> None:
    async with talking_to(config("http://127.0.0.1:9", dialect=dialect), World()) as provider:
        can = provider.capabilities

    assert (can.list_page_size is not None) == (dialect in {"classic", "hero", "tiger", "grizzly"})
    assert can.resend == (dialect != "daisysms")
    assert not can.look_changes_things


async def test_a_rental_holds_no_more_than_the_reply_said() -> None:
    async with (
        raw_provider(http("ACCESS_NUMBER:7:79991112233")) as raw,
        talking_to(config(raw.url), World()) as provider,
    ):
        rented = await provider.rent(RentRequest("go", "2"))

    assert rented == Rented(ProviderRef("7"), "79991112233")


async def test_an_unreadable_rental_is_an_error_not_a_refusal() -> None:
    async with (
        raw_provider(http("<html>")) as raw,
        talking_to(config(raw.url), World()) as provider,
    ):
        with pytest.raises(UnknownReply):
            await provider.rent(RentRequest("go", "2"))


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (http('{"title":"BANNED","details":"","info":{"retry_after_seconds":300}}', 403), 300),
        (http('{"title":"BANNED","details":"","info":{"retry_after_seconds":86400}}', 403), 600),
        (http('{"title":"BANNED","details":"","info":{"retry_after_seconds":-5}}', 403), 1),
    ],
)
async def test_a_banned_account_is_left_alone_for_as_long_as_it_says(
    reply: bytes, seconds: int
) -> None:
    world = World()
    async with raw_provider(reply) as raw, talking_to(config(raw.url), world) as provider:
        with pytest.raises(ProviderRefused):
            await provider.look(REF)
        world.now += seconds - 1
        with pytest.raises(CircuitOpen):
            await provider.look(REF)
        world.now += 1
        with pytest.raises(ProviderRefused):
            await provider.look(REF)

    assert len(raw.requests) == 2


async def test_a_ban_without_an_end_is_asked_about_again_ever_more_rarely() -> None:
    """One that ends soon costs no codes, and one that lasts few calls."""
    world, banned = World(), http("BANNED:'2026-11-23 10-00-00'")
    answers = (*(banned for _ in range(12)), http("STATUS_WAIT_CODE"), banned, banned)
    asked_at: list[float] = []
    async with raw_provider(*answers) as raw, talking_to(config(raw.url), world) as provider:
        began = world.now
        while len(raw.requests) < len(answers):
            with suppress(ProviderRefused, CircuitOpen):
                await provider.look(REF)
            if len(raw.requests) > len(asked_at):
                asked_at.append(world.now - began)
            world.now += 0.5

    waits = [later - at for at, later in pairwise(asked_at)]
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert waits[6:11] == [60] * 5
    assert waits[-1] == 1, "it answered meanwhile"
