"""Each fact has one source: a call that states another's is refused, and who told one is kept."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.store.shop import ALICE, TICK
from tests.unit.http.caller import Api
from worker.entrypoints.http.responses import instant


def claim(id_: object, kind: str = "non_receiving", **more: Any) -> dict[str, Any]:
    return {"activation": str(id_), "claim_kind": kind, "reason": "no SMS came", **more}


async def opened(api: Api, body: dict[str, Any], path: str = "/v1/claims") -> dict[str, Any]:
    reply = await api.post(path, body)
    assert reply.status == 201, reply.raw
    shown: dict[str, Any] = reply.json
    return shown


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


@pytest.mark.parametrize(
    ("said", "pointer", "teller"),
    [
        ({"allocation_failed": True}, "/allocation_failed", "our own log"),
        ({"cancel_failed": True}, "/cancel_failed", "our own log"),
        ({"was_listed": True}, "/was_listed", "the order call, in order_facts"),
        ({"client_caused": False}, "/client_caused", "a named human, in the findings of a verdict"),
        ({"kyc": "passed"}, "/kyc", "a named human, by the call …/kyc"),
        ({"facts": {"verified": True}}, "/facts/verified", "a named human, by the call …/verdict"),
    ],
)
async def test_a_claim_states_no_fact_of_another_source(
    shop: CaseShop, api: Api, said: dict[str, Any], pointer: str, teller: str
) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1")

    reply = await api.post("/v1/claims", claim(id_, **said))

    assert (reply.status, reply.slug, reply.pointers) == (422, "fact-not-yours", [pointer])
    assert reply.json["detail"] == f"{pointer.rpartition('/')[2]} is told by {teller}"
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/withdrawals", {"account": "alice", "reference": "w", "balance_minor": 5}),
        ("/v1/rentals/alpha/long-1/outages", {"restored_at": "2026-03-02T10:00:00Z"}),
    ],
)
async def test_neither_does_a_withdrawal_or_an_outage(
    shop: CaseShop, api: Api, path: str, body: dict[str, Any]
) -> None:
    await shop.open_account()

    assert (await api.post(path, body)).slug == "fact-not-yours"


@pytest.mark.parametrize(
    ("findings", "slug"),
    [
        ({"sms_received_at": "2026-03-02T10:00:00Z"}, "fact-not-yours"),
        ({"service_2fa": True}, "fact-not-yours"),
        ({"nonsense": 1}, "invalid"),
        ({"blocked_at": "yesterday"}, "invalid"),
    ],
)
async def test_a_verdict_has_findings_and_nothing_else(
    shop: CaseShop, api: Api, findings: dict[str, Any], slug: str
) -> None:
    await shop.open_account()
    case = await opened(
        api, claim(await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"])
    )
    verdict = {"grant": True, "note": "seen", "findings": findings}

    reply = await api.post(f"/v1/claims/{case['id']}/verdict", verdict)

    assert (reply.status, reply.slug) == (422, slug)
    assert reply.pointers == [f"/findings/{next(iter(findings))}"]


async def test_who_told_what_is_kept_with_it(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    pieces = [{"kind": "photo", "reference": "https://shop.example/1", "words": "the screen"}]
    case = await opened(
        api, claim(await shop.delivered_activation("P3"), "wrong_code", evidence=pieces)
    )
    verdict = {"grant": True, "note": "seen", "findings": {"account_flags": ["fraud_suspected"]}}
    path = f"/v1/claims/{case['id']}/verdict"
    unnoted = await api.post(path, {"grant": True})
    blank = await api.post(path, {"grant": True, "note": " "})
    decided = await api.post(path, verdict, headers={"X-Actor": "Maria"})

    told = [(line["what"], line["by"]) for line in decided.json["evidence"]]
    assert told == [("opened", "shop"), ("verdict", "Maria (shop)")]
    assert decided.json["evidence"][0]["content"]["pieces"] == pieces
    assert decided.json["evidence"][1]["content"]["note"] == "seen"
    assert (unnoted.status, unnoted.pointers) == (422, ["/note"])
    assert (blank.status, blank.pointers) == (422, ["/note"])
    found = await shop.store.cases.account_record(ALICE)
    assert found is not None
    assert found.account_flags == {"fraud_suspected"}, "a finding stays with the account"


async def test_nobody_asked_before_he_bought(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1")
    rented = rented_long()
    await api.put("/v1/rentals/alpha/long-1", rented)
    before = instant(MONDAY - TICK)

    claimed = await api.post("/v1/claims", claim(id_, claim_at=before))
    reported = await api.post("/v1/rentals/alpha/long-1/outages", {"contacted_at": before})

    assert (claimed.status, claimed.pointers) == (422, ["/claim_at"])
    assert (reported.status, reported.pointers) == (422, ["/contacted_at"])
    assert (await api.post("/v1/claims", claim(id_, claim_at=instant(MONDAY)))).status == 201


async def test_words_that_decide_nothing_are_kept_with_the_claim(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental(policy="P2")
    shop.set_time(MONDAY + 3 * DAY)
    details = {"iban": "DE00 0000", "holder": "Alice"}
    said = {"stopped_at": instant(MONDAY + DAY), "payment_details": details}
    body = {"rental": str(rental.id), "claim_kind": "carrier_fault", "reason": "nothing arrives"}

    case = await opened(api, {**body, "claim_channel": "chat", **said})
    told = (await api.get(f"/v1/claims/{case['id']}")).json

    assert told["evidence"][0]["content"] == {"reason": "nothing arrives", **said}
    assert "stopped_at" not in told["facts"]


async def test_what_a_replacement_is_worth_is_kept_with_its_case(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + DAY)
    claim_body = {"rental": str(rental.id), "claim_kind": "carrier_fault", "reason": "dead"}
    case = await opened(api, {**claim_body, "claim_channel": "email"})
    path = f"/v1/claims/{case['id']}"
    yes = {"grant": True, "note": "seen", "findings": {"replacement_available": True}}
    assert (await api.post(f"{path}/verdict", yes)).json["state"] == "waiting"
    new = await shop.book_rental("new", start=shop.clock.now)

    reply = await api.post(f"{path}/replacement", {"rental": str(new.id), "value_minor": 350})

    assert (reply.status, reply.json["state"]) == (200, "replaced")
    worth = {"replaced_by": str(new.id), "value_minor": 350}
    assert reply.json["evidence"][-1]["content"] == worth
