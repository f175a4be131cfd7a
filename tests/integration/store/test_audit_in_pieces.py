"""The audit of a database of any size: one invariant after the other, each to its own end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.fakes.reporter import RecordingReporter
from tests.integration.store.shop import Shop
from tests.unit.lifecycle.scripted import OwnTime
from worker.adapters.store import audit as audit_sql
from worker.adapters.store.books import BookRepository
from worker.adapters.store.postgres import PostgresStore
from worker.lifecycle.audit import Audit
from worker.ports.errors import StoreError, StoreUnavailable
from worker.ports.reporter import JobResult
from worker.ports.store.books import AuditUnfinished, Finding

PATIENCE = timedelta(seconds=20)


@pytest.fixture
async def audit(broken_shop: Shop) -> AsyncIterator[Audit]:
    made = Audit(
        books=broken_shop.store.books,
        reporter=RecordingReporter(),
        clock=OwnTime().clock(),
        patience=PATIENCE,
    )
    yield made
    await made.close()


@pytest.fixture
async def broken(broken_shop: Shop) -> str:
    """A number that breaks the last invariant of all; its id."""
    await broken_shop.open()
    number = await broken_shop.rent()
    await broken_shop.admin.execute(
        "INSERT INTO transition (activation_id, what, state) VALUES ($1, 'forged', 'closed')",
        number,
    )
    return str(number)


def told(audit: Audit) -> list[tuple[Finding, ...]]:
    assert isinstance(audit.reporter, RecordingReporter)
    return audit.reporter.of("audited")


async def test_piece_by_piece_it_finds_what_one_snapshot_finds(
    broken_shop: Shop, broken: str, audit: Audit
) -> None:
    assert await audit.tick() is JobResult.DONE

    whole = await broken_shop.store.books.audit()
    assert told(audit) == [tuple(whole)]
    assert [one.offenders for one in whole if one.violations] == [(broken,)]
    assert whole[-1].violations, "in the very last piece"


async def test_a_cut_in_the_middle_goes_on_there_and_the_last_piece_is_reached(
    broken: str, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, asked = audit.books.check, []
    cut = {audit.books.invariants[at] for at in (5, 11)}

    async def cut_off(_: BookRepository, invariant: str) -> Finding | None:
        asked.append(invariant)
        if invariant in cut:
            cut.remove(invariant)
            raise StoreUnavailable("database: QueryCanceledError")
        return await check(invariant)

    monkeypatch.setattr(type(audit.books), "check", cut_off)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await audit.tick()
    assert await audit.tick() is JobResult.DONE

    assert len(asked) == len(audit.books.invariants) + 2
    (findings,) = told(audit)
    assert sorted(one.invariant for one in findings) == sorted(audit.books.invariants)
    assert [one.offenders for one in findings if one.violations] == [(broken,)]


async def test_no_two_processes_read_the_whole_database_at_once(
    broken_shop: Shop, audit: Audit
) -> None:
    topic = "hashtextextended('activation-worker:audit', 0)"
    await broken_shop.one(f"SELECT pg_advisory_lock({topic})")  # The other process's.

    assert await broken_shop.store.books.check(audit.books.invariants[0]) is None
    await broken_shop.one(f"SELECT pg_advisory_unlock({topic})")

    assert await audit.tick() is JobResult.DONE


@pytest.fixture
def question(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An invariant that takes two seconds to prove; what was asked."""
    asked: list[str] = []

    def slow(invariant: str, _: object) -> TextClause:
        asked.append(invariant)
        sql = "SELECT count(*) AS violations, CAST('{}' AS text[]) AS offenders FROM pg_sleep(2)"
        return text(sql)

    monkeypatch.setattr("worker.adapters.store.audit._question", slow)
    return asked


async def test_an_invariant_may_take_longer_than_any_other_statement(
    broken_shop: Shop, question: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.adapters.store.connections.SILENCE_S", 0.5)
    impatient = PostgresStore(broken_shop.url, events_wanted=True)

    finding = await impatient.books.check(impatient.books.invariants[0])
    await impatient.close()

    assert finding is not None
    assert finding.violations == 1
    assert len(question) == 1


@pytest.mark.parametrize("who", ["the server", "nobody"])
async def test_one_that_takes_too_long_is_not_asked_again_at_once(
    broken_shop: Shop, question: list[str], monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    if who == "the server":
        patience = text("SET LOCAL statement_timeout = '50ms'")
        monkeypatch.setattr("worker.adapters.store.audit._PATIENCE", patience)
    else:
        monkeypatch.setattr("worker.adapters.store.audit.SILENCE_S", 0.05)

    with pytest.raises(StoreError, match="too long"):
        await broken_shop.store.books.check(broken_shop.store.books.invariants[0])

    assert len(question) == 1


async def test_what_fails_or_takes_too_long_hides_no_finding_of_the_others(
    broken_shop: Shop, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, asked = broken_shop.store.books, audit_sql._question
    bad = dict(zip(books.invariants, ("1 / 0", "count(pg_sleep(60))"), strict=False))

    def question(invariant: str, reads: audit_sql.Reads) -> TextClause:
        if invariant not in bad:
            return asked(invariant, reads)
        return text(f"SELECT {bad[invariant]} AS violations, CAST('{{}}' AS text[]) AS offenders")

    monkeypatch.setattr(audit_sql, "_question", question)
    monkeypatch.setattr(audit_sql, "_PATIENCE", text("SET LOCAL statement_timeout = '1s'"))

    with pytest.raises(AuditUnfinished) as unfinished:
        await books.audit()

    found = unfinished.value.findings
    assert list(unfinished.value.failed) == list(bad)
    assert [one.invariant for one in found] == list(books.invariants[2:])
    assert [one.offenders for one in found if one.violations] == [(broken,)]


async def test_an_audit_whose_connection_is_lost_begins_anew(
    broken_shop: Shop, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, check = broken_shop.store.books, audit_sql.check
    lost_at = [books.invariants[3]]

    async def lost_once(connection: AsyncConnection, invariant: str) -> Finding:
        if invariant in lost_at:
            lost_at.clear()
            process = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
            await broken_shop.one("SELECT pg_terminate_backend($1)", process)
        return await check(connection, invariant)

    monkeypatch.setattr(audit_sql, "check", lost_once)

    found = await books.audit()

    assert [one.invariant for one in found] == list(books.invariants)
    assert [one.offenders for one in found if one.violations] == [(broken,)]


async def test_where_nothing_can_be_checked_that_is_the_failure(
    broken_shop: Shop, question: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = text("SET LOCAL statement_timeout = '50ms'")
    monkeypatch.setattr("worker.adapters.store.audit._PATIENCE", patience)

    with pytest.raises(StoreError, match="too long"):
        await broken_shop.store.books.audit()

    assert question == list(broken_shop.store.books.invariants)


async def test_a_check_changes_nothing_even_if_it_tried(
    broken_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def transaction(connection: Any, invariant: str) -> Finding:
        sql = "SELECT current_setting('transaction_isolation'), "
        sql += "current_setting('transaction_read_only'), current_setting('statement_timeout')"
        asked.append(" ".join((await connection.exec_driver_sql(sql)).one()))
        return Finding(invariant, "It is true.", 0)

    monkeypatch.setattr("worker.adapters.store.audit.check", transaction)

    await broken_shop.store.books.check("any")

    assert asked == ["repeatable read on 10min"]
