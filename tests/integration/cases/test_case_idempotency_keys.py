"""Calls with an Idempotency-Key: repeated, they get the first answer and change nothing."""

import asyncio
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.test_case_http import NOBODY, claim, opened, rented_long
from tests.integration.store.pausing import Rival
from tests.unit.http.caller import Api, Reply
from worker.domain.activation import State
from worker.entrypoints.http.responses import instant
from worker.ports.errors import StoreUnavailable
from worker.ports.store.books import TakenKey

RENTAL = "/v1/rentals/alpha/long-1"


async def keyed(api: Api, path: str, body: dict[str, Any], key: str = "k-1") -> Reply:
    return await api.post(path, body, headers={"Idempotency-Key": key})


async def test_a_repeated_call_gets_its_first_answer(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    body = claim(await shop.delivered_activation("P1"), "invalid_number", evidence=["photo"])

    first = await keyed(api, "/v1/claims", body)
    await api.post(f"/v1/claims/{first.json['id']}/verdict", {"grant": True, "note": "seen"})
    again = await keyed(api, "/v1/claims", body)
    without = await api.post("/v1/claims", body)

    assert (first.status, again.status, without.status) == (201, 201, 200)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert without.json["state"] == "granted", "without a key it is shown as it is now"


async def test_a_key_is_for_one_content(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    body = claim(await shop.closed_activation("P1"))
    first = await keyed(api, "/v1/claims", body)

    about_another = claim(await shop.closed_activation("P1", "2"))
    for other in ({**body, "reason": "another"}, about_another):
        reply = await keyed(api, "/v1/claims", other)
        assert (reply.status, reply.slug) == (422, "idempotency-key-reused")
    shuffled = dict(reversed(body.items()))
    assert (await keyed(api, "/v1/claims", shuffled)).json == first.json


async def test_a_key_counts_per_account_and_route(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    await api.put("/v1/accounts/bob", {"currency": "USD"})
    about_alice = claim(await shop.closed_activation("P1"))
    case = (await keyed(api, "/v1/claims", about_alice)).json["id"]
    await api.put(RENTAL, rented_long())

    calls: list[tuple[str, dict[str, Any]]] = [
        ("/v1/withdrawals", {"account": "alice", "reference": "w-1", "amount_minor": 1}),
        ("/v1/withdrawals", {"account": "bob", "reference": "w-1"}),
        (f"{RENTAL}/outages", {}),
        (f"/v1/claims/{case}/notes", {"note": "seen"}),
        ("/v1/accounts/alice/notes", {"note": "seen"}),
        ("/v1/accounts/bob/notes", {"note": "seen"}),
        ("/v1/accounts/bob/events", {"event": "rules_block"}),
        ("/v1/accounts/alice/events", {"event": "rules_block"}),
    ]
    for path, body in calls:
        reply = await keyed(api, path, body)
        assert reply.status in {200, 201}, (path, reply.raw)
        assert (await keyed(api, path, body)).json == reply.json, path


async def test_a_key_is_one_account_s_whatever_of_it_the_call_names(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=100_000)
    await api.put("/v1/accounts/bob", {"currency": "USD"})
    await api.post("/v1/accounts/bob/topups", {"reference": "t-1", "amount_minor": 100_000})
    numbers = [await shop.closed_activation("P1", ref) for ref in ("1", "2")]
    cases = [(await opened(api, claim(number)))["id"] for number in numbers]
    rentals = [RENTAL, "/v1/rentals/alpha/long-2", "/v1/rentals/alpha/long-3"]
    for path, account in zip(rentals, ("alice", "alice", "bob"), strict=True):
        assert (await api.put(path, {**rented_long(), "account": account})).status < 300
    alike: list[list[str]] = [
        [f"/v1/claims/{case}/notes" for case in cases],
        [f"/v1/activations/{number}/notes" for number in numbers],
        [f"{rental}/outages" for rental in rentals],
    ]

    for first, second, *others in alike:
        body = {} if first.endswith("outages") else {"note": "seen"}
        assert (await keyed(api, first, body)).status < 300, first
        assert (await keyed(api, second, body)).slug == "idempotency-key-reused", second
        assert [(await keyed(api, other, body)).status < 300 for other in others] == [
            True for _ in others
        ]


@pytest.mark.parametrize("named", ["", "a\x00", "x" * 9_000, "\ud800"])
async def test_a_call_about_nothing_that_can_be_is_a_problem_with_a_key_too(
    shop: CaseShop, api: Api, named: str
) -> None:
    await shop.open_account()

    reply = await keyed(api, "/v1/claims", {"activation": named, "claim_kind": "no_sms"})

    assert 400 <= reply.status < 500, reply.raw


async def test_a_late_repetition_has_no_second_effect(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    await api.put(RENTAL, rented_long())
    outage: dict[str, Any] = {}
    first = await keyed(api, f"{RENTAL}/outages", outage)
    shop.set_time(MONDAY + 2 * DAY)
    back = await keyed(api, f"{RENTAL}/restored", {"at": instant(shop.clock.now)}, "k-2")
    assert back.status == 200, back.raw

    late = await keyed(api, f"{RENTAL}/outages", outage)

    assert (first.status, late.status) == (201, 201)
    assert late.json == first.json
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 1, "no second outage"
    assert (await keyed(api, f"{RENTAL}/outages", outage, "k-3")).status == 201
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 2


async def test_a_repeated_old_step_does_not_undo_a_newer_one(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000, policy="P4")
    body = {"account": "alice", "reference": "w-1", "amount_minor": 600, "policy": "P4"}
    path = f"/v1/withdrawals/{(await opened(api, body, '/v1/withdrawals'))['id']}"
    await keyed(api, f"{path}/kyc", {"status": "requested"}, "asked")
    await keyed(api, f"{path}/kyc", {"status": "passed"}, "passed")

    await keyed(api, f"{path}/kyc", {"status": "requested"}, "asked")

    assert (await api.get(path)).json["facts"]["kyc"] == "passed"


async def test_a_failed_call_leaves_its_key_free(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    unknown = await keyed(api, "/v1/claims", claim(NOBODY))
    assert unknown.status == 404

    done = await keyed(api, "/v1/claims", claim(await shop.closed_activation("P1")))

    assert done.status == 201


async def test_a_call_without_a_kept_answer_is_run_again(
    shop: CaseShop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_account(amount_minor=1000)
    body = claim(await shop.closed_activation("P1"))
    keep = type(shop.store.books).keep_answer

    async def cut(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(type(shop.store.books), "keep_answer", cut)
    assert (await keyed(api, "/v1/claims", body)).status == 503
    monkeypatch.setattr(type(shop.store.books), "keep_answer", keep)

    assert (await keyed(api, "/v1/claims", {**body, "reason": "other"})).status == 422
    again = await keyed(api, "/v1/claims", body)
    assert (again.status, again.json["moved_minor"]) == (200, 350)
    assert await shop.balances() == (1000, 0)


async def test_two_calls_at_once_get_one_answer(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    body = claim(await shop.closed_activation("P1"))

    replies = await asyncio.gather(*(keyed(api, "/v1/claims", body) for _ in range(4)))

    assert len({(reply.status, reply.raw) for reply in replies}) <= 2
    assert (await keyed(api, "/v1/claims", body)).status in {200, 201}
    assert await shop.balances() == (1000, 0)


async def test_a_verdict_under_a_key_is_given_once(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    case = await opened(api, claim(await shop.delivered_activation("P1"), "carrier_fault"))
    path = f"/v1/reviews/{case['id']}/verdict"

    first = await keyed(api, path, {"grant": True, "note": "seen", "amount_minor": 50})
    again = await keyed(api, path, {"grant": True, "note": "seen", "amount_minor": 50})
    other = await keyed(api, path, {"grant": True, "note": "seen", "amount_minor": 51})

    assert first.json == again.json
    assert (other.status, other.slug) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "  ", '"open', "é", "x" * 256])
async def test_a_malformed_key_is_refused(shop: CaseShop, api: Api, key: str) -> None:
    await shop.open_account()

    reply = await keyed(api, "/v1/accounts/alice/events", {"event": "rules_block"}, key)

    assert (reply.status, reply.slug) == (400, "idempotency-key-required")
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 0


async def test_answers_are_forgotten_after_a_day(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    body = claim(await shop.closed_activation("P1"))
    await keyed(api, "/v1/claims", body)
    await shop.admin.execute("UPDATE answer SET taken_at = taken_at - interval '25 hours'")

    again = await keyed(api, "/v1/claims", body)

    assert again.status == 200, "the case is kept for good"
    assert await shop.fetch_value("SELECT count(*) FROM answer") == 1
    other = await keyed(api, "/v1/claims", {**body, "claim_kind": "other"})
    assert other.slug == "idempotency-key-reused", "it was taken anew, for a day"


async def test_an_answer_with_a_phone_number_is_forgotten_by_the_tick(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW)
    await keyed(api, f"/v1/reviews/{id_}/verdict", {"grant": True, "note": "seen"})
    assert "15550001" in await shop.fetch_value("SELECT answer::text FROM answer")
    await shop.fire_due_timers(MONDAY + DAY)
    assert await shop.fetch_value("SELECT count(*) FROM answer") == 1
    await shop.admin.execute("UPDATE answer SET taken_at = taken_at - interval '25 hours'")

    await shop.fire_due_timers(MONDAY + DAY)

    assert await shop.fetch_value("SELECT count(*) FROM answer") == 0


async def test_a_call_that_fails_does_not_free_the_key_of_another(shop: CaseShop) -> None:
    answers = shop.store.books
    await answers.take_key("k", "mine")
    await answers.let_go("k", "mine")
    assert (await answers.take_key("k", "other")).content_hash == "other"

    await answers.let_go("k", "mine")

    assert (await answers.take_key("k", "mine")).content_hash == "other"


async def test_a_late_answer_is_not_given_to_a_call_that_took_the_key_since(
    shop: CaseShop,
) -> None:
    answers = shop.store.books
    await answers.take_key("k", "mine")
    await answers.let_go("k", "mine")  # The same call, sent twice: the other one failed.
    await answers.take_key("k", "other")

    mine = await answers.keep_answer("k", "mine", {"status": 1})
    other = await answers.keep_answer("k", "other", {"status": 2})

    assert (mine, other) == ({"status": 1}, {"status": 2})
    assert await answers.take_key("k", "other") == TakenKey("other", {"status": 2})


async def test_a_key_that_is_released_and_taken_at_once_is_taken(
    shop: CaseShop, rival: Rival
) -> None:
    await shop.store.books.take_key("k", "mine")
    leaving = await rival.start(rival.store.books.let_go("k", "mine"))
    taking = await rival.run_into(shop.store.books.take_key("k", "mine"))

    rival.gate.go.set()
    await leaving

    assert await taking == TakenKey("mine", None)
