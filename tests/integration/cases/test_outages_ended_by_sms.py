"""An SMS on a rented number is the end of its outage; what is reported after it is another one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.test_rental_orders import renter
from tests.integration.store.shop import TICK
from tests.unit.http.caller import Api, Described
from worker.entrypoints.http.responses import instant
from worker.ports.provider import Sms
from worker.ports.store.case_view import CaseState

RENTAL = f"/v1/rentals/sim/{LONG}"
WORKS = Sms("1", "it works", MONDAY + 4 * DAY)


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    """Of a shop with a rental of 30 days for 3000 that is down since its second day."""
    await shop.open_account(amount_minor=3000, policy="P2")
    await shop.book_rental(days=30, price=3000)
    shop.set_time(MONDAY + DAY)
    async with case_api(shop, described, rent_long=renter(shop)) as served:
        await reported(served)
        await shop.fire_due_timers(MONDAY + 2 * DAY + TICK)
        yield served


async def reported(api: Api, **told: Any) -> Any:
    reply = await api.post(f"{RENTAL}/outages", told)
    assert reply.status in {200, 201}, reply.raw
    return reply.json


async def outages(api: Api) -> list[tuple[str, str, int]]:
    shown = (await api.get(RENTAL)).json["outages"]
    return [
        (one["state"], one["decision"]["reason"], one["decision"]["amount_minor"]) for one in shown
    ]


async def test_an_outage_is_credited_when_its_sms_is_read(shop: CaseShop, api: Api) -> None:
    shop.set_time(MONDAY + 4 * DAY + HOUR)
    shop.provider_rentals.sms = (WORKS,)

    shown = await asyncio.gather(*[outages(api) for _ in range(3)])

    assert [("granted", "outage_over_24h", 300)] in shown
    assert await outages(api) == [("granted", "outage_over_24h", 300)]
    assert await shop.balances() == (300, 0)


@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("told", [{}, {"contacted_at": instant(MONDAY + 10 * DAY)}])
async def test_what_is_reported_after_an_sms_is_another_outage(
    shop: CaseShop, api: Api, told: dict[str, Any], looked_at: bool
) -> None:
    shop.provider_rentals.sms = (WORKS,)
    shop.set_time(MONDAY + 4 * DAY + HOUR)
    if looked_at:
        await outages(api)

    shop.set_time(MONDAY + 10 * DAY)
    second = await reported(api, **told)

    assert (second["state"], second["facts"]["unavailable_since"]) == (
        "waiting",
        instant(MONDAY + 4 * DAY),
    )
    assert await shop.balances() == (300, 0)
    assert (await reported(api, **told))["id"] == second["id"], "told again"
    await shop.fire_due_timers(MONDAY + 12 * DAY + HOUR)
    await api.post(f"{RENTAL}/restored", {})
    assert await outages(api) == [
        ("granted", "outage_over_24h", 300),
        ("granted", "outage_over_24h", 200),
    ]


async def test_an_outage_told_after_the_rental_begins_where_an_sms_ended_the_one_before(
    shop: CaseShop, api: Api
) -> None:
    """Nobody read the SMS until the rental was over."""
    shop.provider_rentals.sms = (WORKS,)
    await shop.fire_due_timers(MONDAY + 31 * DAY)
    assert await shop.balances() == (300, 0)

    second = await reported(api, contacted_at=instant(MONDAY + 10 * DAY))

    assert second["facts"]["unavailable_since"] == instant(MONDAY + 4 * DAY)
    assert (second["state"], second["decision"]["reason"]) == ("in_review", "facts_contradict")
    assert second["decision"]["amount_minor"] == 2000, "twenty days"


async def test_that_it_works_again_may_be_told_after_its_sms(shop: CaseShop, api: Api) -> None:
    shop.set_time(MONDAY + 5 * DAY)
    shop.provider_rentals.sms = (WORKS,)

    restored = await api.post(f"{RENTAL}/restored", {})
    again = await api.post(f"{RENTAL}/restored", {"at": instant(MONDAY + 4 * DAY + HOUR)})
    before = await api.post(f"{RENTAL}/restored", {"at": instant(MONDAY + 3 * DAY)})

    assert (restored.status, restored.json["decision"]["amount_minor"]) == (200, 300)
    assert again.json == restored.json
    assert (before.status, before.slug) == (409, "ended"), "another end than the one it had"


async def test_where_more_sms_may_have_come_the_end_waits_and_the_next_outage_does_not(
    shop: CaseShop, api: Api
) -> None:
    shop.provider_rentals.sms = (WORKS,)
    shop.provider_rentals.complete = False
    shop.set_time(MONDAY + 10 * DAY)
    assert await outages(api) == [("waiting", "outage_running", 0)], "an earlier one may be missing"

    second = await reported(api)

    assert second["facts"]["unavailable_since"] == instant(MONDAY + 4 * DAY)
    assert [state for state, *_ in await outages(api)] == ["waiting", "waiting"]


async def test_what_is_reported_after_an_sms_is_another_outage_than_the_one_in_review(
    shop: CaseShop,
) -> None:
    """Its human decides it from the log."""
    await shop.open_account(amount_minor=1000, policy="P2")
    first = await shop.report_outage(outage_verified=None)
    await shop.store.cases.keep_messages((await shop.long_rental()).id, [WORKS])
    shop.set_time(MONDAY + 6 * DAY)

    second = await shop.report_outage()

    assert second.id != first.id
    assert second.facts["unavailable_since"] == (MONDAY + 4 * DAY).isoformat()
    assert (await shop.case(first.id)).state is CaseState.IN_REVIEW
