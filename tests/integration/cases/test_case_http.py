"""Every call about cases over a real socket and a real database, with every refusal."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import ALICE, TICK
from tests.unit.http.caller import READ_TOKEN, Api, Reply
from worker.domain.activation import State
from worker.entrypoints.http.responses import instant
from worker.ports.store.books import AccountPolicy

NOBODY = "00000000-0000-0000-0000-000000000001"


def claim(id_: object, kind: str = "non_receiving", **more: Any) -> dict[str, Any]:
    return {"activation": str(id_), "claim_kind": kind, "reason": "no SMS came", **more}


async def opened(api: Api, body: dict[str, Any], path: str = "/v1/claims") -> dict[str, Any]:
    reply = await api.post(path, body)
    assert reply.status == 201, reply.raw
    shown: dict[str, Any] = reply.json
    return shown


async def test_a_claim_is_opened_shown_and_the_same_again(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")

    first = await api.post("/v1/claims", claim(id_))
    again = await api.post("/v1/claims", claim(id_))
    other = await api.post("/v1/claims", claim(id_, reason="something else"))

    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert other.slug == "other-content"
    assert first.json == again.json
    shown = await api.get(first.headers["Location"], token=READ_TOKEN)
    assert shown.json == first.json
    assert (shown.json["state"], shown.json["moved_minor"]) == ("granted", PRICE)
    assert shown.json["evidence"][0]["content"] == {"reason": "no SMS came"}
    assert await shop.balances() == (1000, 0)


async def test_a_claim_from_its_request_to_its_verdict(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    case = await opened(api, claim(id_, "invalid_number", claim_channel="chat"))
    path = f"/v1/claims/{case['id']}"
    assert (case["state"], case["decision"]["reason"]) == ("needs_evidence", "wrong_channel")
    assert case["timers"][-1] == {
        "kind": "honour",
        "due_at": instant(MONDAY + 14 * DAY),
    }

    added = await api.post(f"{path}/evidence", {"evidence": ["photo"], "claim_channel": "email"})
    assert added.json["state"] == "in_review"
    (waiting,) = (await api.get("/v1/reviews", token=READ_TOKEN)).json["items"]
    assert (waiting["id"], waiting["proposed_minor"]) == (case["id"], PRICE)
    assert waiting["by_when"] == instant(MONDAY + 14 * DAY)

    slip = {"grant": True, "note": "seen", "outcome": "delivered"}
    assert (await api.post(f"{path}/verdict", slip)).pointers == ["/outcome"]
    seen = {"grant": True, "note": "seen", "outcome": "refunded"}
    granted = await api.post(f"{path}/verdict", seen)
    again = await api.post(f"{path}/verdict", {"grant": True, "note": "seen"})
    other = await api.post(f"{path}/verdict", {"grant": False, "note": "seen"})

    assert granted.json["state"] == "granted"
    assert (again.status, again.json) == (200, granted.json)
    assert (other.status, other.slug) == (409, "decided")
    late = await api.post(f"{path}/evidence", {"evidence": ["video"]})
    assert (late.status, late.slug) == (409, "ended")
    assert "activation" not in late.json["title"], "the claim has ended, not the activation"


async def test_a_defect_from_its_request_to_its_repair(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    case = await opened(api, claim(await shop.delivered_activation("P1"), "major_defect"))
    path = f"/v1/claims/{case['id']}"
    assert case["decision"]["outcome"] == "rectify"

    early = await api.post(f"{path}/access", {"event": "granted"})
    assert (early.status, early.slug) == (409, "not-offered")
    await api.post(f"{path}/access", {"event": "requested"})
    await api.post(f"{path}/access", {"event": "granted"})
    chosen = await api.post(
        f"{path}/choice", {"choice": "replacement", "replacement_value_minor": PRICE}
    )
    assert chosen.json["facts"]["customer_choice"] == "replacement"
    rectified = await api.post(f"{path}/rectified", {})

    assert rectified.json["state"] == "resolved"
    facts = rectified.json["facts"]
    assert {"access_requested_at", "access_granted_at", "rectified_at"} <= set(facts)


def rented_long(**more: Any) -> dict[str, Any]:
    return {
        "account": "alice",
        "phone": "15550001",
        "service": "any",
        "country": "1",
        "price_minor": 1000,
        "rented_at": instant(MONDAY),
        "ends_at": instant(MONDAY + 10 * DAY),
        "policy": "P2",
        **more,
    }


async def test_a_rental_from_its_booking_to_the_credit_of_an_outage(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    path = "/v1/rentals/alpha/long-1"
    body = rented_long()
    first, again = await api.put(path, body), await api.put(path, body)
    other = await api.put(path, {**body, "price_minor": 999})
    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert first.json == again.json

    outage = await api.post(f"{path}/outages", {})
    assert outage.status == 201
    shop.set_time(MONDAY + 2 * DAY)
    restored = await api.post(f"{path}/restored", {})

    assert (restored.json["state"], restored.json["moved_minor"]) == ("granted", 200)
    assert (await api.put(path, body)).json["outages"] == [restored.json]
    poor = await api.put("/v1/rentals/alpha/long-2", body)
    assert (poor.status, poor.slug) == (402, "balance-too-low")


async def test_instants_in_facts_and_events_have_the_format_of_all_others(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=2000)
    claimed = await opened(
        api,
        claim(
            await shop.delivered_activation("P1"),
            "invalid_number",
            claim_channel="email",
            evidence=["photo"],
            claim_at=instant(MONDAY),
        ),
    )
    path = "/v1/rentals/alpha/long-1"
    await api.put(path, rented_long())
    await api.post(f"{path}/outages", {"contacted_at": "2026-03-02T11:00:00+01:00"})
    reviews = (await api.get("/v1/reviews")).json["items"]
    shop.set_time(MONDAY + 2 * DAY)

    restored = (await api.post(f"{path}/restored", {})).json

    assert claimed["facts"]["claim_at"] == reviews[0]["facts"]["claim_at"] == instant(MONDAY)
    assert restored["facts"]["contacted_at"] == instant(MONDAY)
    assert restored["evidence"][-1]["content"] == {"restored_at": instant(MONDAY + 2 * DAY)}
    deadlines = await shop.fetch_rows(
        "SELECT payload ->> 'deadline' FROM event"
        " WHERE subject = $1 AND type LIKE 'rental.%' ORDER BY seq",
        restored["id"],
    )
    assert [(deadline,) for deadline in deadlines_of(restored)] == deadlines


def deadlines_of(case: dict[str, Any]) -> list[str]:
    return [decision["deadline"] for decision in case["decisions"]]


async def test_a_withdrawal_from_its_request_to_its_payout(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    body = {"account": "alice", "reference": "w-1", "amount_minor": 600, "policy": "P3"}
    case = await opened(api, body, "/v1/withdrawals")
    path = f"/v1/withdrawals/{case['id']}"
    assert (case["state"], case["withheld_minor"]) == ("in_review", 600)
    assert (await api.post("/v1/withdrawals", body)).json == case
    assert (await api.post("/v1/withdrawals", {**body, "amount_minor": 1})).status == 409

    asked = await api.post(f"{path}/payment-info", {"event": "requested"})
    assert asked.json["decision"]["reason"] == "payment_info_required"
    await api.post(f"{path}/payment-info", {"event": "provided"})
    await api.post(f"{path}/kyc", {"status": "passed"})
    unpaid = await api.post(f"{path}/paid", {})
    assert (unpaid.status, unpaid.slug) == (409, "not-offered")
    verdict = {"grant": True, "note": "seen", "findings": {"psp_commission_minor": 10}}
    approved = await api.post(f"{path}/verdict", verdict)
    assert approved.json["state"] == "approved"
    until = instant(MONDAY + 20 * DAY)
    more = {"extension_until": until, "extension_beyond_control": True}
    extended = await api.post(f"{path}/paid", more)
    assert extended.json["facts"]["extension_beyond_control"] is True
    paid, again = await api.post(f"{path}/paid", {}), await api.post(f"{path}/paid", {})

    assert paid.json == again.json == (await api.get(path)).json
    assert (paid.json["state"], paid.json["moved_minor"]) == ("paid", 590)
    assert await shop.balances() == (400, 0)


async def test_a_claim_about_a_rental_is_paid_from_its_price(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    path = "/v1/rentals/alpha/long-1"
    rental = (await api.put(path, rented_long())).json
    body = {
        "rental": rental["id"],
        "claim_kind": "operator_block",
    }

    first, again = await api.post("/v1/claims", body), await api.post("/v1/claims", body)
    other = await api.post("/v1/claims", {**body, "reason": "it is blocked"})

    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert first.json == again.json
    assert (first.json["state"], first.json["decision"]["reason"]) == ("in_review", "cause_unknown")
    assert (first.json["rental"], first.json["activation"]) == (rental["id"], None)
    found = {"client_caused": False, "blocked_at": instant(MONDAY + 6 * DAY)}
    verdict = {"grant": True, "note": "the operator says so", "findings": found}
    granted = (await api.post(f"/v1/claims/{first.json['id']}/verdict", verdict)).json
    assert (granted["state"], granted["moved_minor"]) == ("granted", 400)
    shown = (await api.put(path, rented_long())).json
    assert (shown["claims"], shown["outages"]) == ([granted], [])


async def test_a_claim_is_about_one_order(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    about = {"activation": NOBODY, "rental": NOBODY}

    for body in ({}, about):
        reply = await api.post("/v1/claims", {"claim_kind": "other", **body})
        assert (reply.status, reply.pointers) == (422, ["/rental"])
    unknown = await api.post("/v1/claims", {"claim_kind": "other", "rental": NOBODY})
    assert (unknown.status, unknown.slug) == (404, "not-found")


async def test_a_claim_that_leaves_is_paid_out(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4")
    case = await opened(api, claim(id_, destination="wallet"))
    path = f"/v1/claims/{case['id']}"
    assert (case["state"], case["moved_minor"]) == ("in_review", 0)
    case = (await api.post(f"{path}/verdict", {"grant": True, "note": "seen"})).json
    assert (case["state"], case["moved_minor"]) == ("approved", 0)

    later = await api.post(
        f"{path}/paid",
        {"extension_until": instant(MONDAY + 30 * DAY), "extension_beyond_control": True},
    )
    assert later.json["state"] == "approved"
    paid, again = await api.post(f"{path}/paid", {}), await api.post(f"{path}/paid", {})

    assert paid.json == again.json == (await api.get(path)).json
    assert (paid.json["state"], paid.json["moved_minor"]) == ("paid", 333)


async def test_an_account_event_is_one_case_per_reference(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    path = "/v1/accounts/alice/events"

    first = await api.post(path, {"event": "law_enforcement_block", "policy": "P3"})
    again = await api.post(path, {"event": "law_enforcement_block", "policy": "P3"})

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.json["decision"]["outcome"] == "balance_frozen"
    body = {"event": "law_enforcement_block", "reference": "t-2", "policy": "P3"}
    second, same = await api.post(path, body), await api.post(path, body)
    other = await api.post(path, {**body, "at": instant(MONDAY)})
    assert (second.status, same.status, other.status) == (201, 200, 409)
    assert second.json["id"] == same.json["id"] != first.json["id"]
    early = await api.post(path, {**body, "at": instant(shop.clock.now + DAY)})
    assert (early.status, early.pointers) == (422, ["/at"])


async def test_a_review_of_an_activation_ends_it(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    (waiting,) = (await api.get("/v1/reviews")).json["items"]
    assert (waiting["kind"], waiting["id"]) == ("activation", str(id_))
    path = f"/v1/reviews/{id_}/verdict"

    done = await api.post(path, {"grant": True, "note": "seen"})
    again = await api.post(path, {"grant": True, "note": "again", "outcome": "refunded"})
    other = await api.post(path, {"grant": False, "note": "seen"})

    assert done.json["activation"]["settlement"]["outcome"] == "refunded"
    assert (again.status, other.status, other.slug) == (200, 409, "decided")
    assert await shop.balances() == (1000, 0)


async def test_a_verdict_that_cannot_be_carried_out_as_given_changes_nothing(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    case = await opened(api, claim(await shop.delivered_activation("P1", "2"), "carrier_fault"))
    before = await shop.all_rows()

    part = await api.post(
        f"/v1/reviews/{id_}/verdict", {"grant": True, "note": "seen", "amount_minor": PRICE - 1}
    )
    ending = {"grant": True, "note": "seen", "amount_minor": 50, "outcome": "closed"}
    strange = await api.post(f"/v1/reviews/{case['id']}/verdict", ending)
    contradictory = [
        await api.post(
            f"/v1/reviews/{id_}/verdict", {"grant": grant, "note": "seen", "outcome": outcome}
        )
        for grant, outcome in ((False, "refunded"), (True, "closed"), (True, "delivered"))
    ]

    assert (part.status, part.pointers) == (422, ["/amount_minor"])
    for refused in (strange, *contradictory):
        assert (refused.status, refused.pointers) == (422, ["/outcome"])
    assert await shop.all_rows() == before
    granted = await api.post(
        f"/v1/reviews/{id_}/verdict", {"grant": True, "note": "seen", "amount_minor": PRICE}
    )
    assert granted.json["activation"]["settlement"]["amount_minor"] == PRICE


async def test_an_activation_in_review_shows_why_and_by_when(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    since = shop.clock.now

    shown = await api.get(f"/v1/activations/{id_}")
    again = await api.get(
        f"/v1/activations/{id_}", headers={"If-None-Match": shown.headers["ETag"]}
    )

    line = shown.json["timeline"][-1]
    assert (line["what"], line["reason"]) == ("in_review", "sms_not_displayed")
    assert (line["at"], line["by_when"]) == (instant(since), instant(since + 2 * DAY))
    assert line["clauses"] == ["P3.23"]
    assert again.status == 304
    await api.post(f"/v1/reviews/{id_}/verdict", {"grant": True, "note": "seen"})
    ended = (await api.get(f"/v1/activations/{id_}")).json
    assert not any("by_when" in line for line in ended["timeline"]), "no review is open"


async def test_reviews_are_listed_page_by_page(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    for number in range(5):
        id_ = await shop.delivered_activation("P3", str(number))
        await shop.open_claim(id_, "wrong_code", evidence=["photo"])
    await shop.end_activation(
        await shop.rent_number("P3", "5"), State.IN_REVIEW, reason="sms_not_displayed"
    )
    complete = (await api.get("/v1/reviews")).json
    assert (len(complete["items"]), complete["next_cursor"]) == (6, None)

    page = (await api.get("/v1/reviews?limit=2")).json
    items = page["items"]
    while page["next_cursor"]:
        page = (await api.get(f"/v1/reviews?limit=2&cursor={page['next_cursor']}")).json
        items += page["items"]

    assert items == complete["items"]
    for bad in ("nonsense", "cmV2aWV3czo6OmFiYw"):
        reply = await api.get(f"/v1/reviews?cursor={bad}")
        assert (reply.status, reply.pointers) == (422, ["/cursor"])


async def test_a_review_of_a_case_decides_it(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1", policy_version="lost")
    case = await opened(api, claim(id_))
    path = f"/v1/reviews/{case['id']}/verdict"

    unnamed = await api.post(path, {"grant": True, "note": "seen"})
    named = await api.post(path, {"grant": True, "note": "seen", "amount_minor": 50})

    assert (unnamed.status, unnamed.pointers) == (422, ["/amount_minor"])
    assert (named.json["case"]["state"], named.json["activation"]) == ("granted", None)


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"/v1/claims/{{}}/{step}"
            for step in ("evidence", "verdict", "access", "rectified", "choice", "paid")
        ),
        *(f"/v1/withdrawals/{{}}/{step}" for step in ("verdict", "payment-info", "paid", "kyc")),
        "/v1/reviews/{}/verdict",
    ],
)
@pytest.mark.parametrize("id_", [NOBODY, "no-uuid"])
async def test_an_unknown_case_is_not_found(api: Api, path: str, id_: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "verdict": {"grant": True, "note": "seen"},
        "access": {"event": "requested"},
        "choice": {"choice": "refund"},
        "payment-info": {"event": "requested"},
        "kyc": {"status": "passed"},
    }
    reply = await api.post(path.format(id_), bodies.get(path.rsplit("/", 1)[1], {}))

    assert (reply.status, reply.slug) == (404, "not-found")


async def test_calls_about_unknown_things_are_not_found(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    nothing: list[tuple[Reply, str]] = [
        (await api.get(f"/v1/claims/{NOBODY}"), "not-found"),
        (await api.get(f"/v1/withdrawals/{NOBODY}"), "not-found"),
        (await api.post("/v1/claims", claim(NOBODY)), "unknown-activation"),
        (await api.post("/v1/rentals/alpha/none/outages", {}), "not-found"),
        (await api.post("/v1/rentals/alpha/none/restored", {}), "not-found"),
        (
            await api.post("/v1/withdrawals", {"account": "bob", "reference": "1"}),
            "unknown-account",
        ),
        (
            await api.post("/v1/accounts/bob/events", {"event": "rules_block"}),
            "unknown-account",
        ),
    ]
    assert [(reply.status, reply.slug) for reply, _ in nothing] == [
        (404, slug) for _, slug in nothing
    ]
    policy = {"event": "rules_block", "policy": "none"}
    refused = await api.post("/v1/accounts/alice/events", policy)
    assert (refused.status, refused.slug) == (422, "unknown-policy")


async def test_a_claim_is_no_withdrawal(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    case = await opened(api, claim(await shop.closed_activation("P1")))

    assert (await api.get(f"/v1/withdrawals/{case['id']}")).status == 404


async def test_an_instant_in_the_future_is_refused(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    case = await opened(api, claim(await shop.delivered_activation("P1"), "major_defect"))
    later = instant(shop.clock.now + DAY)
    path = f"/v1/claims/{case['id']}"

    for reply, pointer in [
        (await api.post(f"{path}/rectified", {"at": later}), "/at"),
        (await api.post(f"{path}/access", {"event": "requested", "at": later}), "/at"),
        (await api.post("/v1/claims", claim(NOBODY, claim_at=later)), "/claim_at"),
    ]:
        assert (reply.status, reply.pointers) == (422, [pointer])


async def test_reading_needs_a_token_and_writing_one_with_that_scope(api: Api) -> None:
    assert (await api.get("/v1/reviews", token=None)).status == 401
    assert (await api.post("/v1/claims", claim(NOBODY), token=READ_TOKEN)).status == 403


async def test_an_addition_after_the_date_is_answered_that_the_case_has_ended(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account()
    case = await opened(api, claim(await shop.delivered_activation("P1"), "invalid_number"))
    shop.set_time(MONDAY + 7 * DAY + TICK)

    reply = await api.post(f"/v1/claims/{case['id']}/evidence", {"evidence": ["photo"]})

    assert (reply.status, reply.slug) == (409, "ended")
    shown = (await api.get(f"/v1/claims/{case['id']}")).json
    assert (shown["state"], shown["decision"]["reason"]) == ("denied", "evidence_missing")


async def test_an_account_shows_its_policy_and_refuses_another(shop: CaseShop, api: Api) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P2"))
    withdrawal = {"account": "alice", "reference": "w-1", "policy": "P3"}
    event = {"event": "rules_block", "policy": "P3"}

    assert (await api.post("/v1/withdrawals", withdrawal)).slug == "policy-mismatch"
    refused = await api.post("/v1/accounts/alice/events", event)
    assert (refused.status, refused.slug) == (409, "policy-mismatch")
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


async def test_a_block_is_lifted_over_http(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    path = "/v1/accounts/alice/events"
    states = []
    for event in ("law_enforcement_block", "law_enforcement_unblock"):
        assert (await api.post(path, {"event": event, "reference": "t-1"})).status == 201
        states.append(await shop.fetch_value("SELECT state FROM account"))

    assert states == ["frozen", "open"]
