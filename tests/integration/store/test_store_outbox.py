"""The outbox: in order per activation, at least once, under ids that never change."""

import asyncio
from datetime import timedelta

from tests.integration.store.shop import DEADLINE, LEASE, RENTED, SIM, TICK, Shop, delivery
from worker.adapters.store.event_ids import event_id
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.entrypoints.http.events import EventsToReplay, ReplayHandlers
from worker.ports.store.outbox import Event, EventFilter, FailedEvent

NOW = DEADLINE + timedelta(hours=1)
HERE = "the endpoint's hash"
EVERYTHING = EventFilter()


async def told_twice(shop: Shop, *refs: str) -> None:
    """Per ref two events: code received, delivered."""
    await shop.open()
    for ref in refs:
        await shop.rent(ref)
        await shop.code(ref, "1234", RENTED)
    due = await shop.store.settlements.due_deliveries(100, now=NOW)
    await shop.store.settlements.settle([delivery(one.id) for one in due], now=NOW)


async def claim(shop: Shop, limit: int = 100, *, after: timedelta = timedelta(0)) -> list[Event]:
    return await shop.store.outbox.lease_events(limit, LEASE, HERE, now=NOW + after)


async def test_the_next_event_of_an_activation_waits_for_the_one_before(shop: Shop) -> None:
    await told_twice(shop, "1", "2")

    first = await claim(shop)
    assert await claim(shop) == []
    await shop.store.outbox.events_sent({first[0].id: 200})
    second = await claim(shop)

    assert [event.type for event in first] == ["activation.code_received"] * 2
    assert [(event.type, event.activation) for event in second] == [
        ("activation.delivered", first[0].activation)
    ]


async def test_an_event_of_a_case_waits_for_those_before_about_the_same_number(shop: Shop) -> None:
    await told_twice(shop, "1")
    number = await shop.one("SELECT id FROM activation")
    await shop.admin.execute(
        "INSERT INTO event (subject, type, activation_id, payload)"
        " VALUES ('of the case', 'claim.opened', $1, '{}')",
        number,
    )

    (first,) = await claim(shop)
    assert await claim(shop) == []
    await shop.store.outbox.events_failed([FailedEvent(first.id, LEASE, 500)], now=NOW)
    assert await claim(shop) == []
    in_turn = [first.type]
    for _ in range(3):
        (event,) = await claim(shop, after=LEASE)
        in_turn.append(event.type)
        await shop.store.outbox.events_sent({event.id: 200})

    last = ["activation.delivered", "claim.opened"]
    assert in_turn == [*["activation.code_received"] * 2, *last]


async def test_a_claim_that_died_comes_back_when_its_lease_is_over(shop: Shop) -> None:
    await told_twice(shop, "1")
    (first,) = await claim(shop)

    assert await claim(shop, after=LEASE - TICK) == []
    (again,) = await claim(shop, after=LEASE)

    assert again.id == first.id
    assert (first.attempts, again.attempts) == (0, 1)


async def test_a_failed_event_is_due_again_after_its_delay(shop: Shop) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)

    failed = FailedEvent(event.id, timedelta(minutes=5), 503)
    await shop.store.outbox.events_failed([failed], now=NOW)

    assert await claim(shop, after=timedelta(minutes=5) - TICK) == []
    assert [e.id for e in await claim(shop, after=timedelta(minutes=5))] == [event.id]


async def test_what_waits_for_a_failed_event_is_due_with_it_and_not_read_before(shop: Shop) -> None:
    await told_twice(shop, "1", "2")
    event, _ = await claim(shop)

    failed = FailedEvent(event.id, timedelta(minutes=5), 503)
    await shop.store.outbox.events_failed([failed], now=NOW)

    due = "SELECT count(*) FROM event WHERE state = 'pending' AND next_at <= $1"
    of_it = f"{due} AND subject = $2"
    assert await shop.admin.fetchval(of_it, NOW, str(event.activation)) == 0
    assert await shop.admin.fetchval(due, NOW) == 1, "the other subject's next"
    await claim(shop, after=timedelta(minutes=5))
    await shop.store.outbox.events_sent({event.id: 200})
    follows = await claim(shop, after=timedelta(minutes=5))
    assert [e.type for e in follows if e.activation == event.activation] == ["activation.delivered"]


