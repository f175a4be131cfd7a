"""The outgoing events, as the API shows them."""

from tests.unit.http.caller import READ_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW
from worker.ports.store.outbox import Event


def event(number: int) -> Event:
    return Event(
        id=f"evt_{number}",
        type="activation.refunded",
        at=NOW,
        activation=None,
        payload={"number": number},
        attempts=0,
    )


async def test_events_are_shown_newest_first_and_page_by_page(api: Api, world: World) -> None:
    world.events.rows = [event(number) for number in range(5)]
    seen: list[int] = []
    query = "?limit=2"
    while True:
        page = (await api.get(f"/v1/events{query}", token=READ_TOKEN)).json
        seen += [one["data"]["number"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == [4, 3, 2, 1, 0]


async def test_an_event_is_shown_as_it_is_sent(api: Api, world: World) -> None:
    world.events.rows = [event(7)]
    (shown,) = (await api.get("/v1/events")).json["items"]
    assert shown == {
        "id": "evt_7",
        "type": "activation.refunded",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "activation": None,
        "attempts": 0,
        "data": {"number": 7},
    }


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    reply = await api.get("/v1/events?cursor=ZW50cmllczo1")
    assert (reply.status, reply.pointers) == (422, ["/cursor"])
