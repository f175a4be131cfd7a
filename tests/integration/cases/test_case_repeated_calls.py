"""Calls without an Idempotency-Key: a repetition is recognised by its content."""

from typing import Any

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.test_case_http import claim, opened, rented_long
from tests.unit.http.caller import Api
from worker.entrypoints.http.responses import instant

RENTAL = "/v1/rentals/alpha/long-1"


async def twice(shop: CaseShop, api: Api, path: str, body: dict[str, Any]) -> None:
    first = await api.post(path, body)
    events = await shop.fetch_value("SELECT count(*) FROM event")

    again = await api.post(path, body)

    assert first.status == 200, first.raw
    assert (again.status, again.json) == (200, first.json), path
    assert await shop.fetch_value("SELECT count(*) FROM event") == events, path


async def test_repeated_calls_about_a_claim_get_the_same_answer(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=2000)
    case = await opened(api, claim(await shop.delivered_activation("P1"), "major_defect"))
    path = f"/v1/claims/{case['id']}"
    later = MONDAY + 2 * DAY
    shop.set_time(later)

    await twice(
        shop, api, f"{path}/evidence", {"evidence": ["photo"], "reason": "see for yourself"}
    )
    await twice(shop, api, f"{path}/access", {"event": "requested"})
    await twice(shop, api, f"{path}/access", {"event": "granted", "at": instant(later)})
    await twice(shop, api, f"{path}/choice", {"choice": "refund"})
    await twice(shop, api, f"{path}/rectified", {})


async def test_repeated_calls_about_a_withdrawal_or_an_outage_get_the_same_answer(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=2000)
    body = {"account": "alice", "reference": "w-1", "amount_minor": 600, "policy": "P3"}
    path = f"/v1/withdrawals/{(await opened(api, body, '/v1/withdrawals'))['id']}"

    await twice(shop, api, f"{path}/kyc", {"status": "requested"})
    await twice(shop, api, f"{path}/payment-info", {"event": "requested"})
    await api.put(RENTAL, rented_long())
    await opened(api, {}, f"{RENTAL}/outages")
    shop.set_time(MONDAY + 2 * DAY)
    await twice(shop, api, f"{RENTAL}/restored", {})


async def test_an_outage_that_ended_before_is_not_taken_for_the_one_that_runs(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    await api.put(RENTAL, rented_long())
    await opened(api, {}, f"{RENTAL}/outages")
    back = {"at": instant(MONDAY + 2 * DAY)}
    shop.set_time(MONDAY + 3 * DAY)
    first = await api.post(f"{RENTAL}/restored", back)
    other = await api.post(f"{RENTAL}/restored", {"at": instant(MONDAY + 3 * DAY)})
    running = await opened(api, {}, f"{RENTAL}/outages")

    again = await api.post(f"{RENTAL}/restored", back)

    assert (other.status, other.slug) == (409, "ended")
    assert again.json == first.json
    assert (await api.put(RENTAL, rented_long())).json["outages"] == [first.json, running]


async def test_a_step_taken_back_is_no_repetition(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    case = await opened(api, claim(await shop.delivered_activation("P1"), "major_defect"))
    path = f"/v1/claims/{case['id']}/choice"

    chosen = [
        (await api.post(path, {"choice": choice})).json["facts"]["customer_choice"]
        for choice in ("refund", "replacement", "refund")
    ]

    assert chosen == ["refund", "replacement", "refund"]


async def test_a_claim_that_is_completed_keeps_the_reasons_it_was_opened_with(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    asked = claim(await shop.delivered_activation("P0"), "invalid_number")
    first = await opened(api, asked)
    assert first["decision"]["reason"] == "evidence_missing"
    del asked["reason"]

    completed = await api.post("/v1/claims", {**asked, "evidence": ["screenshot"]})

    assert (completed.status, completed.json["state"]) == (200, "in_review")
    assert completed.json["decision"]["reason"] == "judge_evidence"
