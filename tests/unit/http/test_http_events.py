"""The outgoing events, as the API shows them, lets them be followed, and sends them again."""

import asyncio
from uuid import UUID

import pytest

from tests.unit.http.caller import READ_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW
from worker.domain.ids import ActivationId
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.events import PIECE, REPLAY_MAX
from worker.ports.store.outbox import EndpointReply, Event, EventState

ONE = ActivationId(UUID(int=1))
WITH_ENDPOINT = pytest.mark.usefixtures("with_endpoint")


def event(
    number: int, type_: str = "activation.refunded", activation: ActivationId | None = None
) -> Event:
    return Event(
        id=f"evt_{number}",
        type=type_,
        at=NOW,
        activation=activation,
        payload={"number": number},
        attempts=0,
    )


def put(world: World, count: int) -> None:
    for _ in range(count):
        world.events.put(event(len(world.events.rows)))


async def test_events_are_shown_newest_first_and_page_by_page(api: Api, world: World) -> None:
    put(world, 5)
    seen: list[int] = []
    query = "?limit=2"
    while True:
        page = (await api.get(f"/v1/events{query}", token=READ_TOKEN)).json
        seen += [one["data"]["number"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == [4, 3, 2, 1, 0]


async def test_an_event_is_shown_as_it_is_sent_with_where_its_delivery_stands(
    api: Api, world: World
) -> None:
    reply = EndpointReply(NOW, 503)
    world.events.put(event(7), state=EventState.PENDING, last_reply=reply)
    (shown,) = (await api.get("/v1/events")).json["items"]
    assert shown == {
        "seq": 1,
        "id": "evt_7",
        "type": "activation.refunded",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "activation": None,
        "state": "pending",
        "attempts": 0,
        "last_answer": {"at": "2026-01-01T00:00:00.000000Z", "status": 503},
        "data": {"number": 7},
    }


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    reply = await api.get("/v1/events?cursor=ZW50cmllczo1")
    assert (reply.status, reply.pointers) == (422, ["/cursor"])


async def test_a_follower_reads_on_from_where_it_was_oldest_first(api: Api, world: World) -> None:
    put(world, 3)
    first = (await api.get("/v1/events?after=0&limit=2", token=READ_TOKEN)).json
    put(world, 1)
    rest = (await api.get(f"/v1/events?after={first['next_after']}")).json
    last = (await api.get(f"/v1/events?after={rest['next_after']}")).json

    assert [one["seq"] for one in first["items"] + rest["items"]] == [1, 2, 3, 4]
    assert (last["items"], last["next_after"], last["next_cursor"]) == ([], 4, None)


async def test_events_are_filtered_by_all_that_is_given(api: Api, world: World) -> None:
    world.events.put(event(0, activation=ONE))
    world.events.put(event(1, "claim.opened", ONE), state=EventState.DEAD)
    world.events.put(event(2))
    for query, numbers in {
        f"activation={ONE}": [1, 0],
        "type=claim.opened": [1],
        "state=dead": [1],
        f"type=activation.refunded&activation={ONE}&state=sent": [0],
        "type=activation.refunded&after=1": [2],
        "type=claim.opened&after=2": [],
    }.items():
        items = (await api.get(f"/v1/events?{query}")).json["items"]
        assert [one["data"]["number"] for one in items] == numbers, query


async def test_a_follower_that_waits_gets_what_is_written_meanwhile(
    api: Api, world: World, deps: ApiDeps
) -> None:
    waiting = asyncio.create_task(api.get("/v1/events?after=0&wait_seconds=30"))
    async with asyncio.timeout(10):
        await world.events.asked.wait()
        put(world, 1)
        deps.changes.publish([ONE])
        page = (await waiting).json
    assert [one["seq"] for one in page["items"]] == [1]


async def test_what_others_write_is_found_by_who_waits_too(api: Api, world: World) -> None:
    """No process tells another; whoever waits asks now and then."""
    waiting = asyncio.create_task(api.get("/v1/events?after=0&wait_seconds=30&type=claim.opened"))
    async with asyncio.timeout(10):
        await world.events.asked.wait()
        put(world, 2)  # The filter leaves them out: the wait goes on beyond them.
        world.events.put(event(9, "claim.opened"))
        page = (await waiting).json
    assert ([one["seq"] for one in page["items"]], page["next_after"]) == ([3], 3)


async def test_a_wait_for_events_ends_with_its_time(api: Api, world: World) -> None:
    put(world, 2)
    page = (await api.get("/v1/events?after=2&wait_seconds=1")).json
    assert (page["items"], page["next_after"]) == ([], 2)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("after=-1", "/after"),
        ("after=9223372036854775808", "/after"),
        ("after=x", "/after"),
        ("wait_seconds=5", "/wait_seconds"),
        ("after=1&wait_seconds=31", "/wait_seconds"),
        ("after=1&cursor=ZXZlbnRzOjU", "/cursor"),
        ("state=lost", "/state"),
        ("type=a%20b", "/type"),
        ("limit=0", "/limit"),
    ],
)
async def test_a_query_that_cannot_be_meant_names_its_parameter(
    api: Api, query: str, pointer: str
) -> None:
    reply = await api.get(f"/v1/events?{query}")
    assert (reply.status, reply.pointers) == (422, [pointer])


