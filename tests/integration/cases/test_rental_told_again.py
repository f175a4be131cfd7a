"""A long rental, or an order of one, that is told again is the same, whatever changed since."""

from dataclasses import replace

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.test_rental_orders import SOLD, renter
from tests.unit.http.caller import Described, Reply


async def ordered(shop: CaseShop, described: Described, default_policy: str, **told: str) -> Reply:
    """By a process with this default policy."""
    service = replace(shop.service, default_policy=default_policy)
    body = {"account": "alice", "provider": "sim", "service": "any", "country": "1"}
    async with case_api(shop, described, cases=service, rent_long=renter(shop)) as api:
        return await api.post(
            "/v1/rentals",
            {**body, "hours": 24, "price_minor": 1000, **told},
            headers={"Idempotency-Key": "first"},
        )


async def test_an_order_without_a_policy_is_the_same_after_the_default_changed(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(amount_minor=2500)
    shop.provider_rentals.sales = [SOLD]
    first = await ordered(shop, described, "P2")

    again = await ordered(shop, described, "P3")
    other = await ordered(shop, described, "P3", policy="P3")

    assert (first.status, again.status, again.json) == (200, 200, first.json)
    assert again.json["policy"] == "P2"
    assert other.slug == "idempotency-key-reused"
    assert await shop.balances() == (1500, 0)
