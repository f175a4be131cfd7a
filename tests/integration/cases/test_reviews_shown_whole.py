"""A review shows all that a human decides from, and what an answer will do, before it is given."""

from typing import Any

import pytest
from sqlalchemy import event

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.unit.http.caller import READ_TOKEN, Api
from worker.domain.activation import State
from worker.entrypoints.http import reviews
from worker.entrypoints.http.responses import instant

WITHDRAWAL: dict[str, Any] = {
    "claim_channel": "form",
    "request_fields": ["amount", "payment_system", "details", "reason", "email"],
    "reasons_given": True,
}


async def waiting(api: Api, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/v1/reviews{query}")).json["items"]
    return items


def answers(review: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["answer"]: one for one in review["answers"]}


async def claimed(shop: CaseShop, api: Api) -> str:
    """A claim that a human judges by a photo, with an older case of its account beside it."""
    older = await shop.closed_activation("P1", "0")
    words = {"claim_kind": "non_receiving", "reason": "no SMS came"}
    assert (await api.post("/v1/claims", {"activation": str(older), **words})).status == 201
    id_ = await shop.delivered_activation("P3", order_ref="order-7")
    body = {
        "activation": str(id_),
        "claim_kind": "wrong_code",
        "reason": "it is for another service",
        "evidence": [{"kind": "photo", "reference": "https://shop/photo-1"}],
    }
    reply = await api.post("/v1/claims", body)
    assert (reply.status, reply.json["order_ref"]) == (201, "order-7")
    return str(reply.json["id"])


async def test_it_shows_the_words_the_order_and_the_other_cases_of_the_account(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await claimed(shop, api)
    note = {"note": "the photo is sharp"}
    assert (await api.post(f"/v1/claims/{case}/notes", note)).status == 200

    (review,) = await waiting(api)

    said = [(entry["what"], entry["content"], entry["by"]) for entry in review["said"]]
    pieces = [{"kind": "photo", "reference": "https://shop/photo-1"}]
    opened = {"reason": "it is for another service", "pieces": pieces}
    assert said == [("opened", opened, "shop"), ("note", note, "shop")]
    assert (review["case"], review["order_ref"]) == (case, "order-7")
    number = review["activation"]
    assert [code["code"] for code in number["codes"]] == ["1234"]
    assert [line["what"] for line in number["timeline"]][-1] == "settled"
    (other,) = review["other_cases"]
    assert (other["kind"], other["state"]) == ("claim", "granted")
    assert other["moved_minor"] == PRICE
    assert [one["id"] for one in review["sentences"]] == review["clauses"] != []
    assert all(one["says"] for one in review["sentences"])
    assert review["late"] is False

    masked = (await api.get("/v1/reviews", token=READ_TOKEN)).json["items"][0]["activation"]
    assert masked["codes"][0]["code"] == "****"
    (short,) = await waiting(api, "?brief=true")
    emptied: dict[str, Any] = {"said": [], "activation": None, "other_cases": [], "answers": []}
    assert short == {**review, **emptied}
    shop.set_time(MONDAY + 30 * DAY)
    assert [one["late"] for one in await waiting(api, "?brief=true")] == [True]


async def test_a_review_is_found_by_its_case_and_by_its_number(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    number = await shop.rent_number("P3", "2")
    await shop.end_activation(number, State.IN_REVIEW, reason="sms_not_displayed")
    case = await claimed(shop, api)
    of_case = (await api.get(f"/v1/claims/{case}")).json["activation"]

    assert [one["id"] for one in await waiting(api, f"?case={case}")] == [case]
    assert [one["id"] for one in await waiting(api, f"?activation={number}")] == [str(number)]
    assert [one["case"] for one in await waiting(api, f"?activation={of_case}")] == [case]
    unknown = await api.get("/v1/reviews?case=x")
    assert (unknown.status, unknown.slug) == (404, "not-found")


@pytest.mark.parametrize("answer", ["grant", "deny"])
async def test_an_answer_to_a_claim_does_what_was_said(
    shop: CaseShop, api: Api, answer: str
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await claimed(shop, api)
    before, _ = await shop.balances()
    (review,) = await waiting(api)
    told = answers(review)[answer]

    await api.post(f"/v1/claims/{case}/verdict", {"grant": answer == "grant", "note": "seen"})

    credited = (await shop.balances())[0] - before
    says = {
        "grant": "3.50 USD goes to the balance.",
        "deny": "The case is closed, and nothing is given.",
    }
    assert (told["says"], told["amount_minor"]) == (says[answer], credited)
    assert told["refused"] is False


async def test_an_answer_about_a_number_does_what_was_said(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    ids = [await shop.rent_number("P3", ref) for ref in ("1", "2")]
    for id_ in ids:
        await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    told = answers((await waiting(api))[0])

    for id_, grant in zip(ids, (True, False), strict=True):
        path = f"/v1/reviews/{id_}/verdict"
        assert (await api.post(path, {"grant": grant, "note": "heard"})).status == 200

    assert told["grant"]["says"] == "The number ends refunded: 3.50 USD is back on the balance."
    assert told["deny"]["says"] == "The number ends closed: 3.50 USD is charged."
    assert (told["grant"]["amount_minor"], told["deny"]["amount_minor"]) == (PRICE, 0)
    assert await shop.balances() == (1000 - PRICE, 0)


async def test_an_answer_says_what_becomes_of_the_money_that_was_set_aside(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600, **WITHDRAWAL)
    (review,) = await waiting(api)
    assert (review["case"], await shop.balances()) == (str(case.id), (400, 600))
    told = answers(review)
    assert told["grant"]["says"].startswith("6.00 USD is approved; somebody has to pay it out")
    assert told["deny"]["says"] == (
        "The case is closed, and nothing is given. 6.00 USD that was set aside is free again."
    )

    await api.post(f"/v1/withdrawals/{case.id}/verdict", {"grant": True, "note": "ok"})
    (owed,) = await waiting(api)

    assert (owed["case"], list(answers(owed))) == (str(case.id), ["paid"])
    assert answers(owed)["paid"]["says"].startswith("Pay 6.00 USD out by hand")
    assert owed["by_when"] > instant(MONDAY)


async def test_an_answer_that_a_block_stands_against_says_so(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.open_withdrawal("P3", amount_minor=600, **WITHDRAWAL)
    await shop.report_account_event("law_enforcement_block")

    (review,) = [one for one in await waiting(api) if one["kind"] == "withdrawal"]

    grant = answers(review)["grant"]
    assert (grant["amount_minor"], grant["destination"]) == (0, None)
    refused = await api.post(
        f"/v1/withdrawals/{review['case']}/verdict", {"grant": True, "note": "ok"}
    )
    assert grant["refused"] is (refused.status != 200)
    if refused.status == 200:
        assert refused.json["state"] != "approved"


async def test_cases_are_listed_by_what_is_known_of_them(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await claimed(shop, api)
    shop.set_time(shop.clock.now + DAY)
    paid = await shop.open_withdrawal("P3", amount_minor=100, **WITHDRAWAL)

    async def listed(query: str, path: str = "/v1/cases") -> list[str]:
        reply = await api.get(f"{path}?{query}", token=READ_TOKEN)
        assert reply.status == 200, reply.raw
        return [item["id"] for item in reply.json["items"]]

    everything = await listed("")
    assert everything[0] == str(paid.id)
    assert len(everything) == 3
    (withdrawn,) = (await api.get("/v1/withdrawals", token=READ_TOKEN)).json["items"]
    assert withdrawn["id"] == str(paid.id)
    assert await listed("kind=withdrawal") == [str(paid.id)]
    assert await listed("state=in_review&kind=claim") == [claim]
    assert await listed("account=nobody") == await listed("state=paid", "/v1/withdrawals") == []
    activation = (await api.get(f"/v1/claims/{claim}")).json["activation"]
    assert await listed(f"activation={activation}") == [claim]
    assert await listed("account=alice") == everything
    assert [await listed(f"id={id_}") for id_ in everything] == [[id_] for id_ in everything]
    assert await listed(f"id={claim}&kind=withdrawal") == []

    pages, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/cases?limit=1{cursor}")).json
        pages += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == everything
    wrong = await api.get("/v1/cases?kind=nothing")
    assert (wrong.status, wrong.pointers) == (422, ["/kind"])


async def test_a_review_that_is_not_shown_costs_nothing_and_more_of_them_no_transaction(
    shop: CaseShop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_account(amount_minor=5000)
    engine, _ = await shop.store.db._opened()
    sent: list[str] = []
    for what in ("begin", "before_cursor_execute"):
        event.listen(engine.sync_engine, what, lambda *_, what=what: sent.append(what))

    async def cost(query: str) -> tuple[int, int]:
        sent.clear()
        await waiting(api, query)
        return sent.count("begin"), sent.count("before_cursor_execute")

    async def claim(number: int) -> None:
        id_ = await shop.delivered_activation("P3", str(number))
        await shop.open_claim(id_, "wrong_code", evidence=["photo"])

    await claim(0)
    await cost("")  # What is read once for all, such as the policy, is read.
    alone = await cost("?limit=1")
    for number in (1, 2, 3):
        await claim(number)

    assert await cost("?limit=1") == alone
    assert (await cost("?limit=4"))[0] == alone[0]
    monkeypatch.setattr(reviews, "WHOLE_MAX", 3)
    first = (await api.get("/v1/reviews?limit=100")).json
    rest = (await api.get(f"/v1/reviews?limit=100&cursor={first['next_cursor']}")).json
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)
    assert len(await waiting(api, "?brief=true")) == 4