@WITH_ENDPOINT
async def test_events_are_sent_again_by_their_ids(api: Api, world: World) -> None:
    reply = await api.post("/v1/events/replay", {"ids": ["evt_1", "evt_2"]})
    assert (reply.status, reply.json) == (200, {"replayed": 2})
    assert world.events.replayed == ["evt_1", "evt_2"]


@WITH_ENDPOINT
async def test_a_range_is_sent_again_in_pieces(api: Api, world: World) -> None:
    body = {"after": 10, "until": 10 + PIECE + 1, "type": "claim.opened"}
    reply = await api.post("/v1/events/replay", body)
    assert (reply.status, reply.json) == (200, {"replayed": 2})
    assert world.events.replayed == [
        (10, 10 + PIECE + 1, "claim.opened", PIECE),
        (10 + PIECE, 10 + PIECE + 1, "claim.opened", PIECE),
    ]


@WITH_ENDPOINT
async def test_who_asks_from_before_what_is_kept_is_told_where_that_begins(
    api: Api, world: World
) -> None:
    """`events-forgotten`: else a follower would miss some of them and not know it."""
    put(world, 5)
    world.events.forgotten = 3

    early = await api.get("/v1/events?after=2")
    again = await api.post("/v1/events/replay", {"after": 2, "until": 5})
    kept = await api.get("/v1/events?after=3")

    assert (early.status, early.slug, early.json["seq"]) == (410, "events-forgotten", 4)
    assert (again.status, again.slug, again.json["seq"]) == (410, "events-forgotten", 4)
    assert world.events.replayed == []
    assert (kept.status, [one["seq"] for one in kept.json["items"]]) == (200, [4, 5])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["a"], "after": 1},
        {"after": 1},
        {"until": 1},
        {"after": 5, "until": 5},
        {"after": 0, "until": REPLAY_MAX + 1},
        {"ids": ["a"], "type": "claim.opened"},
    ],
)
@WITH_ENDPOINT
async def test_a_replay_that_names_nothing_or_two_things_changes_nothing(
    api: Api, world: World, body: dict[str, object]
) -> None:
    reply = await api.post("/v1/events/replay", body)
    assert (reply.status, reply.slug) == (422, "invalid")
    assert world.events.replayed == []


@WITH_ENDPOINT
async def test_an_endpoint_that_answered_410_is_taken_into_use_again(
    api: Api, world: World
) -> None:
    world.events.gone = True
    for was_gone in (True, False):
        reply = await api.post("/v1/events/endpoint/enable")
        assert (reply.status, reply.json) == (200, {"was_gone": was_gone})


@pytest.mark.parametrize("path", ["/v1/events/replay", "/v1/events/endpoint/enable"])
async def test_without_an_endpoint_nothing_can_be_sent_again(api: Api, path: str) -> None:
    reply = await api.post(path, {"ids": ["a"]} if "replay" in path else None)
    assert (reply.status, reply.slug) == (409, "not-offered")


@pytest.mark.parametrize("path", ["/v1/events/replay", "/v1/events/endpoint/enable"])
async def test_who_may_only_read_sends_nothing_again(api: Api, path: str) -> None:
    assert (await api.post(path, {"ids": ["a"]}, token=READ_TOKEN)).status == 403


@pytest.fixture
def with_endpoint(world: World) -> None:
    world.events_wanted = True


async def test_events_of_what_is_no_id_are_those_of_no_activation(api: Api) -> None:
    reply = await api.get("/v1/events?activation=nonsense")

    assert (reply.status, reply.slug) == (404, "unknown-activation")
