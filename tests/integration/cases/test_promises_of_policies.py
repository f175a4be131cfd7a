"""What the refund policies promise, acted on the API over a real store with a movable clock."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import ALICE, TICK
from tests.unit.http.caller import Api
from worker.domain.policy import load_profile, override
from worker.domain.policy.checking import problems_of
from worker.domain.policy.explain.page import sentences
from worker.entrypoints.http.responses import instant
from worker.ports.store.books import AccountPolicy

ALL_FIELDS = ["service", "amount", "reason", "details"]


async def claimed(api: Api, kind: str, **more: Any) -> dict[str, Any]:
    """A claim by e-mail, with all that a form asks for."""
    said = {"claim_channel": "email", "request_fields": ALL_FIELDS, "reason": "as told"}
    reply = await api.post("/v1/claims", {"claim_kind": kind, **said, **more})
    assert reply.status in {200, 201}, reply.raw
    shown: dict[str, Any] = reply.json
    return shown


async def decided(api: Api, case: dict[str, Any], grant: bool, **more: Any) -> dict[str, Any]:
    body = {"grant": grant, "note": "looked at it", **more}
    reply = await api.post(f"/v1/claims/{case['id']}/verdict", body)
    assert reply.status == 200, reply.raw
    shown: dict[str, Any] = reply.json
    return shown


def reason(case: dict[str, Any]) -> str:
    return str(case["decision"]["reason"])


# 1
@pytest.mark.parametrize("kind", ["cannot_provide", "no_numbers", "carrier_fault"])
async def test_a_used_number_is_paid_back_by_no_claim_without_a_human(
    api: Api, shop: CaseShop, kind: str
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P2")

    case = await claimed(api, kind, activation=str(id_))

    assert case["state"] not in {"granted", "approved", "paid"}
    assert await shop.balances() == (1000 - PRICE, 0)


@pytest.mark.parametrize("after", [29, 20])
async def test_a_rental_that_was_used_or_is_over_is_paid_back_by_no_claim_without_a_human(
    api: Api, shop: CaseShop, after: int
) -> None:
    await shop.open_account(amount_minor=3000)
    rental = await shop.book_rental(price=3000, days=30 if after == 29 else 10)
    shop.set_time(MONDAY + after * DAY)

    case = await claimed(api, "cannot_provide", rental=str(rental.id))

    assert case["moved_minor"] == 0
    assert case["state"] not in {"granted", "approved", "paid"}
    assert await shop.balances() == (0, 0)


# 2
async def test_an_order_that_found_no_number_can_be_claimed_on_and_is_paid_out(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000, policy="P2")
    id_ = await shop.failed_order("P2", order_facts={"was_listed": True})

    case = await claimed(api, "no_numbers", activation=str(id_), destination="client")
    assert (case["state"], reason(case)) == ("in_review", "judge_request")
    granted = await decided(api, case, grant=True)
    assert granted["state"] == "approved"
    paid = await api.post(f"/v1/claims/{case['id']}/paid", {})

    assert paid.json["state"] == "paid"
    assert await shop.balances() == (1000 - PRICE, 0), "what was given back is what leaves"


# 3
async def test_a_replacement_ends_the_case_only_when_a_number_is_linked(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    case = await claimed(api, "major_defect", activation=str(id_))
    await decided(api, case, grant=True)
    choice = {"choice": "replacement", "replacement_value_minor": PRICE}
    await api.post(f"/v1/claims/{case['id']}/choice", choice)
    await shop.fire_due_timers(MONDAY + 4 * DAY)

    waiting = (await api.get(f"/v1/claims/{case['id']}")).json
    assert waiting["state"] == "waiting"
    (owed,) = [one for one in waiting["obligations"] if one["ended_at"] is None]
    assert (owed["what"], owed["owed_by"]) == ("replacement", "shop")
    other = await shop.rent_number("P1", "2", rented_at=shop.clock.now)
    linked = await api.post(f"/v1/claims/{case['id']}/replacement", {"activation": str(other)})
    assert linked.json["state"] == "replaced"


async def test_a_repair_that_does_not_hold_can_be_contested(api: Api, shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    case = await claimed(api, "major_defect", activation=str(id_))
    await api.post(f"/v1/claims/{case['id']}/rectified", {})
    shop.set_time(shop.clock.now + HOUR)

    contested = await api.post(f"/v1/claims/{case['id']}/contest", {"reason": "it does not work"})

    assert contested.status == 200
    assert contested.json["state"] == "waiting"
    await shop.fire_due_timers(MONDAY + 4 * DAY)
    late = (await api.get(f"/v1/claims/{case['id']}")).json
    assert (late["state"], reason(late)) == ("in_review", "repair_contested")
    assert (await decided(api, late, grant=True))["moved_minor"] == PRICE


@pytest.mark.parametrize(("policy", "days"), [("P0", 30), ("P1", 4)])
async def test_the_yes_to_a_defect_is_no_answer_to_who_says_that_its_repair_does_not_hold(
    api: Api, shop: CaseShop, policy: str, days: int
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation(policy)
    case = await claimed(api, "major_defect", activation=str(id_))
    assert (await decided(api, case, grant=True))["state"] == "waiting"
    await api.post(f"/v1/claims/{case['id']}/rectified", {})
    shop.set_time(shop.clock.now + HOUR)

    contested = await api.post(f"/v1/claims/{case['id']}/contest", {"reason": "it does not work"})
    assert (contested.status, contested.json["state"]) == (200, "waiting")
    await shop.fire_due_timers(MONDAY + days * DAY)

    late = (await api.get(f"/v1/claims/{case['id']}")).json
    assert (late["state"], reason(late)) == ("in_review", "repair_contested")
    assert await shop.balances() == (1000 - PRICE, 0)
    held = await decided(api, late, grant=False)
    assert (held["state"], reason(held)) == ("resolved", "rectified_in_time")


async def test_a_request_sent_in_the_wrong_channel_can_be_sent_again(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    wrong = await claimed(api, "non_receiving", activation=str(id_), claim_channel="chat")
    assert reason(wrong) == "wrong_channel"

    right = await claimed(api, "non_receiving", activation=str(id_))

    assert (right["id"], right["state"]) == (wrong["id"], "granted")


# 4
async def test_approved_money_does_not_leave_a_frozen_account_until_the_block_is_lifted(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600)
    await shop.give_verdict(withdrawal, grant=True)
    path = "/v1/accounts/alice/events"
    await api.post(path, {"event": "law_enforcement_block"})
    shop.clock.now += TICK
    frozen = await api.post(f"/v1/withdrawals/{withdrawal.id}/paid", {})
    assert (frozen.status, frozen.slug) == (409, "account-frozen")

    await api.post(path, {"event": "law_enforcement_unblock"})
    paid = await api.post(f"/v1/withdrawals/{withdrawal.id}/paid", {})

    assert paid.json["state"] == "paid"


# 5
async def test_a_deletion_offers_what_is_refundable_and_takes_no_money_meanwhile(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")

    case = (await api.post("/v1/accounts/alice/events", {"event": "delete_requested"})).json

    assert (case["state"], reason(case)) == ("waiting", "withdrawal_offered")
    top_up = {"reference": "more", "amount_minor": 5}
    refused = await api.post("/v1/accounts/alice/topups", top_up)
    assert (refused.status, refused.slug) == (409, "account-closing")
    assert await shop.balances() == (1000, 0)


# 6
async def test_what_our_log_knows_is_not_taken_from_a_claim(api: Api, shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P2")
    said = {"claim_kind": "no_numbers", "activation": str(id_), "reason": "none"}

    reply = await api.post("/v1/claims", {**said, "allocation_failed": True})
    told = await api.post("/v1/claims", {**said, "facts": {"was_listed": True}})

    assert (reply.status, reply.slug) == (422, "fact-not-yours")
    assert (told.status, told.slug) == (422, "fact-not-yours")


async def test_a_contact_before_the_purchase_is_refused(api: Api, shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P2")
    early = {"claim_kind": "wrong_code", "activation": str(id_), "reason": "no"}

    reply = await api.post("/v1/claims", {**early, "claim_at": instant(MONDAY - DAY)})

    assert reply.status == 422


async def test_the_consent_to_the_terms_is_kept_and_shown_with_the_order(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000)
    terms = {"version": "2024-06-15", "accepted_at": instant(MONDAY)}
    id_ = await shop.rent_number("P3", order_facts={"terms": terms})

    assert (await api.get(f"/v1/activations/{id_}")).json["order_facts"] == {"terms": terms}


# 7
@pytest.mark.parametrize("service", ["tg", "telegram", "TG"])
async def test_telegram_is_known_by_each_of_its_names(
    api: Api, shop: CaseShop, service: str
) -> None:
    await shop.open_account(amount_minor=1000)
    told = {"service_2fa": True}
    web = await shop.delivered_activation("P0", "1", service=service, order_facts=told)
    by_api = {**told, "buy_channel": "api"}
    bought = await shop.delivered_activation("P0", "2", service=service, order_facts=by_api)
    support = {"claim_channel": "support"}

    asked = await claimed(api, "invalid_number", activation=str(web), **support)
    denied = await claimed(api, "invalid_number", activation=str(bought), **support)

    assert (asked["state"], reason(asked)) == ("needs_evidence", "video_required")
    assert (denied["state"], reason(denied)) == ("denied", "api_telegram_2fa")


# 8
async def test_the_month_of_a_rental_does_not_begin_anew_with_every_report(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=6000)
    await shop.book_rental(price=6000, days=60)
    path = f"/v1/rentals/sim/{LONG}"
    for day in (0, 26):
        shop.set_time(MONDAY + day * DAY)
        await api.post(f"{path}/outages", {})
        shop.set_time(MONDAY + (day + 25) * DAY)
        await api.post(f"{path}/restored", {})

    available, _ = await shop.balances()

    assert available == 3100, "31 days of March, of 60 days for 6000"


# 9
async def test_an_account_is_judged_by_its_own_policy_whatever_the_call_names(
    api: Api, shop: CaseShop
) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P2", "P3"))
    await shop.store.books.top_up(ALICE, "first", 1000)
    asked = {"account": "alice", "reference": "w", "amount_minor": 500}

    other = await api.post("/v1/withdrawals", {**asked, "policy": "P3"})
    own = await api.post("/v1/withdrawals", asked)

    assert (other.status, other.slug) == (409, "policy-mismatch")
    assert (own.json["policy"], own.json["state"]) == ("P2", "denied")


# 10
async def test_proof_of_the_owner_can_be_asked_for_on_a_claim(api: Api, shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4")
    case = await claimed(api, "non_receiving", activation=str(id_), destination="wallet")

    asked = await api.post(f"/v1/claims/{case['id']}/kyc", {"status": "requested"})
    assert (asked.status, asked.json["state"]) == (200, "needs_evidence")
    passed = await api.post(f"/v1/claims/{case['id']}/kyc", {"status": "passed"})

    assert passed.json["state"] == "approved"


# 11
async def test_an_incomplete_withdrawal_sets_nothing_aside_and_has_a_date(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")
    asked = {"account": "alice", "reference": "w", "request_fields": ["amount"]}

    case = (await api.post("/v1/withdrawals", asked)).json

    assert (case["state"], reason(case)) == ("needs_evidence", "request_incomplete")
    assert await shop.balances() == (1000, 0)
    (owed,) = case["obligations"]
    assert (owed["what"], owed["by_when"]) == ("answer", instant(MONDAY + 14 * DAY))


async def test_a_customer_takes_a_withdrawal_back_until_it_is_paid(
    api: Api, shop: CaseShop
) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600)
    assert await shop.balances() == (400, 600)

    back = await api.post(f"/v1/withdrawals/{withdrawal.id}/cancel", {})

    assert (back.status, back.json["state"]) == (200, "cancelled")
    assert await shop.balances() == (1000, 0)


# 13
def test_a_key_that_decides_nothing_is_a_problem_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "sixth.toml"
    file.write_text('[cancel]\nbutton = false\nfrom_s = 60\n[payout]\nfee = "disclosed"\n')

    assert {problem.key for problem in problems_of(file)} >= {"cancel.from_s", "payout.fee"}


# 14
def test_a_changed_value_changes_its_sentence() -> None:
    shipped = load_profile("P0")
    changed = override(shipped, {"claims.window_days": 6})

    before = {sentence.key: sentence.words for sentence in sentences(shipped)}
    after = {sentence.key: sentence.words for sentence in sentences(changed)}

    assert [key for key in before if before[key] != after.get(key)] == ["claims.window_days"]
