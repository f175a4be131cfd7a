"""A ban of one service or country, or of one kind of call, is no ban of the account.

Its other numbers are looked after, and its other calls go out.
"""

import json
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.unit.providers.adapter_world import NAME, World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.breaker import Breaker
from worker.adapters.providers.reply import BAN_PAUSE_S
from worker.domain.ids import ProviderRef
from worker.ports.errors import CircuitOpen, ProviderRefused
from worker.ports.provider import Circuit, Rented, RentRequest, Waiting
from worker.ports.reporter import Operation

REF = ProviderRef("4711")


def banned(scope: object) -> bytes:
    info = {
        "scope": scope,
        "banned_until": "2026-11-22T16:11:33+00:00",
        "retry_after_seconds": 1800,
    }
    return http(json.dumps({"title": "BANNED", "details": "", "info": info}), 403)


@pytest.mark.parametrize("scope", ["service", "country", "country_service", "SERVICE_COUNTRY"])
async def test_numbers_are_looked_after_while_one_service_is_banned(scope: str) -> None:
    answers = (banned(scope), http("STATUS_WAIT_CODE"))
    async with (
        raw_provider(*answers) as raw,
        talking_to(config(raw.url, dialect="hero"), World()) as provider,
    ):
        with pytest.raises(ProviderRefused):
            await provider.rent(RentRequest("go", "2"))

        assert await provider.look(REF) == Waiting()


@pytest.mark.parametrize("scope", ["account", "", "everything", None, 7, ["all"]])
async def test_any_other_ban_is_one_of_the_account(scope: object) -> None:
    async with (
        raw_provider(banned(scope)) as raw,
        talking_to(config(raw.url, dialect="hero"), World()) as provider,
    ):
        with pytest.raises(ProviderRefused):
            await provider.look(REF)
        with pytest.raises(CircuitOpen):
            await provider.look(REF)


async def test_who_may_not_rent_is_still_told_the_codes_of_what_he_has() -> None:
    world = World()
    answers = (http("BANNED"), http("STATUS_WAIT_CODE"), http("ACCESS_NUMBER:1:79001234567"))
    async with raw_provider(*answers) as raw, talking_to(config(raw.url), world) as provider:
        with pytest.raises(ProviderRefused):
            await provider.rent(RentRequest("go", "2"))
        with pytest.raises(CircuitOpen):
            await provider.rent(RentRequest("go", "2"))
        assert await provider.look(REF) == Waiting()

        world.now += BAN_PAUSE_S
        assert isinstance(await provider.rent(RentRequest("go", "2")), Rented)

    assert len(raw.requests) == 3


async def test_looks_alone_that_are_banned_are_asked_about_ever_more_rarely() -> None:
    """An answer about the balance says nothing about looks."""
    world, asked_at = World(), list[float]()
    async with (
        raw_provider(http("BANNED"), balance=http("ACCESS_BALANCE:5.00")) as raw,
        talking_to(config(raw.url), world) as provider,
    ):
        until = world.now + 190
        while world.now < until:
            with suppress(CircuitOpen):
                await provider.balance()
            with suppress(ProviderRefused, CircuitOpen):
                await provider.look(REF)
            if sum("getStatus" in line for line in raw.lines) > len(asked_at):
                asked_at.append(world.now)
            world.now += 0.5

    waits = [later - at for at, later in pairwise(asked_at)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_while_looks_alone_are_banned_other_calls_go_out() -> None:
    world = World()
    async with (
        raw_provider(http("BANNED"), balance=http("ACCESS_BALANCE:5.00")) as raw,
        talking_to(config(raw.url), world) as provider,
    ):
        with pytest.raises(ProviderRefused):
            await provider.look(REF)
        with pytest.raises(CircuitOpen):
            await provider.balance()  # So far the whole account may be banned.
        world.now += 1
        await provider.balance()
        with pytest.raises(ProviderRefused):
            await provider.look(REF)

        with pytest.raises(CircuitOpen) as held_back:
            await provider.look(REF)
        assert held_back.value.retry_after == timedelta(seconds=2)
        await provider.balance()
        assert provider.circuit is Circuit.CLOSED


async def test_an_answer_to_a_look_from_before_the_ban_does_not_end_it() -> None:
    world = World()
    breaker = Breaker(NAME, monotonic=world.monotonic, changed=lambda _: None, probed=True)
    breaker.ban(Operation.LOOK, None)
    breaker.allowed(Operation.LOOK)
    world.now += 1
    breaker.ban(Operation.LOOK, None)

    assert breaker.silent_s == 2
