"""A ban of one service or country is no ban of the account: its other numbers are looked after."""

import json

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.reply import BAN_PAUSE_S
from worker.domain.ids import ProviderRef
from worker.ports.errors import CircuitOpen, ProviderRefused
from worker.ports.provider import Rented, RentRequest, Waiting

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
