"""A row that somebody keeps locked is waited for by whom it concerns, and by nobody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.store.locked_accounts import balances_locked
from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    LEASE,
    SIM,
    TICK,
    Shop,
    after_grace,
    ending,
    intake,
)
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ActivationId
from worker.ports.errors import RowLocked
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.books import AccountIntake, AccountPolicy, DatedTopUp, TopUpOutcome
from worker.ports.store.settlements import Postponed, Resolved

NOW = DEADLINE + TICK
LOCK_WAIT = timedelta(milliseconds=20)
CAROL = AccountId("carol")
AT_ONCE = 2.0  #: Seconds.


nobody_judges: Any = None  #: What a press is judged by, once it has the account.


@asynccontextmanager
async def number_locked(shop: Shop, number: ActivationId) -> AsyncIterator[None]:
    """Somebody's session holds the row of this number until the block ends."""
    other = await asyncpg.connect(shop.url)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM activation WHERE id = $1 FOR UPDATE", number)
            yield
    finally:
        await other.close()


async def waits_for_a_lock(shop: Shop) -> None:
    """Until a session of the database waits for a row."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await shop.one(waiting):
            pass


async def expired(shop: Shop, account: AccountId, ref: str) -> ActivationId:
    await shop.open(account)
    return await shop.rent(ref, account=account)


async def test_a_locked_account_delays_no_other_settlement(shop: Shop) -> None:
    locked = await expired(shop, ALICE, "1")
    free = [await expired(shop, BOB, "2"), await expired(shop, CAROL, "3")]
    await shop.expire(NOW)
    endings = [
        ending(locked),
        *(ending(id_, account=account) for id_, account in zip(free, (BOB, CAROL), strict=True)),
    ]

    async with balances_locked(shop.url, ALICE):
        outcome = await shop.store.settlements.settle(endings, lock_wait=LOCK_WAIT, now=NOW)

    assert {number.id for number in outcome.settled} == set(free)
    assert (outcome.refused, outcome.busy) == ([], [locked])
    assert await shop.state(locked) is State.EXPIRING
    again = await shop.store.settlements.settle(endings, lock_wait=LOCK_WAIT, now=NOW)
    assert [number.id for number in again.settled] == [locked]


async def test_a_locked_number_delays_no_other_settlement(shop: Shop) -> None:
    accounts = (ALICE, BOB, CAROL)
    locked, *free = [await expired(shop, each, str(at)) for at, each in enumerate(accounts)]
    await shop.expire(NOW)
    endings = [
        ending(id_, account=account) for id_, account in zip((locked, *free), accounts, strict=True)
    ]

    async with number_locked(shop, locked):
        outcome = await shop.store.settlements.settle(endings, lock_wait=LOCK_WAIT, now=NOW)

    assert {number.id for number in outcome.settled} == set(free)
    assert (outcome.refused, outcome.busy) == ([], [locked])


@pytest.mark.parametrize("result", ["postponed", "resolved"])
async def test_a_locked_number_delays_the_results_of_no_other(shop: Shop, result: str) -> None:
    locked, free = [await expired(shop, ALICE, ref) for ref in ("1", "2")]
    leased = await shop.expire(NOW)
    if result == "resolved":
        await shop.store.settlements.settle([after_grace(locked), after_grace(free)], now=NOW)
        leased = await shop.store.settlements.lease_pursuits(SIM, 9, LEASE, now=NOW + LEASE)

    async with number_locked(shop, locked), asyncio.timeout(5):
        if result == "postponed":
            again = [Postponed.of(due, timedelta(0)) for due in leased]
            await shop.store.settlements.postpone(again, now=NOW)
        else:
            done = [Resolved(due.id, due.epoch, ProviderState.CANCELLED) for due in leased]
            await shop.store.settlements.resolve(done, now=NOW + LEASE)

    left = await shop.admin.fetch(
        "SELECT id FROM activation"
        " WHERE CASE WHEN settled THEN pursue_at ELSE lease_until END > $1",
        NOW,
    )
    assert [row["id"] for row in left] == [locked]


async def test_of_many_locked_accounts_only_a_few_are_waited_for(shop: Shop) -> None:
    accounts = [AccountId(f"account-{number}") for number in range(8)]
    ids = [await expired(shop, account, account) for account in accounts]
    await shop.expire(NOW)
    endings = [ending(id_, account=account) for id_, account in zip(ids, accounts, strict=True)]
    other = await asyncpg.connect(shop.url)

    async with other.transaction():
        await other.execute("SELECT FROM balance FOR UPDATE")
        began = asyncio.get_running_loop().time()
        outcome = await shop.store.settlements.settle(endings, lock_wait=LOCK_WAIT, now=NOW)
        took = asyncio.get_running_loop().time() - began
    await other.close()

    assert set(outcome.busy) == set(ids)
    assert took < 5  # Each alone waits ten seconds where nothing bounds it.


async def test_a_transaction_with_a_bounded_wait_says_that_a_row_is_locked(shop: Shop) -> None:
    await shop.open()

    async def lock(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT FROM balance FOR UPDATE"))

    async with balances_locked(shop.url, ALICE):
        with pytest.raises(RowLocked):
            await shop.store.db.write(lock, lock_wait=LOCK_WAIT)


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("frozen", AcceptOutcome.ACCOUNT_FROZEN),
        ("blocked", AcceptOutcome.ACCOUNT_BLOCKED),
        ("closing", AcceptOutcome.ACCOUNT_CLOSING),
        ("deleted", AcceptOutcome.UNKNOWN_ACCOUNT),
    ],
)
async def test_no_hold_begins_after_a_freeze_that_was_committed_while_it_waited(
    shop: Shop, state: str, how: AcceptOutcome
) -> None:
    await shop.open()

    async with balances_locked(shop.url, ALICE) as freezing:
        accepting = asyncio.create_task(shop.store.activations.accept([intake("1")]))
        await waits_for_a_lock(shop)
        await freezing.execute("UPDATE account SET state = $1", state)

    (result,) = await accepting
    assert result.how is how
    assert await shop.money() == (100_000, 0)


async def test_a_locked_account_delays_no_other_item_of_a_bulk_intake(shop: Shop) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    loop = asyncio.get_running_loop()

    async with balances_locked(shop.url, ALICE):
        began = loop.time()
        results = await shop.store.activations.accept(
            [intake("1"), intake("2", account=BOB), intake("3"), intake("4", account=BOB)]
        )
        took = loop.time() - began

    hows = [result.how.value for result in results]
    assert hows == ["account_locked", "new", "account_locked", "new"]
    assert took < AT_ONCE
    (again,) = await shop.store.activations.accept([intake("1")])
    assert again.how is AcceptOutcome.NEW


async def test_many_who_wait_for_a_locked_account_leave_room_for_all_others(shop: Shop) -> None:
    """As many calls as the pool has connections, and more: each would keep one while it waits."""
    await shop.open(ALICE)
    await shop.open(BOB)
    loop = asyncio.get_running_loop()
    store = shop.store

    async with balances_locked(shop.url, ALICE):
        waiting = [
            *(
                asyncio.create_task(store.activations.accept([intake(f"1-{number}")]))
                for number in range(40)
            ),
            *(
                asyncio.create_task(store.books.top_up(ALICE, str(number), 5))
                for number in range(40)
            ),
        ]
        await waits_for_a_lock(shop)
        began = loop.time()
        (mine,) = await store.activations.accept([intake("2", account=BOB)])
        how, _ = await store.books.top_up(BOB, "2", 5)
        took = loop.time() - began

    assert (mine.how, how) == (AcceptOutcome.NEW, TopUpOutcome.NEW)
    assert took < 5  # Eighty calls at ten connections, of which each waits a second.
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends if isinstance(end, BaseException)} <= {RowLocked}


async def test_what_is_known_already_is_answered_although_its_account_is_locked(shop: Shop) -> None:
    await shop.open(ALICE)
    await shop.rent("1")

    async with balances_locked(shop.url, ALICE):
        (again,) = await shop.store.activations.accept([intake("1")])

    assert again.how is AcceptOutcome.SAME


async def test_a_call_that_waits_only_so_long_for_its_account_sends_no_statement_more(
    shop: Shop,
) -> None:
    await shop.open()
    engine, pooled = await shop.store.db._opened()
    sent: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, sql: str, _4: Any, _5: Any, _6: Any) -> None:
        sent.append(sql.split(maxsplit=1)[0])

    await shop.store.books.top_up(ALICE, "again", 100)

    settings = ["SELECT"] if pooled else []  # Through a pooler each transaction makes its own.
    assert sent == settings + ["SELECT"] * 3 + ["WITH", "SELECT"]


async def test_intakes_that_meet_on_the_same_accounts_take_all_their_numbers(shop: Shop) -> None:
    """As `import` sends a file: four calls at once, each with numbers of every account."""
    accounts = [AccountId(f"c{at:03}") for at in range(300)]
    await shop.store.books.take_over(
        [
            AccountIntake(name, "USD", AccountPolicy(None, "default"), (DatedTopUp("a", 10_000),))
            for name in accounts
        ]
    )
    numbers = [intake(str(at), account=accounts[at * 7 % 300]) for at in range(4_000)]
    calls = [numbers[at : at + 1_000] for at in range(0, 4_000, 1_000)]

    results = await asyncio.gather(*map(shop.store.activations.accept, calls))

    assert Counter(result.how for each in results for result in each) == {AcceptOutcome.NEW: 4_000}


async def test_an_account_that_stays_locked_keeps_no_other_from_its_answer(shop: Shop) -> None:
    """Those that are merely met by another intake, and those that nobody has."""
    await shop.open(ALICE)
    await shop.open(BOB)
    unknown = [intake(f"0{at}", account=AccountId(f"a{at}")) for at in range(9)]

    async with balances_locked(shop.url, ALICE), balances_locked(shop.url, BOB) as briefly:
        accepting = asyncio.create_task(
            shop.store.activations.accept([intake("1"), intake("2", account=BOB), *unknown])
        )
        await waits_for_a_lock(shop)
        await briefly.execute("COMMIT")
        first, second, *others = await accepting
        await briefly.execute("BEGIN")

    assert (first.how, second.how) == (AcceptOutcome.ACCOUNT_LOCKED, AcceptOutcome.NEW)
    assert {result.how for result in others} == {AcceptOutcome.UNKNOWN_ACCOUNT}


async def test_judged_presses_of_a_locked_account_wait_no_longer_than_a_person_does(
    shop: Shop,
) -> None:
    await shop.open(ALICE)
    id_ = await shop.rent("1")
    loop = asyncio.get_running_loop()

    async with balances_locked(shop.url, ALICE):
        began = loop.time()
        presses = (shop.store.activations.press_judged(id_, nobody_judges) for _ in range(8))
        ends = await asyncio.gather(*presses, return_exceptions=True)
        took = loop.time() - began

    assert {type(end) for end in ends} == {RowLocked}
    assert took < 5  # One after the other, each a second.
