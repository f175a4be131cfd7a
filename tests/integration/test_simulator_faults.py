"""What goes wrong with a whole provider, and whether the effect took place all the same."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from tests.unit.simulator.asking import Buyer, buying


async def fault(buyer: Buyer, kind: str, **more: Any) -> None:
    await buyer.sim("faults", {"kind": kind, "seconds": 30, **more})


async def rent(buyer: Buyer) -> Any:
    return await buyer.handler("getNumber", service="timeout", country=0)


async def purchases(buyer: Buyer) -> int:
    return int((await buyer.sim("summary"))["purchases"])


async def test_a_provider_that_is_away_answers_503_without_effect_until_it_is_back() -> None:
    async with buying() as buyer:
        await fault(buyer, "unavailable")

        assert (await rent(buyer)).status == 503
        assert await purchases(buyer) == 0
        buyer.later(30)
        assert (await rent(buyer)).status == 200


async def rent_once(buyer: Buyer) -> bytes:
    """Everything that comes back; aiohttp itself would ask twice when a connection breaks."""
    host, port = buyer.provider.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = "/stubs/handler_api.php?api_key=sim-key&action=getNumber&service=timeout"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_lost_reply_has_had_its_effect() -> None:
    async with buying() as buyer:
        await fault(buyer, "reply-lost")

        assert await rent_once(buyer) == b""
        assert await purchases(buyer) == 1


async def test_a_truncated_reply_is_shorter_than_it_says_and_has_had_its_effect() -> None:
    async with buying() as buyer:
        await fault(buyer, "truncated")

        head, _, body = (await rent_once(buyer)).partition(b"\r\n\r\n")

        length = int(head.partition(b"Content-Length: ")[2])
        assert 0 < len(body) < length
        assert await purchases(buyer) == 1


async def test_a_502_and_garbage_have_had_their_effect_too() -> None:
    async with buying() as buyer:
        await fault(buyer, "error-after-effect", operations=["rent"])
        assert (await rent(buyer)).status == 502
        await buyer.sim("faults", {"clear": True})
        await fault(buyer, "garbage")
        with pytest.raises(orjson.JSONDecodeError):
            assert (await rent(buyer)).json
        assert await purchases(buyer) == 2


async def test_a_reset_connection_has_had_no_effect() -> None:
    async with buying() as buyer:
        await fault(buyer, "reset")

        with pytest.raises(ConnectionResetError):
            await rent_once(buyer)

        assert await purchases(buyer) == 0


async def test_a_hanging_call_ends_with_the_fault_and_without_effect() -> None:
    async with buying() as buyer:
        await fault(buyer, "hang")

        with pytest.raises(ConnectionResetError):
            await rent_once(buyer)

        assert (await buyer.sim("summary"))["now"] == "2026-03-01T12:00:30+00:00"
        assert await purchases(buyer) == 0


async def test_a_page_of_html_comes_with_200() -> None:
    async with buying() as buyer:
        await fault(buyer, "html")

        answer = await rent(buyer)

        assert (answer.status, b"<html" in answer.body) == (200, True)
        assert await purchases(buyer) == 0


async def test_a_rate_limit_says_how_long() -> None:
    async with buying() as buyer:
        await fault(buyer, "rate-limited", retry_after_seconds=7)

        answer = await rent(buyer)

        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_a_revoked_key_and_a_ban_are_worded_as_the_family_does() -> None:
    async with buying() as buyer:
        await fault(buyer, "bad-key")
        assert (await rent(buyer)).text == "BAD_KEY"
        await buyer.sim("faults", method="DELETE")
        await fault(buyer, "banned", retry_after_seconds=3600)
        assert (await rent(buyer)).text == "BANNED:'2026-03-01 13-00-00'"


async def test_a_lying_list_is_empty_while_numbers_are_live() -> None:
    async with buying() as buyer:
        number = await buyer.rent("timeout")
        await fault(buyer, "empty-list")

        assert (await buyer.handler("getActiveActivations")).json["error"] == "NO_ACTIVATIONS"
        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_CODE"


async def test_a_slow_answer_comes_late_and_so_does_its_effect() -> None:
    async with buying() as buyer:
        await fault(buyer, "slow", delay_seconds=12)

        number = (await rent(buyer)).text.split(":")[1]

        assert (await buyer.sim(f"books/{number}"))["created_at"] == "2026-03-01T12:00:12+00:00"


async def test_in_a_brown_out_every_answer_is_late_and_half_of_them_are_503() -> None:
    rules = [
        {"kind": "slow", "seconds": 1000, "delay_seconds": 3},
        {"kind": "unavailable", "seconds": 1000, "probability": 0.5},
    ]
    async with buying(faults=rules, seed=5) as buyer:
        statuses = [(await buyer.handler("getBalance")).status for _ in range(40)]
        slept = buyer.time.slept

    assert slept == [3] * 40
    assert 10 <= statuses.count(503) <= 30
    assert set(statuses) == {200, 503}


async def test_a_fault_may_hold_for_some_operations_only() -> None:
    async with buying() as buyer:
        await fault(buyer, "unavailable", operations=["cancel"])
        number = await buyer.rent("timeout")
        buyer.later(10)

        assert (await buyer.handler("getStatus", id=number)).status == 200
        assert (await buyer.handler("setStatus", id=number, status=8)).status == 503


async def test_a_fault_may_hit_now_and_then_the_same_way_every_time() -> None:
    async def hits() -> list[int]:
        rule = {"kind": "unavailable", "seconds": 1000, "probability": 0.3}
        async with buying(faults=[rule], seed=5) as buyer:
            return [(await buyer.handler("getBalance")).status for _ in range(40)]

    first = await hits()

    assert first == await hits()
    assert set(first) == {200, 503}


async def test_a_fault_of_the_script_begins_when_it_says() -> None:
    rule = {"kind": "unavailable", "start": 10, "seconds": 5}
    async with buying(faults=[rule]) as buyer:
        seen = []
        for _ in range(4):
            seen.append((await buyer.handler("getBalance")).status)
            buyer.later(5)

    assert seen == [200, 200, 503, 200]


async def test_a_refusing_provider_resets_open_connections_and_takes_no_new_ones() -> None:
    async with buying() as buyer:
        url = buyer.provider.url
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await fault(buyer, "refuse", seconds=3600)

        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))


async def test_a_refusing_provider_is_back_on_its_port_when_the_fault_is_over() -> None:
    async with buying() as buyer:
        buyer.provider.faults.clear()
        await fault(buyer, "refuse", seconds=0.05)

        async with asyncio.timeout(10):
            while not await _answers(buyer):
                # The listener waits in real time; its faults end in the test's.
                buyer.later(1)
                await asyncio.sleep(0.02)

        assert (await buyer.handler("getBalance")).status == 200


async def _answers(buyer: Buyer) -> bool:
    try:
        return bool((await buyer.sim("summary"))["now"])
    except aiohttp.ClientConnectionError:
        return False


async def test_more_than_the_provider_allows_is_turned_away() -> None:
    async with buying(requests_per_second=5) as buyer:
        first = [(await buyer.handler("getBalance")).status for _ in range(7)]
        buyer.later(1)

        assert first == [200] * 5 + [429] * 2
        assert (await buyer.handler("getBalance")).status == 200
        assert (await buyer.sim("summary"))["most_requests_in_a_second"] == 7