async def test_a_dead_event_lets_the_next_of_its_subject_go(shop: Shop) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)

    await shop.store.outbox.events_failed([FailedEvent(event.id, None, 503)], now=NOW)

    assert [e.type for e in await claim(shop)] == ["activation.delivered"]


async def test_a_replay_sends_again_from_the_first_attempt(shop: Shop) -> None:
    await told_twice(shop, "1", "2")
    one, other = await claim(shop)
    await shop.store.outbox.events_failed([FailedEvent(one.id, None, 503)], now=NOW)
    await shop.store.outbox.events_sent({other.id: 200})

    replayed = await shop.store.outbox.replay_events([one.id, other.id, "no:1:such", "nonsense"])

    assert replayed == 2
    again = await claim(shop)
    assert [(event.id, event.attempts) for event in again] == [(one.id, 0), (other.id, 0)]


async def test_an_id_that_no_database_can_hold_keeps_no_other_from_being_replayed(
    shop: Shop,
) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)
    await shop.store.outbox.events_sent({event.id: 200})
    asked = EventsToReplay(ids=["activation-closed:1:%00", event.id])

    answer = await ReplayHandlers(shop.store.outbox, wanted=True).replay(asked)

    assert (answer.status, answer.content) == (200, {"replayed": 1})


async def test_a_number_that_waits_for_a_human_tells_so_before_its_ending(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent("1")
    await shop.expire(NOW)

    await shop.refund(id_, NOW, outcome=State.IN_REVIEW)
    await shop.refund(id_, NOW, source=State.IN_REVIEW)

    feed = await shop.store.outbox.events_after(EventFilter(), after=0, limit=10)
    assert [(one.event.type, one.event.payload.get("state")) for one in feed.items] == [
        ("activation.in_review", "in_review"),
        ("review.opened", None),
        ("activation.refunded", "refunded"),
        ("review.decided", "refunded"),
    ]


async def test_what_waits_for_its_next_try_is_replayed_with_what_waits_behind_it(
    shop: Shop,
) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)
    failed = FailedEvent(event.id, timedelta(hours=2), 503)
    await shop.store.outbox.events_failed([failed], now=NOW)
    assert await claim(shop) == []
    # As a leasing process leaves it: nobody holds it.
    await shop.admin.execute("UPDATE event SET leased_by = NULL")

    assert await shop.store.outbox.replay_events([event.id]) == 1

    (again,) = await claim(shop)
    await shop.store.outbox.events_sent({again.id: 200})
    assert (again.id, again.attempts) == (event.id, 0)
    assert [one.type for one in await claim(shop)] == ["activation.delivered"]


async def test_what_somebody_sends_just_now_is_not_replayed(shop: Shop) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)
    await shop.admin.execute(
        "UPDATE event SET leased_by = gen_random_uuid() WHERE type = $1", event.type
    )

    assert await shop.store.outbox.replay_events([event.id]) == 0


async def test_a_range_is_replayed_piece_by_piece(shop: Shop) -> None:
    await told_twice(shop, *"12345")
    await shop.admin.execute("UPDATE event SET state = 'sent'")

    pieces = [await shop.store.outbox.replay_range(1, 8, None, limit=4)]
    while pieces[-1].reached is not None:
        pieces.append(await shop.store.outbox.replay_range(pieces[-1].reached, 8, None, limit=4))

    assert pieces == [(4, 5), (3, None)]
    pending = await shop.rows("SELECT seq FROM event WHERE state = 'pending' ORDER BY seq")
    assert [seq for (seq,) in pending] == [*range(2, 9)]
    only = await shop.store.outbox.replay_range(0, 10, "activation.delivered", limit=10)
    assert only == (5, None)


async def test_what_was_kept_is_sent_by_a_replay_where_there_is_an_endpoint_now(
    shop: Shop,
) -> None:
    await told_twice(shop, "1")
    await shop.admin.execute("UPDATE event SET state = 'kept'")
    quiet = PostgresStore(shop.url, events_wanted=False)

    assert await quiet.outbox.replay_range(0, 10, None, limit=10) == (0, None)
    assert await shop.store.outbox.replay_range(0, 10, None, limit=10) == (2, None)

    assert len(await claim(shop)) == 1
    await quiet.close()


