"""What an order may ask of its number: told to the service, or refused by the field."""

from typing import Any
from uuid import UUID

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import order, rich_ann
from worker.domain.ids import ActivationId
from worker.ports.provider import ANY_NUMBER, RentOptions

PATH = "/v1/activations"
KEY = {"Idempotency-Key": "k"}
EARLIER = "35dde110-cee7-5ff5-a514-d40fd8bacc7b"


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ({}, ANY_NUMBER),
        ({"medium": "sms"}, ANY_NUMBER),
        ({"operator": "mts"}, RentOptions(operator="mts")),
        ({"medium": "voice"}, RentOptions(voice=True)),
        ({"reuse": EARLIER}, RentOptions(reuse=ActivationId(UUID(EARLIER)))),
    ],
    ids=str,
)
async def test_what_is_asked_of_the_number_is_told(
    api: Api, world: World, told: dict[str, Any], options: RentOptions
) -> None:
    await rich_ann(api)

    reply = await api.post(PATH, order(options=told), headers=KEY)

    assert reply.status == 201
    assert [each.options for each in world.service.orders.values()] == [options]


@pytest.mark.parametrize(
    ("told", "pointer"),
    [
        ({"area_code": "201"}, "/options/area_code"),  # Its provider does not know it.
        ({"area_code": "NY"}, "/options/area_code"),
        ({"medium": "fax"}, "/options/medium"),
        ({"reuse": "the last one"}, "/options/reuse"),
        ({"colour": "red"}, "/options/colour"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_refused_by_its_name(
    api: Api, world: World, told: dict[str, Any], pointer: str
) -> None:
    await rich_ann(api)

    reply = await api.post(PATH, order(options=told), headers=KEY)

    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [pointer])
    assert world.service.orders == {}
