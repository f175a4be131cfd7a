"""A long rental through a running worker, at a simulated provider: rent, read, prolong."""

from typing import Any

import pytest

from tests.acceptance.world import World

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]
ORDER = {
    "account": "acme",
    "provider": "sim",
    "service": "timeout",
    "country": "0",
    "hours": 4,
    "price_minor": 500,
    "order_ref": "A-1",
    "order_facts": {"operator": "mts"},
}


async def test_a_rental_is_rented_read_and_prolonged_through_the_worker(a_world: World) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await shop.put("/v1/accounts/acme", {"currency": "USD"})
        await shop.post("/v1/accounts/acme/topups", {"reference": "t", "amount_minor": 1000})

        rental = await ordered(shop, "/v1/rentals", ORDER)
        assert await ordered(shop, "/v1/rentals", ORDER) == rental
        assert (rental["order_ref"], rental["order_facts"]["operator"]) == ("A-1", "mts")
        place = f"/v1/rentals/sim/{rental['provider_ref']}"
        assert rental["messages"] == []
        await a_world.provider.post("/_sim/sms", {"id": rental["provider_ref"], "code": "4711"})
        assert [one["code"] for one in (await shop.get(place))["messages"]] == ["4711"]
        longer = await ordered(shop, f"{place}/prolong", {"hours": 4, "price_minor": 300})

        assert longer["ends_at"] > rental["ends_at"]
        assert (longer["price_minor"], longer["renewal_price_minor"]) == (800, 300)
        assert (await shop.get("/v1/accounts/acme"))["available_minor"] == 200
    rented = (await a_world.provider.get("/_sim/summary"))["purchases"]
    assert rented == 1
    await a_world.audit()


async def ordered(shop: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await shop.post(path, body, key="one")
    return answer
