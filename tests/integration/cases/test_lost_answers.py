"""Calls with an Idempotency-Key whose answer was lost: sent again late, they change nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.test_case_idempotency_keys import keyed
from tests.integration.cases.test_rental_cancels import api, pressed, prolongs_for_400, rented
from tests.integration.cases.test_rental_orders import renter
from tests.integration.store.shop import TICK
from tests.unit.http.caller import Api, Reply
from worker.lifecycle.cases.rental_cancels import DOUBLE_PRESS
from worker.ports.errors import StoreUnavailable
from worker.ports.long_rental import Prolonged

FIXTURES = (api,)
RENTAL = f"/v1/rentals/sim/{LONG}"
EVENTS = "/v1/accounts/alice/events"


@contextmanager
def answers_lost(shop: CaseShop) -> Iterator[None]:
    """The database is gone once the call has changed what it had to."""

    async def cut(*_: object) -> None:
        raise StoreUnavailable("gone")

    with pytest.MonkeyPatch.context() as gone:
        gone.setattr(type(shop.store.books), "keep_answer", cut)
        yield


async def lost(shop: CaseShop, api: Api, path: str, body: dict[str, Any]) -> None:
    with answers_lost(shop):
        assert (await keyed(api, path, body)).status == 503


async def renewed(shop: CaseShop) -> None:
    """The next press gives the renewal back."""
    rental = await rented(shop, "returns")
    shop.set_time(MONDAY + 2 * DAY)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]
    await renter(shop)(prolongs_for_400(shop, rental))
    shop.set_time(MONDAY + 2 * DAY + HOUR)


def moved(reply: Reply) -> list[int]:
    return [cancel["moved_minor"] for cancel in reply.json["cancels"]]


async def test_a_press_that_gave_a_renewal_back_does_not_end_the_rental_when_it_is_sent_again(
    shop: CaseShop, api: Api
) -> None:
    await renewed(shop)
    await lost(shop, api, f"{RENTAL}/cancel", {})
    shop.set_time(shop.clock.now + DOUBLE_PRESS + TICK)

    again = await keyed(api, f"{RENTAL}/cancel", {})

    assert (again.status, moved(again), again.json["ended_at"]) == (200, [400], None)
    assert await shop.balances() == (1000, 0)
    assert (await keyed(api, f"{RENTAL}/cancel", {})).json == again.json
    assert moved(await keyed(api, f"{RENTAL}/cancel", {}, "another press")) == [400, 700]


async def test_a_press_that_was_the_same_as_the_one_before_it_stays_that(
    shop: CaseShop, api: Api
) -> None:
    await renewed(shop)
    assert moved(await pressed(api)) == [400]
    await lost(shop, api, f"{RENTAL}/cancel", {})
    shop.set_time(shop.clock.now + DOUBLE_PRESS + TICK)

    again = await keyed(api, f"{RENTAL}/cancel", {})

    assert (again.status, moved(again), again.json["ended_at"]) == (200, [400], None)


async def test_an_outage_that_is_reported_again_after_its_end_is_the_same_one(
    shop: CaseShop, api: Api
) -> None:
    await rented(shop, "P2")
    await lost(shop, api, f"{RENTAL}/outages", {})
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()

    again = await keyed(api, f"{RENTAL}/outages", {})

    assert again.status == 200
    (outage,) = (await shop.long_rental()).outages
    assert again.json["id"] == str(outage.id)


async def test_a_block_that_is_told_again_after_its_lifting_does_not_block_again(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account()
    await lost(shop, api, EVENTS, {"event": "rules_block"})
    assert (await api.post(EVENTS, {"event": "rules_unblock"})).status == 201

    again = await keyed(api, EVENTS, {"event": "rules_block"})

    assert again.status == 200
    assert (await api.get("/v1/accounts/alice")).json["state"] == "open"


async def test_a_call_whose_key_was_taken_a_day_ago_is_a_new_one(shop: CaseShop, api: Api) -> None:
    await rented(shop, "P2")
    await lost(shop, api, f"{RENTAL}/outages", {})
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()
    await shop.admin.execute("UPDATE answer SET taken_at = taken_at - interval '25 hours'")

    again = await keyed(api, f"{RENTAL}/outages", {})

    assert again.status == 201
    assert len((await shop.long_rental()).outages) == 2


async def test_the_next_call_of_a_connection_without_a_key_is_a_new_one(
    shop: CaseShop, api: Api
) -> None:
    await rented(shop, "P2")
    await lost(shop, api, f"{RENTAL}/outages", {})
    await keyed(api, f"{RENTAL}/outages", {})
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()

    assert (await api.post(f"{RENTAL}/outages", {})).status == 201
