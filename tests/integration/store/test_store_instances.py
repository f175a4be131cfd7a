"""A lease lives as long as the process that holds it; so does the lead."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import pytest

from tests.integration.store.pausing import Rival
from tests.integration.store.shop import (
    DEADLINE,
    LEASE,
    NUMBER,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
)
from worker.adapters.store.database import Database
from worker.adapters.store.instances import LOCKED_ANEW, PostgresInstances
from worker.adapters.store.postgres import PostgresLeadership, PostgresStore
from worker.domain.activation import ProviderState
from worker.domain.ids import activation_id
from worker.domain.liveness import GAP, SILENCE
from worker.ports.instances import InstanceId
from worker.ports.store.outbox import FailedEvent
from worker.ports.store.settlements import DueNumber, Postponed, Resolved

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
AT_ONCE = 2.0  #: Seconds, as promised to customers.

#: Both keep every promise; where a session lock does not hold, the heartbeat alone decides.
pytestmark = pytest.mark.parametrize("store_url", ["nothing", "pgbouncer"], indirect=True)

Start: TypeAlias = Callable[[], Awaitable[PostgresStore]]


@pytest.fixture
async def start(broken_shop: Shop) -> AsyncIterator[Start]:
    """Begins another process on the same database."""
    started: list[PostgresStore] = []

    async def start_one() -> PostgresStore:
        store = PostgresStore(broken_shop.url)
        started.append(store)
        await store.instances.beat()
        return store

    yield start_one
    for store in started:
        await store.close()


async def due(store: PostgresStore) -> list[DueNumber]:
    return await store.settlements.lease_cancels(SIM, 10, LEASE)


async def pursuits(store: PostgresStore) -> list[DueNumber]:
    return await store.settlements.lease_pursuits(SIM, 10, LEASE)


async def bury(store: PostgresStore) -> int:
    """How many dead processes this one marked."""
    marked = [await store.instances.mark_dead(dead) for dead in await store.instances.dead()]
    return sum(marked)


async def fall_silent(shop: Shop, store: PostgresStore, since: timedelta) -> None:
    """As if its host had been frozen for so long; the connection stays open."""
    await shop.admin.execute(
        "UPDATE instance SET beat_at = now() - $1::interval WHERE id = $2",
        since,
        store.instances.holder(),
    )


async def kill(shop: Shop, store: PostgresStore) -> None:
    """What others see of a killed process: its session ends; through a pooler it falls silent."""
    if not await shop.one("SELECT locks FROM instance WHERE id = $1", store.instances.holder()):
        await fall_silent(shop, store, SILENCE + SECOND)
        return
    await end_session(shop, store.instances.holder())


async def end_session(shop: Shop, instance: InstanceId | None) -> None:
    assert await shop.admin.fetchval(
        "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_locks"
        " WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint"
        "     = hashtextextended('activation-worker/instance/' || $1::text, 0)",
        str(instance),
    )


async def test_what_a_killed_process_leased_is_due_at_once(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    killed, other = await start(), await start()
    assert len(await due(killed)) == 1
    assert await due(other) == []
    began = time.monotonic()
    await kill(shop, killed)

    assert await bury(other) == 1

    assert len(await due(other)) == 1
    assert time.monotonic() - began < AT_ONCE


async def test_what_a_dying_transaction_keeps_locked_is_freed_once_it_has_ended(
    shop: Shop, start: Start
) -> None:
    """The server may learn later than the others that the process is gone."""
    await shop.open()
    await shop.rent()
    killed, other = await start(), await start()
    gone = killed.instances.holder()
    assert gone is not None
    assert len(await due(killed)) == 1
    await kill(shop, killed)

    async with shop.admin.transaction():
        await shop.admin.execute("SELECT FROM activation FOR NO KEY UPDATE")
        assert await bury(other) == 1
        assert await other.instances.free_leases(gone) == 0
    assert await due(other) == []

    # Whoever buried it may be gone as well.
    third = await start()
    assert await third.instances.dead_lately(SECOND) == [gone]
    assert await third.instances.free_leases(gone) == 1
    assert len(await due(third)) == 1
    await shop.admin.execute("UPDATE instance SET dead_at = dead_at - interval '2 seconds'")
    assert await third.instances.dead_lately(SECOND) == []


async def test_a_process_is_dead_after_the_silence_and_not_before(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    frozen, other = await start(), await start()
    await due(frozen)

    await fall_silent(shop, frozen, SILENCE - SECOND)
    assert await bury(other) == 0
    assert await due(other) == []

    await fall_silent(shop, frozen, SILENCE + SECOND)
    assert await bury(other) == 1
    assert len(await due(other)) == 1


async def test_a_process_that_beat_since_it_was_judged_is_not_marked(
    shop: Shop, start: Start
) -> None:
    slow, other = await start(), await start()
    await fall_silent(shop, slow, SILENCE + SECOND)
    (judged,) = await other.instances.dead()

    assert await slow.instances.beat()

    assert not await other.instances.mark_dead(judged)
    assert await slow.instances.beat()


async def test_of_two_that_find_it_dead_one_marks_it(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    frozen, first, second = await start(), await start(), await start()
    (leased,) = await due(frozen)
    await fall_silent(shop, frozen, SILENCE + SECOND)
    found = [(await store.instances.dead())[0] for store in (first, second)]

    marked = await asyncio.gather(
        first.instances.mark_dead(found[0]), second.instances.mark_dead(found[1])
    )

    assert sorted(marked) == [False, True]
    epoch = await shop.one("SELECT epoch FROM activation")
    assert epoch == leased.epoch + 1


async def test_the_results_of_one_that_wakes_change_nothing(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    frozen, other = await start(), await start()
    (leased,) = await due(frozen)
    await fall_silent(shop, frozen, SILENCE + SECOND)
    await bury(other)

    await frozen.settlements.postpone([Postponed.of(leased, HOUR)])

    assert len(await due(other)) == 1


async def test_one_that_wakes_finds_itself_dead_and_begins_anew(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    frozen, other = await start(), await start()
    before = frozen.instances.holder()
    await fall_silent(shop, frozen, SILENCE + SECOND)
    await bury(other)

    assert not await frozen.instances.beat()

    assert frozen.instances.holder() != before
    assert await frozen.instances.beat()
    assert len(await due(frozen)) == 1
    assert await bury(other) == 0
    held = await shop.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    assert held == await shop.one("SELECT count(*) FROM instance WHERE locks AND dead_at IS NULL")


async def test_a_pursuit_of_a_dead_process_is_due_and_its_result_fenced(
    shop: Shop, start: Start
) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_)], now=DEADLINE + TICK)
    killed, other = await start(), await start()
    (leased,) = await pursuits(killed)
    assert await pursuits(other) == []
    await kill(shop, killed)

    await bury(other)
    await killed.settlements.resolve([Resolved(id_, leased.epoch, ProviderState.CHARGED)])

    assert [number.id for number in await pursuits(other)] == [id_]


async def test_what_a_dead_process_had_put_off_stays_put_off(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    killed, other = await start(), await start()
    (leased,) = await due(killed)
    await killed.settlements.postpone([Postponed.of(leased, HOUR)])
    await kill(shop, killed)

    assert await bury(other) == 1

    assert await due(other) == []


async def test_events_that_a_dead_process_was_sending_are_due(shop: Shop, start: Start) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    await shop.store.settlements.settle([delivery(id_)])
    killed, other = await start(), await start()
    leased = await killed.outbox.lease_events(10, LEASE, "here")
    assert leased
    assert await other.outbox.lease_events(10, LEASE, "here") == []
    await kill(shop, killed)

    await bury(other)

    again = await other.outbox.lease_events(10, LEASE, "here")
    assert [event.id for event in again] == [event.id for event in leased]


async def test_an_event_that_failed_waits_although_its_sender_died(
    shop: Shop, start: Start
) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    await shop.store.settlements.settle([delivery(id_)])
    killed, other = await start(), await start()
    (event,) = await killed.outbox.lease_events(1, LEASE, "here")
    await killed.outbox.events_failed([FailedEvent(event.id, HOUR, 503)])
    await kill(shop, killed)

    await bury(other)

    assert await other.outbox.lease_events(10, LEASE, "here") == []


async def test_what_is_leased_by_nobody_waits_for_its_time(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    assert len(await due(shop.store)) == 1
    killed, other = await start(), await start()
    await kill(shop, killed)

    await bury(other)

    assert await due(other) == []


async def test_a_process_that_ends_in_order_leaves_nothing_leased(shop: Shop, start: Start) -> None:
    await shop.open()
    await shop.rent()
    ended, other = await start(), await start()
    await due(ended)

    await ended.close()

    assert len(await due(other)) == 1
    assert await bury(other) == 0


@dataclass
class Gaps:
    """The monotonic clock of a process that stands still."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


