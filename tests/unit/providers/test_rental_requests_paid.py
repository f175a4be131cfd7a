"""Each request that a call about a rental makes beyond its first is bought from the rate budget."""

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.registry import build_rentals
from worker.domain.ids import ProviderRef

REF = ProviderRef("4711")
REFUSED = '{"status":"error","message":"%s"}'


@pytest.mark.parametrize(
    ("family", "dialect", "answers"),
    [
        ("handler_api", "classic", ["CANT_CANCEL", "ALREADY_FINISH", "STATUS_FINISH"]),
        ("handler_api", "classic", ["ALREADY_CANCEL", "STATUS_CANCEL"]),
        ("handler_api", "classic", ["STATUS_WAIT_CODE"]),
    ],
)
async def test_a_close_pays_for_all_it_asks(family: str, dialect: str, answers: list[str]) -> None:
    world = World()
    replies = [http(REFUSED % answer) for answer in answers]
    async with raw_provider(*replies) as raw:
        configured = config(raw.url, family=family, dialect=dialect)
        async with talking_to(configured, world) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            await rentals.close(REF)

    assert world.paid == len(raw.requests) - 1


async def test_looking_at_the_messages_after_the_list_is_paid() -> None:
    world = World()
    replies = http('{"status":1,"data":[]}'), http('{"status":1,"data":{"SmsList":[]}}')
    async with raw_provider(*replies) as raw:
        configured = config(raw.url, family="smspva", dialect="")
        async with talking_to(configured, world) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            await rentals.available(REF)

    assert world.paid == len(raw.requests) - 1 == 1


async def test_looking_at_the_messages_of_a_number_that_is_off_is_paid() -> None:
    world = World()
    off, on = '{"status":1,"data":[{"id":4711,"state":0}]}', '{"status":1,"data":[{"id":4711}]}'
    replies = [http(each) for each in (off, on, '{"status":1,"data":{"SmsList":[]}}')]
    async with raw_provider(*replies) as raw:
        configured = config(raw.url, family="smspva", dialect="")
        async with talking_to(configured, world) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            await rentals.messages(REF)

    asked = [line.split("method=")[1].split("&")[0].split()[0] for line in raw.lines]
    assert asked == ["orders", "activate", "sms"]
    assert world.paid == len(raw.requests) - 1
