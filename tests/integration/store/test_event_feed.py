"""The feed: each event once, ascending, for whoever reads on from a number, however writers end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.integration.store.shop import RENTED, Shop, delivery
from worker.adapters.store.event_feed import SPAN
from worker.adapters.store.postgres import PostgresStore
from worker.ports.store.outbox import EventFilter, EventPage, EventState, FailedEvent

EVERYTHING = EventFilter()
WRITERS = 8
EACH = 25  #: Transactions of each writer.
BOTH_WAYS = pytest.mark.parametrize("store_url", ["nothing", "pgbouncer"], indirect=True)


class Follower:
    """Reads on from the last number it was given, as a shop would."""

    def __init__(self, store: PostgresStore, which: EventFilter = EVERYTHING) -> None:
        self._store = store
        self._which = which
        self.after = 0
        self.seen: list[int] = []

    async def read(self, limit: int = 7) -> EventPage:
        page = await self._store.outbox.events_after(self._which, after=self.after, limit=limit)
        assert page.reached >= self.after
        self.seen += [one.seq for one in page.items]
        self.after = page.reached
        return page

    async def read_until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while True:
                over = done()  # Asked before the last read: what was written by then is in it.
                page = await self.read()
                if over and not page.more:
                    return


async def write(connection: asyncpg.Connection, count: int = 1, type_: str = "account.x") -> None:
    await connection.execute(
        "INSERT INTO event (subject, type, payload)"
        " SELECT gen_random_uuid()::text, $2, '{}' FROM generate_series(1, $1)",
        count,
        type_,
    )


@asynccontextmanager
async def held_open(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that has written an event, and ends with the block."""
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await write(connection)
        yield connection
    await connection.close()


async def numbers(shop: Shop) -> list[int]:
    return [seq for (seq,) in await shop.rows("SELECT seq FROM event ORDER BY seq")]


@BOTH_WAYS
async def test_a_follower_sees_each_event_once_and_ascending_while_eight_write(
    shop: Shop, database_url: str
) -> None:
    follower, ended = Follower(shop.store), 0

    async def writer(number: int) -> None:
        nonlocal ended
        connection = await asyncpg.connect(database_url)
        for turn in range(EACH):
            transaction = connection.transaction()
            await transaction.start()
            await write(connection, 1 + (number + turn) % 3)
            await connection.fetchval("SELECT pg_sleep(random() * 0.01)")
            # Some take numbers that nobody will ever see.
            await (transaction.rollback() if turn % 6 == 5 else transaction.commit())
        await connection.close()
        ended += 1

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writer(number))
        group.create_task(follower.read_until(lambda: ended == WRITERS))

    assert len(follower.seen) > 200
    assert follower.seen == await numbers(shop)


@BOTH_WAYS
async def test_what_comes_after_an_open_transaction_waits_for_it(
    shop: Shop, database_url: str
) -> None:
    follower = Follower(shop.store)
    await write(shop.admin, 3)
    await follower.read()
    async with held_open(database_url):
        await write(shop.admin, 3)

        assert [len((await follower.read()).items) for _ in range(3)] == [0, 0, 0]

    await follower.read()
    assert follower.seen == await numbers(shop)
    assert len(follower.seen) == 7


async def test_a_follower_that_comes_while_one_is_open_misses_nothing_either(
    shop: Shop, database_url: str
) -> None:
    await write(shop.admin, 2)
    async with held_open(database_url):
        await write(shop.admin, 2)
        follower = Follower(shop.store)
        await follower.read()
        assert len(follower.seen) == 2

    await follower.read()
    assert follower.seen == await numbers(shop)


async def test_who_holds_the_lock_and_has_no_number_yet_holds_up_nobody(
    shop: Shop, database_url: str
) -> None:
    """A settlement that waits for a locked account, for instance."""
    follower = Follower(shop.store)
    await follower.read()
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("UPDATE event SET attempts = 0")
        await write(shop.admin, 3)

        await follower.read()

        assert len(follower.seen) == 3
    await other.close()


async def test_a_number_that_nobody_will_ever_see_holds_up_nobody(shop: Shop) -> None:
    follower = Follower(shop.store)
    await write(shop.admin)
    undone = shop.admin.transaction()
    await undone.start()
    await write(shop.admin, 40)
    await undone.rollback()
    await write(shop.admin)

    await follower.read()

    assert follower.seen == [1, 42]