async def test_after_a_gap_of_its_own_a_process_calls_nobody_silent(
    shop: Shop, start: Start
) -> None:
    """The database may have been away from all: who comes back first must not bury the others."""
    silent, clock = await start(), Gaps()
    own = Database(shop.url, pool_size=1)
    back = PostgresInstances(shop.store.db, own, monotonic=clock.monotonic)
    await back.beat()
    clock.now += GAP.total_seconds() + 1
    await back.beat()
    await fall_silent(shop, silent, SILENCE + SECOND)

    assert await back.dead() == []

    clock.now += GAP.total_seconds()
    await back.beat()
    assert [dead.id for dead in await back.dead()] == [silent.instances.holder()]
    await back.close()


async def test_who_lost_its_own_connection_takes_nobody_for_dead_that_may_have_lost_its_too(
    shop: Shop, start: Start
) -> None:
    """A server that was restarted takes every lock with it: each has a second to take its own."""
    other, clock = await start(), Gaps()
    own = Database(shop.url, pool_size=1)
    back = PostgresInstances(shop.store.db, own, monotonic=clock.monotonic)
    await back.beat()
    if not await shop.one("SELECT locks FROM instance WHERE id = $1", back.holder()):
        await back.close()
        return  # Nobody judges by locks here.
    assert await back.dead() == []
    assert await PostgresLeadership(other.instances).leads("theirs")
    for lost in (other.instances, back):
        await end_session(shop, lost.holder())

    assert await back.dead() == []
    assert not await PostgresLeadership(back).leads("theirs")

    clock.now += LOCKED_ANEW.total_seconds()
    await back.beat()
    assert [dead.id for dead in await back.dead()] == [other.instances.holder()]
    await back.close()


