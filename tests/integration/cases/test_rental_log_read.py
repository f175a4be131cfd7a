"""A rental's provider is read before a call about it is decided: our log says if an SMS came."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, LONG, MONDAY, CaseShop
from tests.integration.cases.test_rental_orders import renter
from tests.integration.store.shop import TICK
from tests.unit.http.caller import Api, Described
from worker.ports.provider import Sms

END = MONDAY + 10 * DAY


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    """Of a shop with a rental of ten days for 1000, of which an empty one is paid on a claim."""
    changes = {"rental.empty_at_end": "on_claim", "rental.early_end": "unused"}
    shop.change_policy("P2", {**changes, "outage.refund_cap_months": None})
    await shop.open_account(amount_minor=1000, policy="P2")
    await shop.book_rental()
    async with case_api(shop, described, rent_long=renter(shop)) as served:
        yield served


async def claimed(api: Api, shop: CaseShop, kind: str) -> tuple[Any, Any, int]:
    said = {
        "rental": str((await shop.long_rental()).id),
        "claim_kind": kind,
        "claim_channel": "email",
        "reason": "nothing came",
    }
    reply = await api.post("/v1/claims", said)
    assert reply.status == 201, reply.raw
    decided = reply.json["decision"]
    return reply.json["state"], decided["reason"], decided["amount_minor"]


async def test_a_claim_reads_an_sms_that_nobody_has_looked_at(api: Api, shop: CaseShop) -> None:
    await shop.fire_due_timers(END + TICK)
    shop.provider_rentals.sms = (Sms("1234", "code 1234", MONDAY + DAY),)

    assert await claimed(api, shop, "non_receiving") == ("denied", "code_displayed", 0)


async def test_an_empty_rental_is_paid_on_a_claim_after_its_end(api: Api, shop: CaseShop) -> None:
    await shop.fire_due_timers(END + TICK)

    assert await claimed(api, shop, "non_receiving") == ("granted", "no_sms_on_record", 1000)


async def test_where_the_provider_cannot_be_read_the_claim_is_for_a_human(
    api: Api, shop: CaseShop
) -> None:
    await shop.fire_due_timers(END + TICK)
    shop.provider_rentals.budget_left = False

    assert await claimed(api, shop, "non_receiving") == ("in_review", "no_sms_on_record", 1000)


async def test_where_the_provider_only_says_that_it_is_over_the_claim_is_for_a_human(
    api: Api, shop: CaseShop
) -> None:
    await shop.fire_due_timers(END + TICK)
    shop.provider_rentals.only_over = True

    assert await claimed(api, shop, "non_receiving") == ("in_review", "no_sms_on_record", 1000)


async def test_a_letter_that_ends_a_rental_counts_from_its_last_sms(
    api: Api, shop: CaseShop
) -> None:
    shop.provider_rentals.sms = (Sms("1234", "code 1234", MONDAY + 7 * DAY),)
    shop.set_time(MONDAY + 2 * DAY)

    assert await claimed(api, shop, "early_deactivation") == ("granted", "unused_time", 300)

    ended = (await api.get(f"/v1/rentals/sim/{LONG}")).json["ended_at"]
    assert ended is not None, "the rest is paid back, so the number is no longer the customer's"


async def test_an_sms_is_read_before_an_outage_is_told_to_be_over(api: Api, shop: CaseShop) -> None:
    path = f"/v1/rentals/sim/{LONG}"
    await api.post(f"{path}/outages", {})
    await shop.fire_due_timers(MONDAY + DAY + TICK)
    shop.set_time(MONDAY + 5 * DAY)
    shop.provider_rentals.sms = (Sms("1234", "code 1234", MONDAY + 2 * DAY),)

    restored = await api.post(f"{path}/restored", {})

    assert (restored.status, restored.json["decision"]["amount_minor"]) == (200, 200)
