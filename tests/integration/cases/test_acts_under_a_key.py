"""Acts of ops under an Idempotency-Key: repeated late, they do nothing once more."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.test_case_idempotency_keys import keyed
from tests.unit.http.caller import Api, Described
from tests.unit.http.two_providers import HERO, overview_over

ALL = {"after": 0, "until": 1000}


@pytest.fixture
async def ops(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    providers = overview_over(shop.store.books, shop.store.purchases)
    served = case_api(
        shop, described, providers=providers, outbox=shop.store.outbox, events_wanted=True
    )
    async with served as api:
        yield api


async def test_a_pause_that_comes_late_again_undoes_no_resume(ops: Api) -> None:
    path = f"/v1/providers/{HERO}"
    paused = await keyed(ops, f"{path}/pause", {"note": "bans"})
    await keyed(ops, f"{path}/resume", {"note": "better"}, "k-2")

    late = await keyed(ops, f"{path}/pause", {"note": "bans"})

    assert (late.status, late.json) == (200, paused.json)
    assert paused.json["state"] == "paused"
    assert (await ops.get(path)).json["state"] == "taking"
    other = await keyed(ops, f"{path}/pause", {"note": "others"})
    assert (other.status, other.slug) == (422, "idempotency-key-reused")


async def test_events_are_sent_again_once_under_one_key(shop: CaseShop, ops: Api) -> None:
    await shop.open_account()
    await shop.delivered_activation("P1")
    sent = "UPDATE event SET state = 'sent'"
    await shop.admin.execute(sent)
    first = await keyed(ops, "/v1/events/replay", ALL)
    assert first.json["replayed"] > 0
    await shop.admin.execute(sent)

    again = await keyed(ops, "/v1/events/replay", ALL)

    assert again.json == first.json
    assert await shop.fetch_value("SELECT count(*) FROM event WHERE state = 'pending'") == 0
    once_more = await keyed(ops, "/v1/events/replay", ALL, "k-2")
    assert once_more.json == first.json
    other = await keyed(ops, "/v1/events/replay", ALL | {"until": 999})
    assert (other.status, other.slug) == (422, "idempotency-key-reused")
