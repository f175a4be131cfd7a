"""Seeing, listing and ending activations over HTTP."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW, refunded, with_code
from tests.unit.http.numbers import watched
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.ports.service import ActionOutcome

NOBODY = "/v1/activations/00000000-0000-0000-0000-000000000000"


def id_of(shown: dict[str, str]) -> ActivationId:
    return ActivationId(UUID(shown["id"]))


@pytest.mark.parametrize("path", [NOBODY, "/v1/activations/nonsense", NOBODY + "0"])
async def test_an_id_of_nothing_is_unknown(api: Api, path: str) -> None:
    for reply in (
        await api.get(path),
        await api.post(f"{path}/cancel"),
        await api.post(f"{path}/finish"),
        await api.post(f"{path}/resend"),
        await api.post(f"{path}/report", {"reason": "banned there"}),
    ):
        assert (reply.status, reply.slug) == (404, "unknown-activation")


async def test_codes_and_the_settlement_are_shown(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    world.reads.put(with_code(refunded(world.reads.found[id_of(shown)])))
    again = (await api.get(f"/v1/activations/{shown['id']}")).json
    assert again["codes"] == [
        {
            "code": "123456",
            "text": "Your code is 123456",
            "received_at": "2026-01-01T00:00:00.000000Z",
        }
    ]
    assert again["settlement"] == {
        "outcome": "refunded",
        "amount_minor": 12,
        "reason": "cancel",
        "at": "2026-01-01T00:00:00.000000Z",
    }


async def test_cancel_ends_it_and_says_the_same_again(api: Api) -> None:
    one = f"/v1/activations/{(await watched(api)).json['id']}/cancel"
    first = await api.post(one)
    again = await api.post(one)
    assert (first.status, again.status) == (200, 200)
    assert first.json["state"] == "refunded"
    assert first.json == again.json


async def test_cancel_after_a_code_is_refused(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    world.reads.put(with_code(world.reads.found[id_of(shown)]))
    reply = await api.post(f"/v1/activations/{shown['id']}/cancel")
    assert (reply.status, reply.slug) == (409, "code-received")


async def test_a_cancel_the_provider_does_not_take_yet_is_owed(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    world.service.forced_action = ActionOutcome.PENDING
    reply = await api.post(f"/v1/activations/{shown['id']}/cancel")
    assert (reply.status, reply.json["id"]) == (202, shown["id"])


async def test_a_cancel_that_was_owed_and_ended_meanwhile_is_answered_as_ended(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    number = world.reads.found[id_of(shown)]
    world.service.forced_action = ActionOutcome.PENDING
    world.reads.put(replace(number, state=State.IN_REVIEW))
    judged = await api.post(f"/v1/activations/{shown['id']}/cancel")
    assert (judged.status, judged.json["state"]) == (200, "in_review")
    world.reads.put(refunded(number))
    cancelled = await api.post(f"/v1/activations/{shown['id']}/cancel")
    finished = await api.post(f"/v1/activations/{shown['id']}/finish")
    assert (cancelled.status, cancelled.json["state"]) == (200, "refunded")
    assert finished.status == 202, "settled, and the provider is still to be told"


@pytest.mark.parametrize("wish", ["finish", "resend"])
async def test_finish_and_resend_need_a_code(api: Api, world: World, wish: str) -> None:
    shown = (await watched(api)).json
    path = f"/v1/activations/{shown['id']}/{wish}"
    before = await api.post(path)
    assert (before.status, before.slug) == (409, "no-code")
    world.reads.put(with_code(world.reads.found[id_of(shown)]))
    after = await api.post(path)
    assert (after.status, after.json["id"]) == (200, shown["id"])


@pytest.mark.parametrize("wish", ["cancel", "finish", "resend"])
@pytest.mark.parametrize(
    ("how", "status", "slug"),
    [(ActionOutcome.ENDED, 409, "ended"), (ActionOutcome.NOT_OFFERED, 409, "not-offered")],
)
async def test_a_wish_that_cannot_be_met_says_why(
    api: Api, world: World, wish: str, how: ActionOutcome, status: int, slug: str
) -> None:
    shown = (await watched(api)).json
    world.service.forced_action = how
    reply = await api.post(f"/v1/activations/{shown['id']}/{wish}")
    assert (reply.status, reply.slug) == (status, slug)


async def test_a_resend_the_provider_did_not_hear_can_be_asked_again(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    world.service.forced_action = ActionOutcome.PROVIDER_UNAVAILABLE
    reply = await api.post(f"/v1/activations/{shown['id']}/resend")
    assert (reply.status, reply.slug) == (503, "provider-unavailable")
    assert int(reply.headers["Retry-After"]) > 0


async def test_a_bad_number_is_reported_with_its_reason_and_who_gave_it(api: Api) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"

    unsaid = await api.post(f"{path}/report", {})
    first = await api.post(f"{path}/report", {"reason": "banned there"}, headers={"X-Actor": "ann"})
    again = await api.post(f"{path}/report", {"reason": "banned there"})

    assert (unsaid.status, unsaid.slug) == (422, "invalid")
    assert (first.status, first.json["state"]) == (200, "refunded")
    assert first.json == again.json
    (line,) = [line for line in first.json["timeline"] if line["what"] == "reported"]
    assert (line["by"], line["note"]) == ("ann (shop)", "banned there")


@pytest.mark.parametrize(
    ("how", "status", "slug"),
    [
        (ActionOutcome.CODE_RECEIVED, 409, "code-received"),
        (ActionOutcome.NOT_OFFERED, 409, "not-offered"),
        (ActionOutcome.REPORT_REFUSED, 409, "report-refused"),
        (ActionOutcome.PROVIDER_UNAVAILABLE, 503, "provider-unavailable"),
    ],
)
async def test_a_report_that_is_not_taken_says_why(
    api: Api, world: World, how: ActionOutcome, status: int, slug: str
) -> None:
    shown = (await watched(api)).json
    world.service.forced_action = how
    reply = await api.post(f"/v1/activations/{shown['id']}/report", {"reason": "banned there"})
    assert (reply.status, reply.slug) == (status, slug)


async def test_the_list_is_newest_first_and_pages_without_gap_or_repeat(
    api: Api, world: World
) -> None:
    for at in range(5):
        # Two of one instant: the id decides, and the cursor has to hold it.
        rented_at = NOW - timedelta(seconds=at // 2)
        await watched(api, ref=f"ref-{at}", rented_at=rented_at.isoformat())
    seen: list[str] = []
    query = "?limit=2"
    while True:
        page = (await api.get(f"/v1/activations{query}")).json
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    newest = sorted(world.reads.found.values(), key=lambda one: (one.rented_at, one.id))
    assert seen == [str(one.id) for one in newest[::-1]]


async def test_the_list_is_filtered_by_all_that_is_given(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    await watched(api, ref="ref-2")
    world.reads.put(refunded(world.reads.found[id_of(shown)]))
    for query, count in {
        "": 2,
        "?state=refunded": 1,
        "?state=refunded&provider=alpha&account=ann": 1,
        "?state=in_review": 0,
        "?provider=omega": 0,
        "?account=bob": 0,
    }.items():
        assert len((await api.get(f"/v1/activations{query}")).json["items"]) == count, query


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=done", "/state"),
        ("state=", "/state"),
        ("limit=201", "/limit"),
        ("cursor=bm90IG9uZQ", "/cursor"),
        ("cursor=ZW50cmllczo1", "/cursor"),
        ("cursor=YWN0aXZhdGlvbnM6OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA", "/cursor"),
        ("cursor=%ff", "/cursor"),
        ("cursor=" + "A" * 201, "/cursor"),
        ("provder=alpha", "/provder"),
    ],
)
async def test_a_list_query_that_is_not_understood_is_named(
    api: Api, query: str, pointer: str
) -> None:
    reply = await api.get(f"/v1/activations?{query}")
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [pointer])


async def test_one_that_was_seen_already_is_not_sent_again(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    path = f"/v1/activations/{shown['id']}"
    seen = {"If-None-Match": (await api.get(path)).headers["ETag"]}
    assert (await api.get(path, headers=seen)).status == 304
    world.reads.put(with_code(world.reads.found[id_of(shown)]))
    assert (await api.get(path, headers=seen)).status == 200


async def test_waiting_ends_when_something_changes(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    waiting = asyncio.create_task(api.get(f"/v1/activations/{shown['id']}?wait_seconds=30"))
    await world.reads.asked.wait()
    world.reads.put(with_code(world.reads.found[id_of(shown)]))
    async with asyncio.timeout(10):
        reply = await waiting
    assert reply.json["state"] == "received"


async def test_what_changed_since_it_was_seen_is_not_waited_for(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    path = f"/v1/activations/{shown['id']}"
    seen = {"If-None-Match": (await api.get(path)).headers["ETag"]}
    world.reads.put(with_code(world.reads.found[id_of(shown)]))
    async with asyncio.timeout(10):
        reply = await api.get(f"{path}?wait_seconds=30", headers=seen)
    assert reply.json["state"] == "received"


async def test_what_cannot_change_any_more_is_not_waited_for(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    world.reads.put(refunded(world.reads.found[id_of(shown)]))
    async with asyncio.timeout(10):
        reply = await api.get(f"/v1/activations/{shown['id']}?wait_seconds=30")
    assert reply.json["state"] == "refunded"


async def test_waiting_without_a_change_shows_what_there_is(api: Api) -> None:
    shown = (await watched(api)).json
    reply = await api.get(f"/v1/activations/{shown['id']}?wait_seconds=1")
    assert (reply.status, reply.json) == (200, shown)


@pytest.mark.parametrize("seconds", ["31", "-1", "1.5", "long", "true"])
async def test_the_wait_has_a_limit(api: Api, seconds: str) -> None:
    reply = await api.get(f"{NOBODY}?wait_seconds={seconds}")
    assert (reply.status, reply.pointers) == (422, ["/wait_seconds"])


async def test_a_customer_settled_is_still_waited_for_at_the_provider(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    owed = replace(
        refunded(world.reads.found[id_of(shown)]),
        provider_state=world.reads.found[id_of(shown)].provider_state,
    )
    world.reads.put(owed)
    waiting = asyncio.create_task(api.get(f"/v1/activations/{shown['id']}?wait_seconds=30"))
    await world.reads.asked.wait()
    world.reads.put(refunded(owed))
    async with asyncio.timeout(10):
        assert (await waiting).json["provider_state"] == "cancelled"
