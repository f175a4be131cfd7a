"""A lease whose COMMIT was not answered: what it took is due again at once, and to nobody twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.store.broken import Broken
from tests.integration.store.proxy import AtCommit
from tests.integration.store.shop import (
    DEADLINE,
    LEASE,
    NUMBER,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
)
from worker.adapters.store.postgres import PostgresStore
from worker.domain.backoff import STORE_WRITE
from worker.domain.ids import activation_id
from worker.ports.errors import CommitUnknown
from worker.ports.store.case_view import Timer, TimerKind

NOW = DEADLINE + LEASE
ENDPOINT = "the endpoint's hash"
ID = activation_id(SIM, NUMBER.ref, RENTED)
assert STORE_WRITE.attempts is not None
TRIES = STORE_WRITE.attempts


async def due_cancel(shop: Shop) -> None:
    await shop.open()
    await shop.rent()


async def due_pursuit(shop: Shop) -> None:
    await due_cancel(shop)
    await shop.expire()
    await shop.store.settlements.settle([after_grace(ID)], now=DEADLINE + TICK)


async def due_event(shop: Shop) -> None:
    await due_cancel(shop)
    await shop.code(NUMBER.ref, "1234", RENTED)


async def due_timer(shop: Shop) -> None:
    await due_cancel(shop)
    window = Timer(TimerKind.CLAIM_WINDOW, ID, RENTED)
    await shop.store.cases.seed([window], RENTED)


@dataclass(frozen=True)
class Leased:
    """What is due, and the call that leases it."""

    before: Callable[[Shop], Awaitable[None]]
    call: Callable[[PostgresStore], Awaitable[list[Any]]]


LEASES = {
    "cancels": Leased(
        due_cancel, lambda store: store.settlements.lease_cancels(SIM, 9, LEASE, now=NOW)
    ),
    "pressed cancels": Leased(
        due_cancel,
        lambda store: store.settlements.lease_cancels_of([ID], SIM, LEASE, now=NOW),
    ),
    "pursuits": Leased(
        due_pursuit, lambda store: store.settlements.lease_pursuits(SIM, 9, LEASE, now=NOW)
    ),
    "events": Leased(
        due_event, lambda store: store.outbox.lease_events(9, LEASE, ENDPOINT, now=NOW)
    ),
    "timers": Leased(
        due_timer, lambda store: store.cases.lease_timers(9, list(TimerKind), now=NOW)
    ),
}
every_lease = pytest.mark.parametrize("what", LEASES)


@every_lease
async def test_the_next_try_takes_what_the_unanswered_one_leased(broken: Broken, what: str) -> None:
    lease = LEASES[what]
    await lease.before(broken.shop)
    broken.fail(AtCommit.ACK_LOST)

    assert len(await lease.call(broken.store)) == 1

    assert broken.proxy.reached.is_set()


@every_lease
async def test_the_next_call_takes_what_the_unanswered_one_leased(
    broken: Broken, what: str
) -> None:
    lease = LEASES[what]
    await lease.before(broken.shop)
    broken.fail(*[AtCommit.ACK_LOST] * TRIES)
    with pytest.raises(CommitUnknown):
        await lease.call(broken.store)
    assert await lease.call(broken.shop.store) == []

    assert len(await lease.call(broken.store)) == 1
    assert await lease.call(broken.store) == []


async def test_what_another_process_leased_meanwhile_stays_with_it(broken: Broken) -> None:
    """The COMMIT never arrived, so the number was free."""
    lease = LEASES["cancels"]
    await lease.before(broken.shop)
    broken.fail(*[AtCommit.NEVER_SENT] * TRIES)
    with pytest.raises(CommitUnknown):
        await lease.call(broken.store)
    (theirs,) = await lease.call(broken.shop.store)
    await broken.shop.admin.execute("UPDATE activation SET leased_by = gen_random_uuid()")

    assert await lease.call(broken.store) == []

    still = await broken.shop.store.settlements.still_leased([theirs])
    assert still == {theirs.id}


@every_lease
async def test_no_lease_waits_for_a_row_that_somebody_has_locked(broken: Broken, what: str) -> None:
    """What was leased in vain ends by time then, as if it had not been remembered."""
    lease = LEASES[what]
    await lease.before(broken.shop)
    broken.fail(*[AtCommit.ACK_LOST] * TRIES)
    with pytest.raises(CommitUnknown):
        await lease.call(broken.store)

    async with broken.shop.admin.transaction():
        for table in ("activation", "event", "timer"):
            await broken.shop.admin.execute(f"SELECT FROM {table} FOR UPDATE")
        async with asyncio.timeout(5):
            assert await lease.call(broken.store) == []