async def test_who_had_our_process_number_on_this_host_is_dead(shop: Shop, start: Start) -> None:
    """Without session locks nothing else tells that it was killed a moment ago."""
    await shop.open()
    await shop.rent()
    killed, restarted = await start(), await start()
    await due(killed)
    await shop.admin.execute("UPDATE instance SET locks = false")

    (predecessor,) = await restarted.instances.predecessors()
    await restarted.instances.mark_dead(predecessor)

    assert predecessor.id == killed.instances.holder()
    assert len(await due(restarted)) == 1


async def test_the_predecessors_of_other_hosts_and_those_that_run_are_left_alone(
    shop: Shop, start: Start
) -> None:
    await start()
    restarted = await start()
    await shop.admin.execute("UPDATE instance SET locks = false, host = 'elsewhere'")
    assert await restarted.instances.predecessors() == []

    await shop.admin.execute(
        "UPDATE instance SET locks = false, host = $1, pid = 1", restarted.instances.host
    )
    assert await restarted.instances.predecessors() == []


async def test_a_frozen_leader_is_replaced_and_leads_no_more_when_it_wakes(
    shop: Shop, start: Start
) -> None:
    frozen, other = await start(), await start()
    assert await frozen.leadership.leads("watch")
    assert not await other.leadership.leads("watch")

    await fall_silent(shop, frozen, SILENCE + SECOND)

    assert await other.leadership.leads("watch")
    assert not await frozen.leadership.leads("watch")
    assert await shop.one("SELECT epoch FROM leadership") == 2


async def test_a_leader_that_is_marked_dead_has_to_win_again(shop: Shop, start: Start) -> None:
    frozen, other = await start(), await start()
    assert await frozen.leadership.leads("watch")
    await fall_silent(shop, frozen, SILENCE + SECOND)
    await bury(other)

    assert await other.leadership.leads("watch")
    await frozen.instances.beat()
    assert not await frozen.leadership.leads("watch")


async def test_who_reaches_what_the_leader_does_not_takes_the_lead(
    shop: Shop, start: Start
) -> None:
    first, other = await start(), await start()
    assert await first.leadership.leads("watch")
    assert not await other.leadership.leads("watch")

    assert await first.leadership.leads("watch", reaches=False)
    assert await shop.one("SELECT epoch FROM leadership") == 1
    assert not await other.leadership.leads("watch", reaches=False)
    assert await other.leadership.leads("watch")
    assert await shop.one("SELECT epoch FROM leadership") == 2

    assert not await first.leadership.leads("watch")
    assert not await first.leadership.leads("watch", reaches=False)


async def test_a_leader_that_reaches_again_is_left_in_peace(start: Start) -> None:
    first, other = await start(), await start()
    assert await first.leadership.leads("watch", reaches=False)

    assert await first.leadership.leads("watch")

    assert not await other.leadership.leads("watch")


async def test_of_many_that_want_the_lead_at_once_one_gets_it(shop: Shop, start: Start) -> None:
    stores = [await start() for _ in range(5)]

    leads = await asyncio.gather(*(store.leadership.leads("watch") for store in stores))

    assert sum(leads) == 1
    assert await shop.one("SELECT epoch FROM leadership") == 1


async def test_a_beat_changes_its_row_in_place(shop: Shop, start: Start) -> None:
    store = await start()
    for _ in range(50):
        await store.instances.beat()
    await shop.admin.execute("SELECT pg_stat_force_next_flush()")
    await store.close()

    total, hot = await shop.admin.fetchrow(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'instance'"
    )

    assert hot >= total * 0.9


async def test_who_freezes_in_a_transaction_holds_its_rows_no_longer_than_it_lives(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    await shop.rent()
    await shop.expire()
    ending = after_grace(activation_id(SIM, NUMBER.ref, RENTED))
    settles = shop.store.settlements.settle
    frozen = await rival.start(rival.store.settlements.settle([ending], now=DEADLINE + TICK))
    began = time.monotonic()

    # Its connection is ended meanwhile: the lock is waited for in one go.
    settled = await settles([ending], now=DEADLINE + TICK)

    assert len(settled.settled) == 1
    assert time.monotonic() - began >= SILENCE.total_seconds() / 2, "it was not locked at all"
    rival.gate.go.set()
    await asyncio.gather(frozen, return_exceptions=True)