async def test_one_that_reads_from_the_middle_gets_what_is_beyond(shop: Shop) -> None:
    await write(shop.admin, 10)

    page = await shop.store.outbox.events_after(EVERYTHING, after=4, limit=3)

    assert ([one.seq for one in page.items], page.reached, page.more) == ([5, 6, 7], 7, True)


async def test_a_filter_moves_a_follower_on_past_what_it_leaves_out(shop: Shop) -> None:
    await write(shop.admin, 5, "account.x")
    await write(shop.admin, 1, "account.y")
    await write(shop.admin, 5, "account.x")
    follower = Follower(shop.store, EventFilter(type="account.y"))

    page = await follower.read()

    assert (follower.seen, follower.after, page.more) == ([6], 11, False)


async def test_a_filtered_page_looks_at_so_many_events_and_no_more(shop: Shop) -> None:
    await write(shop.admin, 1, "account.y")
    await write(shop.admin, SPAN + 5, "account.x")
    await write(shop.admin, 1, "account.y")
    which = EventFilter(type="account.y")
    follower = Follower(shop.store, which)

    first = await follower.read()
    assert (follower.seen, first.reached, first.more) == ([1], SPAN, True)
    assert not (await follower.read()).more
    assert follower.seen == [1, SPAN + 7]

    newest = await shop.store.outbox.newest_events(which, before=None, limit=7)
    assert [one.seq for one in newest.items] == [SPAN + 7]
    rest = await shop.store.outbox.newest_events(which, before=newest.reached, limit=7)
    assert ([one.seq for one in rest.items], rest.more) == ([1], False)


async def test_the_events_of_an_activation_are_its_own_and_those_of_its_cases(
    broken_shop: Shop,
) -> None:
    shop = broken_shop
    await shop.open()
    mine, _ = await shop.rent("1"), await shop.rent("2")
    for ref in ("1", "2"):
        await shop.code(ref, "1234", RENTED)
    case = await shop.one(
        "INSERT INTO case_ (id, kind, subject, activation_id, account, content_hash, state, facts,"
        " policy, policy_version, opened_at) VALUES (gen_random_uuid(), 'claim', 'c', $1, 'alice',"
        " 'h', 'in_review', '{}', 'default', '1', now()) RETURNING id::text",
        mine,
    )
    await shop.admin.execute(
        "INSERT INTO event (subject, type, activation_id, payload)"
        " VALUES ($1, 'claim.opened', $2, '{}')",
        case,
        mine,
    )
    which = EventFilter(activation=mine)

    page = await shop.store.outbox.events_after(which, after=0, limit=9)
    newest = await shop.store.outbox.newest_events(which, before=None, limit=9)

    assert [one.event.type for one in page.items] == ["activation.code_received", "claim.opened"]
    assert list(newest.items) == list(page.items)[::-1]
    again = await shop.store.outbox.newest_events(which, before=newest.items[0].seq, limit=9)
    assert [one.event.type for one in again.items] == ["activation.code_received"]


async def test_an_event_tells_where_its_delivery_stands(shop: Shop) -> None:
    await shop.open()
    for ref in ("1", "2", "3"):
        await shop.rent(ref)
        await shop.code(ref, "1234", RENTED)
    due = await shop.store.settlements.due_deliveries(10)
    await shop.store.settlements.settle([delivery(due[0].id)])
    sent, failed, dead = await shop.store.outbox.lease_events(3, RENTED - RENTED, "here")
    await shop.store.outbox.events_sent({sent.id: 204}, now=RENTED)
    later = FailedEvent(failed.id, RENTED - RENTED, 503)
    await shop.store.outbox.events_failed([later, FailedEvent(dead.id, None, None)], now=RENTED)

    page = await shop.store.outbox.events_after(EVERYTHING, after=0, limit=9)

    told = [
        (one.state, one.last_reply and (one.last_reply.at, one.last_reply.status))
        for one in page.items
    ]
    assert told == [
        (EventState.SENT, (RENTED, 204)),
        (EventState.PENDING, (RENTED, 503)),
        (EventState.DEAD, (RENTED, None)),
        (EventState.PENDING, None),
    ]
    which = EventFilter(state=EventState.DEAD)
    only = await shop.store.outbox.newest_events(which, before=None, limit=9)
    assert [one.seq for one in only.items] == [page.items[2].seq]
