"""What a number of the list costs is known, however it is written: an order is told by it."""

import json

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider

ROW = {"activationId": "635468021", "phoneNumber": "79110001111", "serviceCode": "vk"}


@pytest.mark.parametrize(
    ("cost", "minor"), [("12.50", 1250), (12.5, 1250), (0.29, 29), (12, 1200), (None, None)]
)
@pytest.mark.parametrize("dialect", ["classic", "hero", "grizzly"])
async def test_a_cost_is_read_as_text_and_as_a_number(
    dialect: str, cost: object, minor: int | None
) -> None:
    word = "data" if dialect == "hero" else "activeActivations"
    listed = {"status": "success", word: [{**ROW, "activationCost": cost}]}
    async with (
        raw_provider(http(json.dumps(listed))) as raw,
        talking_to(config(raw.url, dialect=dialect), World()) as provider,
    ):
        page = await provider.list_whole(0)

    assert [row.cost_minor for row in page.rows] == [minor]
