"""A token is renewed before it ends and after a 401; no call is lost, no purchase made twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.providers.adapter_world import KEY, USERNAME, World, config, talking_to
from tests.unit.providers.raw_provider import HANG, http, raw_provider, until
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderRefused, ProviderUnavailable
from worker.ports.provider import Provider, Rented, RentRequest, Waiting
from worker.testing.simulated_provider import Simulated, simulated

REF = ProviderRef("lr_1")
TOKEN = http('{"token": "bearer-1", "expiresIn": 899}')
PENDING = http('{"id": "lr_1", "state": "verificationPending", "number": "2025550123"}')
UNAUTHORISED = http("", 401)


@asynccontextmanager
async def signing_in(**knobs: Any) -> AsyncIterator[Simulated]:
    async with simulated("textverified", "classic", knobs=knobs) as it:
        yield it


async def sign_ins(it: Simulated) -> int:
    return int((await it.summary())["requests"].get("sign-in", 0))


def names(it: Simulated) -> list[str]:
    return [operation for operation, _ in it.world.requests]


async def test_many_calls_at_once_sign_in_once() -> None:
    async with signing_in() as it:
        await asyncio.gather(*(it.provider.balance() for _ in range(8)))

        assert await sign_ins(it) == 1
        assert it.world.results == ["ok"] * 9


async def test_a_token_is_renewed_before_it_ends() -> None:
    async with signing_in(token_seconds=899) as it:
        rented = await it.rented()
        for _ in range(10):
            it.pass_time(100)
            assert await it.provider.look(rented.ref) is not None

        assert await sign_ins(it) == 2
        assert "refused" not in it.world.results


async def test_a_token_that_ended_before_its_time_costs_no_call() -> None:
    async with signing_in(token_valid_seconds=50) as it:
        rented = await it.rented()
        it.pass_time(60)
        seen = await asyncio.gather(*(it.provider.look(rented.ref) for _ in range(4)))

        assert seen == [Waiting()] * 4
        assert await sign_ins(it) == 2
        assert "refused" not in it.world.results


@pytest.mark.parametrize("order", [None, "a-1"])
async def test_a_purchase_that_met_a_401_is_made_once(order: str | None) -> None:
    async with signing_in(token_valid_seconds=50) as it:
        await it.provider.balance()
        it.pass_time(60)

        assert isinstance(await it.provider.rent(RentRequest("timeout", "us", order=order)), Rented)
        assert (await it.summary())["purchases"] == 1


async def test_a_token_without_its_length_is_kept_for_a_while() -> None:
    async with signing_in(tells_token_seconds=False) as it:
        await it.provider.balance()
        it.pass_time(200)
        await it.provider.balance()
        before = await sign_ins(it)
        it.pass_time(200)
        await it.provider.balance()

        assert (before, await sign_ins(it)) == (1, 2)


async def test_a_renewal_that_fails_leaves_the_token_that_is_still_good() -> None:
    async with signing_in() as it:
        await it.provider.balance()
        it.pass_time(860)
        await it.fault("unavailable", operations=["sign-in"])

        await it.provider.balance()

        assert names(it)[-2:] == ["sign_in", "balance"]
        assert it.world.results[-2:] == ["unavailable", "ok"]


async def test_a_purchase_without_a_token_was_certainly_not_sent() -> None:
    async with signing_in() as it:
        await it.fault("unavailable", operations=["sign-in"])

        with pytest.raises(ProviderUnavailable) as raised:
            await it.provider.rent(RentRequest("timeout", "us", order="a-1"))

        assert not raised.value.sent
        assert (await it.summary())["purchases"] == 0


async def test_a_sign_in_that_is_limited_holds_everything_back() -> None:
    async with signing_in() as it:
        await it.fault("rate-limited", operations=["sign-in"], retry_after_seconds=30)

        with pytest.raises(ProviderUnavailable) as raised:
            await it.provider.balance()

        assert (raised.value.sent, raised.value.retry_after) != (True, None)
        assert it.world.results[0] == "rate_limited"


async def test_a_wrong_key_is_not_tried_again_with_every_call() -> None:
    async with signing_in() as it:
        await it.fault("bad-key")
        for _ in range(5):
            with pytest.raises(ProviderRefused):
                await it.provider.balance()
        tried = await sign_ins(it)
        it.pass_time(6)
        await it.heal()

        assert tried == 1
        assert (await it.provider.balance()).minor


async def test_a_second_401_is_a_refusal_and_no_third_try() -> None:
    async with (
        raw_provider(TOKEN, UNAUTHORISED, TOKEN, UNAUTHORISED) as raw,
        talking_to(config(raw.url, "textverified"), World()) as provider,
    ):
        with pytest.raises(ProviderRefused):
            await provider.look(REF)

    assert [line.split()[1].rpartition("/")[2] for line in raw.lines] == ["auth", "lr_1"] * 2


async def test_the_key_goes_to_the_sign_in_alone_and_the_token_to_the_rest() -> None:
    async with (
        raw_provider(TOKEN, PENDING) as raw,
        talking_to(config(raw.url, "textverified"), World()) as provider,
    ):
        await provider.look(REF)

    signed_in, looked = (request.split("\r\n") for request in raw.requests)
    assert {f"X-API-KEY: {KEY}", f"X-API-USERNAME: {USERNAME}", "Content-Length: 0"} <= set(
        signed_in
    )
    assert "Authorization: Bearer bearer-1" in looked
    assert KEY not in raw.requests[1]


async def looked_at(provider: Provider) -> object:
    return await provider.look(REF)


async def test_who_is_given_up_takes_no_sign_in_with_it() -> None:
    async with (
        raw_provider(TOKEN, PENDING, gated=True) as raw,
        talking_to(config(raw.url, "textverified"), World()) as provider,
    ):
        first = asyncio.ensure_future(looked_at(provider))
        await until(lambda: len(raw.requests) == 1)
        second = asyncio.ensure_future(looked_at(provider))
        first.cancel()
        raw.open_gate()

        assert await second == Waiting()
        assert first.cancelled()


async def test_a_sign_in_that_hangs_ends_with_the_adapter() -> None:
    async with (
        raw_provider(HANG) as raw,
        talking_to(config(raw.url, "textverified"), World()) as provider,
    ):
        asked = asyncio.ensure_future(looked_at(provider))
        await until(lambda: len(raw.requests) == 1)
        await provider.close()
        with pytest.raises((ProviderUnavailable, asyncio.CancelledError)):
            await asked
