"""What a provider says of a number is shown with the outage that its customer reports."""

from typing import Any

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.test_rental_orders import LOST, renter
from tests.unit.http.caller import Described
from worker.ports.long_rental import Availability

OUTAGES = f"/v1/rentals/sim/{LONG}/outages"


def probes(case: Any) -> list[str]:
    return [one["content"]["availability"] for one in case["evidence"] if one["what"] == "probe"]


async def test_an_outage_shows_what_the_provider_said_when_it_began_and_ended(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(policy="P2")
    await shop.book_rental()
    shop.set_time(MONDAY + HOUR)
    async with case_api(shop, described, rent_long=renter(shop)) as api:
        shop.provider_rentals.availability = Availability.DOWN
        reported = await api.post(OUTAGES, {})
        assert (reported.status, probes(reported.json)) == (201, ["down"])
        assert probes((await api.post(OUTAGES, {})).json) == ["down"], "asked once"

        shop.provider_rentals.availability = Availability.UP
        restored = await api.post(f"/v1/rentals/sim/{LONG}/restored", {})

        assert (restored.status, probes(restored.json)) == (200, ["down", "up"])
        assert restored.json["state"] == "denied", "what the provider said decides nothing"


async def test_an_outage_is_taken_though_its_provider_does_not_answer(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(policy="P2")
    await shop.book_rental()
    shop.provider_rentals.availability = LOST
    async with case_api(shop, described, rent_long=renter(shop)) as api:
        reported = await api.post(OUTAGES, {})

    assert (reported.status, probes(reported.json)) == (201, [])
