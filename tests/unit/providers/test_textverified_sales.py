"""A rental of TextVerified is certain with its sale: the sale is read until it says which."""

import json

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from tests.unit.providers.test_rental_pages import RUNS, TOKEN
from worker.adapters.providers.registry import build_rentals
from worker.adapters.providers.textverified.rentals import DURATIONS
from worker.ports.errors import ProviderUnavailable
from worker.ports.long_rental import RentalRequest
from worker.ports.provider import NoRent, Rented

SOLD = http('{"method":"GET","href":"https://x.test/api/pub/v2/sales/sale_1"}', 201)
REQUEST = RentalRequest("any", "us", min(DURATIONS))


def sale(state: str, *rentals: str) -> bytes:
    rows = [{"id": ref} for ref in rentals]
    return http(json.dumps({"state": state, "total": 5.25, "reservations": rows}))


async def test_a_sale_that_is_not_final_yet_is_read_again() -> None:
    world = World()
    final = sale("succeeded", "lr_1")
    async with raw_provider(TOKEN, SOLD, sale("processing"), final, RUNS) as raw:
        configured = config(raw.url, family="textverified", dialect="")
        async with talking_to(configured, world) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            rented = await rentals.open(REQUEST)

    assert isinstance(rented, Rented)
    assert (rented.ref, rented.phone, rented.cost_minor) == ("lr_1", "12025550100", 525)
    assert [line.split()[0] for line in raw.lines].count("POST") == 2, "the token, and one order"


async def test_a_sale_that_stays_open_is_named_in_the_error() -> None:
    async with raw_provider(TOKEN, SOLD, sale("processing")) as raw:
        configured = config(raw.url, family="textverified", dialect="")
        async with talking_to(configured, World()) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            with pytest.raises(ProviderUnavailable) as caught:
                await rentals.open(REQUEST)

    assert "sale_1" in caught.value.detail
    assert caught.value.sent
    assert len(raw.requests) < 10


async def test_a_rental_of_another_country_is_not_asked_for() -> None:
    async with raw_provider(TOKEN) as raw:
        configured = config(raw.url, family="textverified", dialect="")
        async with talking_to(configured, World()) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None

            reply = await rentals.open(RentalRequest("any", "7", min(DURATIONS)))

    assert reply is NoRent.BAD_REQUEST
    assert raw.requests == []
