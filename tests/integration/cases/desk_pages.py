"""Pages of the desk of every kind, with all that can be pressed on them."""

from dataclasses import replace
from uuid import UUID

from tests.integration.cases.case_shop import DAY, CaseShop
from tests.unit.http.caller import Api
from worker.domain.activation import State
from worker.domain.ids import AccountId
from worker.lifecycle.cases.account_events import AccountEventReport


async def rental_end_that_is_owed(shop: CaseShop) -> UUID:
    """Approved: its account was deleted before the empty rental ended."""
    dora = AccountId("dora")
    shop.change_policy("P2", {"rental.empty_at_end": "automatic"})
    await shop.open_account(dora, policy="P2")
    empty = shop.rental("empty", start=shop.clock.now - 11 * DAY)
    await shop.service.cases.book_rental(replace(empty, account=dora))
    deletion = await shop.service.account_event(dora, AccountEventReport("delete_requested"), "P2")
    assert deletion is not None
    assert deletion.case is not None
    await shop.give_verdict(deletion.case, grant=True)
    await shop.fire_due_timers(shop.clock.now)
    end = await shop.case(await shop.fetch_value("SELECT id FROM case_ WHERE kind = 'rental_end'"))
    await shop.give_verdict(end, grant=True, freeze_seen=True)
    return end.id


async def pages_of_every_kind(shop: CaseShop, api: Api) -> list[str]:
    owed = await rental_end_that_is_owed(shop)
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
        f"/cases/{owed}",
    ]  # fmt: skip