async def test_an_endpoint_that_is_gone_gets_nothing_until_somebody_enables_it(shop: Shop) -> None:
    await told_twice(shop, "1")
    outbox = shop.store.outbox

    assert [await outbox.endpoint_gone(HERE) for _ in range(2)] == [True, False]
    assert await claim(shop) == []
    other = await outbox.lease_events(1, timedelta(0), "another URL's", now=NOW)
    assert len(other) == 1

    assert [await outbox.enable_endpoints() for _ in range(2)] == [True, False]
    assert len(await claim(shop)) == 1


async def test_what_is_sent_is_not_failed_by_a_slower_sender(shop: Shop) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)
    await shop.store.outbox.events_sent({event.id: 200})

    await shop.store.outbox.events_failed([FailedEvent(event.id, None, 503)], now=NOW)

    assert await shop.rows("SELECT state FROM event ORDER BY seq") == [("sent",), ("pending",)]


async def test_many_who_claim_at_once_never_get_the_same_event(shop: Shop) -> None:
    await told_twice(shop, *(str(ref) for ref in range(40)))

    claims = await asyncio.gather(*(claim(shop, 10) for _ in range(8)))

    ids = [event.id for batch in claims for event in batch]
    assert len(ids) == len(set(ids)) == 40


async def test_events_are_listed_newest_first_in_pages(shop: Shop) -> None:
    await told_twice(shop, "1", "2")

    newest = await shop.store.outbox.newest_events(EVERYTHING, before=None, limit=3)
    rest = await shop.store.outbox.newest_events(EVERYTHING, before=newest.reached, limit=3)

    assert (newest.more, rest.more) == (True, False)
    assert [one.event.type.split(".")[1] for one in (*newest.items, *rest.items)] == [
        "delivered",
        "delivered",
        "code_received",
        "code_received",
    ]


async def test_an_event_says_what_happened_to_whom(shop: Shop) -> None:
    await told_twice(shop, "1")

    (code,) = await claim(shop)

    assert code.at == RENTED
    assert code.payload == {
        "id": str(code.activation),
        "provider": SIM,
        "provider_ref": "1",
        "account": "alice",
        "state": "received",
        "number": 1,
        "code": "1234",
        "received_at": "2026-01-01T00:00:00.000000Z",
    }


async def test_without_an_endpoint_events_are_kept_and_never_claimed(shop: Shop) -> None:
    quiet = PostgresStore(shop.url, events_wanted=False)
    silent = Shop(quiet, shop.admin, shop.url)
    await told_twice(silent, "1")

    assert await claim(shop) == []
    assert len((await quiet.outbox.newest_events(EVERYTHING, before=None, limit=10)).items) == 2
    await quiet.close()


async def test_ids_have_no_dot_and_lead_back_to_their_event(shop: Shop) -> None:
    await told_twice(shop, "1")
    (event,) = await claim(shop)
    odd = event_id("claim:a.b c/ü", "claim.granted", 3)

    assert event.id == f"activation-code_received:1:{event.activation}"
    assert odd == "claim-granted:3:claim%3Aa%2Eb%20c%2F%C3%BC"
    await shop.admin.execute(
        "INSERT INTO event (subject, type, number, payload, state)"
        " VALUES ('claim:a.b c/ü', 'claim.granted', 3, '{}', 'dead')"
    )
    assert await shop.store.outbox.replay_events([odd]) == 1


async def test_a_claim_reads_what_is_due_and_not_what_waits_for_its_retry(shop: Shop) -> None:
    """An endpoint that was down for a day leaves a million rows that are not due yet."""
    await shop.admin.execute(
        "INSERT INTO event (subject, type, payload, next_at)"
        " SELECT n, 'account.opened', '{}', '2030-01-01' FROM generate_series(1, 20000) n"
    )
    await shop.admin.execute("ANALYZE event")

    plan = await shop.one(
        "EXPLAIN (ANALYZE, FORMAT JSON, TIMING off) SELECT seq FROM event"
        " WHERE state = 'pending' AND next_at <= now() ORDER BY next_at, seq LIMIT 100"
    )

    assert "event_pending" in plan
    assert "Rows Removed by Filter" not in plan


async def test_an_event_nobody_sent_cannot_fail(shop: Shop) -> None:
    await told_twice(shop, "1")
    before = await shop.rows("SELECT * FROM event ORDER BY seq")

    await shop.store.outbox.events_failed([FailedEvent("nonsense", None, None)])

    assert await shop.rows("SELECT * FROM event ORDER BY seq") == before
