"""Calls under an Idempotency-Key: sent again, they get the first answer and do nothing."""

import asyncio
from typing import Any

import pytest

from tests.integration.cases.office import DAY, MONDAY, Office
from tests.integration.cases.test_case_http import NOBODY, api, claim, opened, rented_long
from tests.integration.store.pausing import Rival
from tests.unit.http.caller import Api, Reply
from tests.unit.http.conftest import described
from worker.domain.activation import State
from worker.entrypoints.http.responses import instant
from worker.ports.errors import StoreUnavailable
from worker.ports.store.books import TakenKey

FIXTURES = (api, described)
RENTAL = "/v1/rentals/alpha/long-1"


async def keyed(api: Api, path: str, body: dict[str, Any], key: str = "k-1") -> Reply:
    return await api.post(path, body, headers={"Idempotency-Key": key})


async def test_the_same_again_is_answered_as_the_first_time(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    body = claim(await office.delivered("P1"), "invalid_number", evidence=["photo"])

    first = await keyed(api, "/v1/claims", body)
    await api.post(f"/v1/claims/{first.json['id']}/verdict", {"grant": True})
    again = await keyed(api, "/v1/claims", body)
    without = await api.post("/v1/claims", body)

    assert (first.status, again.status, without.status) == (201, 201, 200)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert without.json["state"] == "granted", "without a key it is shown as it is now"


async def test_a_key_is_for_one_content_and_one_call(office: Office, api: Api) -> None:
    await office.open()
    body = claim(await office.closed("P1"))
    first = await keyed(api, "/v1/claims", body)

    for path, other in [
        ("/v1/claims", {**body, "reason": "another"}),
        (f"/v1/claims/{first.json['id']}/rectified", {}),
        ("/v1/accounts/alice/events", {"event": "rules_block"}),
    ]:
        reply = await keyed(api, path, other)
        assert (reply.status, reply.slug) == (422, "idempotency-key-reused")
    assert await office.one("SELECT state FROM account") == "open"
    shuffled = dict(reversed(body.items()))
    assert (await keyed(api, "/v1/claims", shuffled)).json == first.json


async def test_a_call_that_comes_late_does_not_happen_again(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    await api.put(RENTAL, rented_long())
    outage: dict[str, Any] = {"facts": {"outage_verified": True}}
    first = await keyed(api, f"{RENTAL}/outages", outage)
    office.at(MONDAY + 2 * DAY)
    back = await keyed(api, f"{RENTAL}/restored", {"at": instant(office.hands.now)}, "k-2")
    assert back.status == 200, back.raw

    late = await keyed(api, f"{RENTAL}/outages", outage)

    assert (first.status, late.status) == (201, 201)
    assert late.json == first.json
    assert await office.one("SELECT count(*) FROM case_") == 1, "no second outage"
    assert (await keyed(api, f"{RENTAL}/outages", outage, "k-3")).status == 201
    assert await office.one("SELECT count(*) FROM case_") == 2


async def test_an_old_step_does_not_undo_a_newer_one(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    body = {"account": "alice", "reference": "w-1", "amount_minor": 600, "policy": "P4"}
    path = f"/v1/withdrawals/{(await opened(api, body, '/v1/withdrawals'))['id']}"
    await keyed(api, f"{path}/kyc", {"status": "requested"}, "asked")
    await keyed(api, f"{path}/kyc", {"status": "passed"}, "passed")

    await keyed(api, f"{path}/kyc", {"status": "requested"}, "asked")

    assert (await api.get(path)).json["facts"]["kyc"] == "passed"


async def test_what_failed_leaves_its_key_free(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    unknown = await keyed(api, "/v1/claims", claim(NOBODY))
    assert unknown.status == 404

    done = await keyed(api, "/v1/claims", claim(await office.closed("P1")))

    assert done.status == 201


async def test_what_ended_without_an_answer_is_run_again(
    office: Office, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.open(amount_minor=1000)
    body = claim(await office.closed("P1"))
    keep = type(office.store.books).keep_answer

    async def cut(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(type(office.store.books), "keep_answer", cut)
    assert (await keyed(api, "/v1/claims", body)).status == 503
    monkeypatch.setattr(type(office.store.books), "keep_answer", keep)

    assert (await keyed(api, "/v1/claims", {**body, "reason": "other"})).status == 422
    again = await keyed(api, "/v1/claims", body)
    assert (again.status, again.json["moved_minor"]) == (200, 350)
    assert await office.money() == (1000, 0)


async def test_two_calls_at_once_get_one_answer(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    body = claim(await office.closed("P1"))

    replies = await asyncio.gather(*(keyed(api, "/v1/claims", body) for _ in range(4)))

    assert len({(reply.status, reply.raw) for reply in replies}) <= 2
    assert (await keyed(api, "/v1/claims", body)).status in {200, 201}
    assert await office.money() == (1000, 0)


async def test_a_verdict_under_a_key_is_given_once(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    case = await opened(api, claim(await office.delivered("P1"), "carrier_fault"))
    path = f"/v1/reviews/{case['id']}/verdict"

    first = await keyed(api, path, {"grant": True, "amount_minor": 50})
    again = await keyed(api, path, {"grant": True, "amount_minor": 50})
    other = await keyed(api, path, {"grant": True, "amount_minor": 51})

    assert first.json == again.json
    assert (other.status, other.slug) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "  ", '"open', "é", "x" * 256])
async def test_a_key_nobody_can_compare_is_refused(office: Office, api: Api, key: str) -> None:
    await office.open()

    reply = await keyed(api, "/v1/accounts/alice/events", {"event": "rules_block"}, key)

    assert (reply.status, reply.slug) == (400, "idempotency-key-required")
    assert await office.one("SELECT count(*) FROM case_") == 0


async def test_answers_are_forgotten_after_a_day(office: Office, api: Api) -> None:
    await office.open(amount_minor=1000)
    body = claim(await office.closed("P1"))
    await keyed(api, "/v1/claims", body)
    await office.admin.execute("UPDATE answer SET taken_at = taken_at - interval '25 hours'")

    again = await keyed(api, "/v1/claims", body)

    assert again.status == 200, "what it is about is remembered for good"
    assert await office.one("SELECT count(*) FROM answer") == 1
    other = await keyed(api, "/v1/claims", {**body, "claim_kind": "other"})
    assert other.slug == "idempotency-key-reused", "it was taken anew, for a day"


async def test_an_answer_that_shows_a_phone_does_not_wait_for_the_next_call_to_be_forgotten(
    office: Office, api: Api
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P3")
    await office.end(id_, State.IN_REVIEW)
    await keyed(api, f"/v1/reviews/{id_}/verdict", {"grant": True})
    assert "15550001" in await office.one("SELECT answer::text FROM answer")
    await office.ring(MONDAY + DAY)
    assert await office.one("SELECT count(*) FROM answer") == 1
    await office.admin.execute("UPDATE answer SET taken_at = taken_at - interval '25 hours'")

    await office.ring(MONDAY + DAY)

    assert await office.one("SELECT count(*) FROM answer") == 0


async def test_a_call_that_fails_does_not_free_the_key_of_another(office: Office) -> None:
    answers = office.store.books
    await answers.take_key("k", "mine")
    await answers.let_go("k", "mine")
    assert (await answers.take_key("k", "other")).content_hash == "other"

    await answers.let_go("k", "mine")

    assert (await answers.take_key("k", "mine")).content_hash == "other"


async def test_an_answer_that_comes_late_is_not_told_to_who_took_the_key_since(
    office: Office,
) -> None:
    answers = office.store.books
    await answers.take_key("k", "mine")
    await answers.let_go("k", "mine")  # The same call, sent twice: the other one failed.
    await answers.take_key("k", "other")

    mine = await answers.keep_answer("k", "mine", {"status": 1})
    other = await answers.keep_answer("k", "other", {"status": 2})

    assert (mine, other) == ({"status": 1}, {"status": 2})
    assert await answers.take_key("k", "other") == TakenKey("other", {"status": 2})


async def test_a_key_that_is_let_go_while_it_is_taken_is_taken(
    office: Office, rival: Rival
) -> None:
    await office.store.books.take_key("k", "mine")
    leaving = await rival.start(rival.store.books.let_go("k", "mine"))
    taking = await rival.run_into(office.store.books.take_key("k", "mine"))

    rival.gate.go.set()
    await leaving

    assert await taking == TakenKey("mine", None)


async def test_the_texts_of_old_sms_are_forgotten_without_anybody_asking(office: Office) -> None:
    await office.open()
    await office.delivered("P1")
    await office.admin.execute("UPDATE code SET text = 'Your code'")
    assert await office.one("SELECT received_at < now() - interval '3 days' FROM code")

    await office.ring(MONDAY + DAY)

    assert await office.one("SELECT text IS NULL AND code IS NOT NULL FROM code")
