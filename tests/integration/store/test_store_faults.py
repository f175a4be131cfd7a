"""A database that breaks: at COMMIT, before it, or altogether. Nothing is lost, nothing doubled."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.store.broken import Broken
from tests.integration.store.pausing import Rival
from tests.integration.store.proxy import AtCommit
from tests.integration.store.shop import (
    ALICE,
    DEADLINE,
    INTAKE,
    LEASE,
    NUMBER,
    PRICE,
    RENTED,
    SIM,
    TICK,
    WINDOW,
    Shop,
    after_grace,
    changed,
    ending,
    sms,
)
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.backoff import STORE_WRITE
from worker.domain.ids import ProviderRef, activation_id, purchase_id
from worker.ports.errors import (
    CommitUnknown,
    RowLocked,
    SchemaMissing,
    StoreError,
    StoreUnavailable,
)
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.purchases import PurchaseState
from worker.ports.store.settlements import Resolved, Settlements

NOW = DEADLINE + TICK
ID = activation_id(SIM, NUMBER.ref, RENTED)
ORDER = PurchaseOrder(
    idempotency_key="k", account=ALICE, provider=SIM, service="s", country="0", price_minor=PRICE
)


async def kill_backend(shop: Shop) -> None:
    """End the backend that stands before its COMMIT, and wait until it is gone."""
    assert await shop.one(
        "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'idle in transaction'"
    )


async def open_shop(shop: Shop) -> None:
    await shop.open()


async def rented(shop: Shop) -> None:
    await shop.open()
    await shop.rent()


async def expiring(shop: Shop) -> None:
    await rented(shop)
    await shop.expire()


async def pursued(shop: Shop) -> None:
    await expiring(shop)
    await shop.store.settlements.settle([after_grace(ID)], now=NOW)
    await shop.store.settlements.lease_pursuits(SIM, 1, LEASE, now=NOW + LEASE)


@dataclass(frozen=True)
class Case:
    """A call, and what it answers when it ran once, or again after its own commit."""

    before: Callable[[Shop], Awaitable[None]]
    call: Callable[[PostgresStore], Awaitable[Any]]
    once: object
    again: object
    effect: str


CASES = {
    "accept": Case(
        open_shop,
        lambda store: hows(store.activations.accept([INTAKE], now=RENTED)),
        [AcceptOutcome.NEW],
        [AcceptOutcome.SAME],
        "SELECT count(*) FROM transfer WHERE key LIKE 'hold:%'",
    ),
    "top_up": Case(
        open_shop,
        lambda store: first(store.books.top_up(ALICE, "second", 5)),
        TopUpOutcome.NEW,
        TopUpOutcome.SAME,
        "SELECT count(*) FROM transfer WHERE key = 'topup:alice:second'",
    ),
    "record_codes": Case(
        rented,
        lambda store: fates(store.activations.record_codes([sms("1", "1234")], now=RENTED)),
        [CodeFate.SHOWN],
        [CodeFate.REPEATED],
        "SELECT count(*) FROM event WHERE type = 'activation.code_received'",
    ),
    "record_free_codes": Case(
        rented,
        lambda store: fates(store.activations.record_free_codes([sms("1", "1234")], now=RENTED)),
        [CodeFate.SHOWN],
        [CodeFate.REPEATED],
        "SELECT count(*) FROM event WHERE type = 'activation.code_received'",
    ),
    "lease_cancels": Case(
        rented,
        lambda store: refs(store.settlements.lease_cancels(SIM, 10, LEASE, now=NOW)),
        [NUMBER.ref],
        [NUMBER.ref],
        "SELECT count(*) FROM activation WHERE state = 'expiring'",
    ),
    "begin_purchase": Case(
        open_shop,
        lambda store: began(store, ORDER),
        PurchaseState.NEW,
        PurchaseState.NEW,  # Only this call knows that it has not asked the provider yet.
        "SELECT count(*) FROM transfer WHERE key LIKE 'hold:%'",
    ),
    "settle": Case(
        expiring,
        lambda store: settled(store.settlements.settle([ending(ID)], now=NOW)),
        1,
        0,
        "SELECT count(*) FROM transfer WHERE key LIKE 'release:%'",
    ),
    "resolve": Case(
        pursued,
        lambda store: store.settlements.resolve(
            [Resolved(ID, 3, ProviderState.CANCELLED)], now=NOW
        ),
        set(),
        set(),
        "SELECT count(*) FROM exposure WHERE state = 'resolved'",
    ),
}


async def hows(call: Awaitable[Any]) -> list[AcceptOutcome]:
    return [result.how for result in await call]


async def fates(call: Awaitable[Any]) -> list[CodeFate]:
    return [code.fate for code in await call]


async def refs(call: Awaitable[Any]) -> list[ProviderRef | None]:
    return [due.ref for due in await call]


async def settled(call: Awaitable[Settlements]) -> int:
    return len((await call).settled)


async def first(call: Awaitable[Any]) -> Any:
    return (await call)[0]


async def began(store: PostgresStore, order: PurchaseOrder) -> PurchaseState:
    id_ = purchase_id(ALICE, order.idempotency_key)
    return (await store.purchases.begin_purchase(id_, order, "default", "1", WINDOW)).how


@pytest.mark.parametrize("name", CASES)
async def test_a_commit_whose_answer_is_lost_happened_once(broken: Broken, name: str) -> None:
    case = CASES[name]
    await case.before(broken.shop)
    broken.fail(AtCommit.ACK_LOST)

    assert await case.call(broken.store) == case.again

    assert broken.proxy.reached.is_set()
    assert await broken.shop.one(case.effect) == 1


@pytest.mark.parametrize("name", CASES)
async def test_a_commit_that_never_arrived_is_made_again(broken: Broken, name: str) -> None:
    case = CASES[name]
    await case.before(broken.shop)
    broken.fail(AtCommit.NEVER_SENT)

    assert await case.call(broken.store) == case.once

    assert broken.proxy.reached.is_set()
    assert await broken.shop.one(case.effect) == 1


@pytest.mark.parametrize("name", CASES)
async def test_a_backend_killed_at_commit_commits_on_the_next_connection(
    broken: Broken, name: str
) -> None:
    case = CASES[name]
    await case.before(broken.shop)
    broken.fail(AtCommit.HELD)
    calling = asyncio.ensure_future(case.call(broken.store))
    await broken.proxy.reached.wait()

    await kill_backend(broken.shop)
    broken.proxy.go.set()

    assert await calling == case.once
    assert await broken.shop.one(case.effect) == 1


async def test_an_order_whose_commit_was_not_answered_is_bought_by_that_call_alone(
    broken: Broken,
) -> None:
    await broken.shop.open()
    broken.fail(AtCommit.ACK_LOST)

    assert await began(broken.store, ORDER) is PurchaseState.NEW

    assert await began(broken.store, ORDER) is PurchaseState.UNKNOWN
    assert await began(broken.shop.store, ORDER) is PurchaseState.UNKNOWN
    other = replace(ORDER, price_minor=PRICE + 1)
    assert await began(broken.shop.store, other) is PurchaseState.OTHER_CONTENT


async def test_an_order_found_forgotten_before_its_call_knew_is_not_bought(
    broken: Broken,
) -> None:
    """Its commit was not answered, the next try broke off, and meanwhile somebody gave it up."""
    await broken.shop.open()
    broken.fail(AtCommit.ACK_LOST, AtCommit.HELD)
    beginning = asyncio.ensure_future(began(broken.store, ORDER))
    await broken.proxy.reached.wait()
    broken.proxy.reached.clear()
    await broken.proxy.reached.wait()

    await broken.shop.store.purchases.purchase_unknown(purchase_id(ALICE, ORDER.idempotency_key))
    await kill_backend(broken.shop)
    broken.proxy.go.set()

    assert await beginning is PurchaseState.UNKNOWN


async def test_who_begins_an_order_again_after_a_crash_leaves_it_to_whom_it_went(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    first = await rival.start(began(rival.store, ORDER))
    second = await rival.run_into(began(shop.store, ORDER))

    await rival.kill()
    rival.gate.go.set()

    assert (await first, await second) == (PurchaseState.UNKNOWN, PurchaseState.NEW)


async def test_a_commit_that_stays_unknown_says_so_and_can_be_asked_again(broken: Broken) -> None:
    await expiring(broken.shop)
    broken.fail(*[AtCommit.ACK_LOST] * 4)

    with pytest.raises(CommitUnknown) as unknown:
        await broken.store.settlements.settle([ending(ID)], now=NOW)

    assert str(unknown.value) == "database: connection lost in COMMIT"
    assert await broken.store.settlements.settle([ending(ID)], now=NOW) == Settlements([], [])
    assert await broken.shop.money() == (100_000, 0)


async def test_a_task_cancelled_in_its_commit_lets_the_commit_finish(broken: Broken) -> None:
    await expiring(broken.shop)
    broken.fail(AtCommit.HELD)
    settling = asyncio.create_task(broken.store.settlements.settle([ending(ID)], now=NOW))
    await broken.proxy.reached.wait()

    settling.cancel()
    broken.proxy.go.set()
    with pytest.raises(asyncio.CancelledError):
        await settling

    assert await broken.shop.state(ID) is State.REFUNDED
    assert await broken.store.settlements.settle([ending(ID)], now=NOW) == Settlements([], [])


async def test_a_task_cancelled_before_its_commit_changed_nothing(shop: Shop, rival: Rival) -> None:
    await expiring(shop)
    pressing = await rival.start(rival.store.activations.press_cancel(ID, now=NOW))
    settling = await rival.run_into(shop.store.settlements.settle([ending(ID)], now=NOW))

    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    rival.gate.go.set()
    await pressing

    assert await shop.state(ID) is State.EXPIRING
    assert len((await shop.store.settlements.settle([ending(ID)], now=NOW)).settled) == 1


async def test_a_server_that_is_gone_is_unavailable_and_comes_back(broken: Broken) -> None:
    await expiring(broken.shop)
    broken.proxy.down = True

    with pytest.raises(StoreUnavailable) as gone:
        await broken.store.settlements.settle([ending(ID)], now=NOW)
    assert str(broken.proxy.folder) not in str(gone.value)

    broken.proxy.down = False
    await broken.store.ping()
    assert len((await broken.store.settlements.settle([ending(ID)], now=NOW)).settled) == 1


async def test_pooled_connections_that_died_are_replaced(broken: Broken) -> None:
    await broken.shop.open()
    await broken.store.books.account(ALICE)
    await broken.shop.admin.fetchval(
        "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert await broken.store.books.account(ALICE) is not None


async def test_an_empty_database_is_a_missing_schema(empty_database_url: str) -> None:
    store = PostgresStore(empty_database_url)

    with pytest.raises(SchemaMissing, match="activation-worker migrate"):
        await store.ping()
    with pytest.raises(SchemaMissing, match="activation-worker migrate"):
        await store.activations.accept([INTAKE])
    await store.close()


async def test_a_newer_schema_is_fine(shop: Shop) -> None:
    """Migrations are additive: during a deploy both versions run."""
    await shop.store.ping()
    await shop.admin.execute("UPDATE alembic_version SET version_num = 'ffff'")

    await shop.store.ping()


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        (
            "SET LOCAL default_transaction_read_only = on; SET LOCAL transaction_read_only = on",
            StoreUnavailable,
        ),
        ("SET LOCAL lock_timeout = '1ms'", RowLocked),
        ("SET LOCAL statement_timeout = '50ms'", StoreUnavailable),
    ],
)
async def test_what_the_database_cannot_do_now_has_its_own_error(
    shop: Shop, condition: str, error: type[StoreError]
) -> None:
    """A standby, a lock nobody gives up, a statement that takes too long."""
    await rented(shop)
    await shop.admin.execute("BEGIN; SELECT FROM activation FOR UPDATE")

    async def work(connection: AsyncConnection) -> None:
        for setting in condition.split(";"):
            await connection.execute(text(setting))
        await connection.execute(text("UPDATE activation SET version = version + 1"))

    with pytest.raises(error):
        await shop.store.db.write(work)
    await shop.admin.execute("ROLLBACK")


async def test_a_deadlock_is_run_again(shop: Shop) -> None:
    """Two transactions that lock each other: one is chosen, and finds its way the second time."""
    await shop.open()
    one, other = await shop.rent("1"), await shop.rent("2")
    both = asyncio.Barrier(2)
    tries: list[str] = []

    async def lock(connection: AsyncConnection, *ids: object) -> None:
        tries.append("")
        for id_ in ids:
            update = text("UPDATE activation SET version = version + 1 WHERE id = :id")
            await connection.execute(update, {"id": id_})
            if len(tries) <= 2 and id_ == ids[0]:
                await both.wait()

    await asyncio.gather(
        shop.store.db.write(lambda c: lock(c, one, other)),
        shop.store.db.write(lambda c: lock(c, other, one)),
    )

    assert len(tries) == 3
    assert await shop.store.activations.versions([one, other]) == {one: 3, other: 3}


async def test_a_text_the_database_cannot_keep_does_not_hold_up_other_codes(shop: Shop) -> None:
    """Providers pass on what arrives: NUL, and halves of characters."""
    await shop.open()
    ids = [await shop.rent(ref) for ref in "123"]

    recorded = await shop.store.activations.record_codes(
        [sms("1", "12\x0034", "a\x00b"), sms("2", "1234\ud83d", "\ud800"), sms("3", "5678")],
        now=RENTED,
    )

    assert [code.fate for code in recorded] == [CodeFate.SHOWN] * 3
    shown = [(await shop.number(id_)).codes[0] for id_ in ids]
    assert [code.code for code in shown] == ["1234", "1234?", "5678"]
    assert [code.text for code in shown] == ["ab", "?", None]
    again = await shop.store.activations.record_codes([sms("2", "1234\ud83d")], now=RENTED)
    assert [code.fate for code in again] == [CodeFate.REPEATED]


async def test_errors_tell_no_phone_and_no_code(shop: Shop) -> None:
    """What the database refuses is a bug of ours; what it was about stays out of the logs."""
    await shop.open()

    with pytest.raises(DBAPIError) as refused:
        await shop.store.activations.accept(
            [changed(INTAKE, phone="15550001\x00", price_minor=PRICE)]
        )

    assert "15550001" not in repr(refused.value) + str(refused.value)


async def test_a_connection_to_what_became_a_standby_is_given_up(shop: Shop) -> None:
    """A failover can leave connections that live on, to a server that takes no writes any more."""
    store = PostgresStore(shop.url, pool_size=2)

    async def read_only(connection: AsyncConnection) -> None:
        await connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))

    await asyncio.gather(store.db.write(read_only), store.db.write(read_only))

    _, account = await store.books.open_account(ALICE, "USD")
    await store.close()

    assert account.account == ALICE


@pytest.mark.usefixtures("no_pooler")
async def test_a_host_that_died_without_a_word_costs_one_silence(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody resets the connections to it: the next try must not wait for another one of them."""
    monkeypatch.setattr("worker.adapters.store.connections.SILENCE_S", 1)
    assert STORE_WRITE.attempts is not None
    pool = STORE_WRITE.attempts + 1
    store = PostgresStore(shop.url, pool_size=pool)
    all_open = asyncio.Barrier(pool)

    async def backend(connection: AsyncConnection) -> int:
        pid: int = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await all_open.wait()
        return pid

    backends = await asyncio.gather(*(store.db.read(backend) for _ in range(pool)))
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert await store.books.account(ALICE) is None
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        await store.close()


async def test_an_older_schema_says_which_it_is_and_what_to_run(shop: Shop) -> None:
    await shop.admin.execute("UPDATE alembic_version SET version_num = '0001'")

    with pytest.raises(SchemaMissing, match=r"at 0001, this version needs .*worker migrate"):
        await shop.store.ping()
