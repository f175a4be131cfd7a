"""Pages of the desk of every kind, with all that can be pressed on them."""

from tests.integration.cases.case_shop import CaseShop
from tests.unit.http.caller import Api
from worker.domain.activation import State


async def pages_of_every_kind(shop: CaseShop, api: Api) -> list[str]:
    await shop.open_account(amount_minor=5000)
    coded = await shop.delivered_activation("P3", order_ref="order-7")
    about = {"activation": str(coded), "claim_kind": "wrong_code", "reason": "it is wrong"}
    photo = {"evidence": [{"kind": "photo", "reference": "photo-1"}]}
    judged = (await api.post("/v1/claims", {**about, **photo})).json
    assert judged["state"] == "in_review"
    asked = (await api.post("/v1/claims", {**about, "claim_kind": "incomplete_text"})).json
    payout = (await api.post("/v1/withdrawals", {"account": "alice", "reference": "w1"})).json
    late = await shop.rent_number("P3", "2")
    await shop.end_activation(late, State.IN_REVIEW, reason="sms_not_displayed")
    live = await shop.rent_number("P3", "9", rented_at=shop.clock.now)
    await shop.book_rental(policy="P3")
    await shop.report_account_event("rules_block")
    return [
        "/", "/find?q=alice", "/accounts/alice", "/events", "/rentals/sim/long",
        *(f"/a/{id_}" for id_ in (live, coded, late)),
        *(f"/cases/{each['id']}" for each in (judged, asked, payout)),
        *(f"/?review={id_}" for id_ in (judged["id"], payout["id"], late)),
    ]  # fmt: skip
