"""Periods of the books: closed with what each account had, exported, and then dropped.

Only the login that owns the tables can do this: the worker's own role may delete no row of a book,
whoever asks. Each step is a transaction that leaves the books whole, and finds what an earlier one
has done: stopped anywhere and run again, it goes on from there.

A row goes when its number rests and all that was written of it stands in a proven export. What
stays of a number is its settlement, and of what it took from its account one entry for many. Sums
of an account are the same before and after, which `opening_is_sum_of_entries` shows for ever.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import audit, book_files
from worker.adapters.store.book_files import BOOKS, Unproven, WrittenFile
from worker.adapters.store.database import Database, scalar, statement
from worker.adapters.store.revisions import check

PAGE: Final = 2_000  #: Numbers that one transaction drops, at most.
#: After so long every transaction that wrote before an instant has ended.
SETTLED_FOR: Final = timedelta(hours=1)
ENTRIES: Final = 2  #: Of each number that rests: a hold, and what it became.
EXPORT_S: Final = 6 * 3_600.0  #: A file of a large month may take long.

_OWNS: Final = "SELECT has_table_privilege('transfer', 'DELETE')"
_CLOSED: Final = text("SELECT * FROM book_period ORDER BY id DESC LIMIT 1")
_MAY_CLOSE: Final = "SELECT :until < now() - CAST(:ago AS interval)"
_KEEP: Final = text(
    "INSERT INTO book_period (id, until, transfer_id, transition_seq, decision_seq, evidence_seq)"
    " VALUES (:id, :until, :transfer_id, :transition_seq, :decision_seq, :evidence_seq)"
)
_TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('activation-worker:books', 0))"
_EXPORTED: Final = text(
    "UPDATE book_period SET exported_at = now(), folder = :folder, sha256 = :sha256"
    " WHERE id = :id AND dropping_since IS NULL"
)
_DROPPING: Final = text(
    "UPDATE book_period SET dropping_since = coalesce(dropping_since, now())"
    " WHERE id = :id AND folder = :folder AND sha256 = :sha256"
)
#: While a file is put on the disk and read again, the transaction is idle.
_PATIENCE: Final = tuple(
    text(f"SET LOCAL {what} = '{EXPORT_S:.0f}s'")
    for what in ("statement_timeout", "idle_in_transaction_session_timeout")
)
#: Fails, and all is begun again, where the row has changed since that moment.
_LOCK: Final = text("SELECT FROM book_period WHERE id = :id FOR UPDATE")

#: By policy and version, the newest order about which no claim is accepted any more.
OrdersOver: TypeAlias = Mapping[tuple[str, str], datetime]
Period: TypeAlias = Mapping[str, Any]  #: A row of `book_period`.


class BooksRefusal(Exception):
    """Nothing was done. Says why, in one line."""


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    until: datetime
    accounts: int  #: Moved in the period, and carried on.
    again: bool  #: It was closed already.


class ExportedPeriod(NamedTuple):
    until: datetime
    folder: Path
    rows: int


@dataclass(slots=True)
class DroppedRows:
    numbers: int = 0
    transfers: int = 0
    transitions: int = 0
    decisions: int = 0


class DropCursor(NamedTuple):
    """Where a page of numbers begins."""

    account: str = ""
    rented_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    id: UUID = UUID(int=0)


class Periods:
    """*db* connects as the owner of the tables, without the worker's role."""

    def __init__(self, url: str) -> None:
        self._db = Database(url, pool_size=1)

    async def close_pool(self) -> None:
        await self._db.close()

    async def close(self, until: datetime) -> ClosedPeriod:
        """End the period before *until*: it is proven, and each account carried on."""
        await self._check()
        last = await self._db.read(_last)
        if last is not None and until <= last["until"]:
            if until == last["until"]:
                return ClosedPeriod(until, 0, again=True)
            raise BooksRefusal(f"the books are closed until {last['until']:%Y-%m-%d} already")
        may = await self._db.read(lambda c: scalar(c, _MAY_CLOSE, until=until, ago=SETTLED_FOR))
        if not may:
            raise BooksRefusal("only what has been over for an hour can be closed")
        await self._prove()
        after: Period = last or {"id": 0, "transfer_id": 0}
        return await self._db.write(lambda c: _close(c, until, after))

    async def _prove(self) -> None:
        findings = await self._db.snapshot(audit.check_all)
        broken = [finding.invariant for finding in findings if finding.violations]
        if broken:
            raise BooksRefusal(
                f"the books do not hold ({', '.join(broken)}): activation-worker audit"
            )

    async def export(self, directory: Path) -> list[ExportedPeriod]:
        """Write the files of each period that is not there as it was exported."""
        await self._check()
        written = []
        for period in await self._db.read(_periods):
            exported = await self.export_one(period["id"], directory)
            if exported is not None:
                written.append(exported)
        return written

    async def export_one(self, id_: int, directory: Path) -> ExportedPeriod | None:
        """None: it is there as it was exported, or is being dropped by now."""
        return await self._db.snapshot(_exporter(id_, directory), writes=True)

    async def drop(self, orders_over: OrdersOver, page: int = PAGE) -> DroppedRows:
        """Delete what was exported of numbers that rest."""
        await self._check()
        period = await self._to_drop()
        dropped, place = DroppedRows(), DropCursor()
        asked = {**period, **_columns(orders_over), "period": period["id"], "limit": page}
        kept: dict[str, bool] = {}
        while True:
            numbers = await self._db.read(partial(_page, asked=asked, at=place))
            if not numbers:
                break
            place = numbers[-1]
            kept = await self._kept(asked, numbers, kept)
            ids = [number.id for number in numbers if not kept[number.account]]
            await self._db.write(_dropper(asked, ids, dropped))
        return dropped

    async def _to_drop(self) -> Period:
        """The newest period that may be dropped, its files proven with those of all before it."""
        target: Period | None = None
        for period in await self._db.read(_periods):
            if period["exported_at"] is None:
                break
            if period["dropping_since"] is None:
                try:
                    await asyncio.to_thread(
                        book_files.prove, Path(period["folder"]), period["sha256"]
                    )
                except (Unproven, OSError) as error:
                    raise BooksRefusal(str(error)) from None
                await self._db.write(partial(_mark, change=_DROPPING, given=period))
            target = period
        if target is None:
            raise BooksRefusal("nothing was exported yet: activation-worker books export DIR")
        return target

    async def _kept(
        self, asked: Mapping[str, Any], numbers: Sequence[DropCursor], known: Mapping[str, bool]
    ) -> dict[str, bool]:
        """Whether everything of their accounts stays; the last account of before may go on here."""
        accounts = {number.account for number in numbers}
        new = sorted(accounts - known.keys())
        found: set[str] = set()
        if new:
            given = {**asked, "accounts": new}
            found = set(await self._db.read(lambda c: _kept_accounts(c, given)))
        return {name: known.get(name, name in found) for name in accounts}

    async def _check(self) -> None:
        async def work(connection: AsyncConnection) -> bool:
            await connection.run_sync(check)
            return bool(await scalar(connection, _OWNS))

        if not await self._db.read(work):
            raise BooksRefusal(
                "database.url must be of the login that owns the tables, as for migrate"
            )


async def _periods(connection: AsyncConnection) -> list[Period]:
    found = await connection.execute(statement("books/periods"))
    return [dict(row) for row in found.mappings()]


async def _mark(connection: AsyncConnection, change: TextClause, given: Period) -> None:
    await _take_turn(connection)
    if (await connection.execute(change, given)).rowcount != 1:
        raise BooksRefusal("another `books` command is at work")


async def _take_turn(connection: AsyncConnection) -> None:
    if not await scalar(connection, _TURN):
        raise BooksRefusal("another `books` command is at work")


async def _last(connection: AsyncConnection) -> Period | None:
    row = (await connection.execute(_CLOSED)).mappings().one_or_none()
    return None if row is None else dict(row)


async def _close(connection: AsyncConnection, until: datetime, after: Period) -> ClosedPeriod:
    await _take_turn(connection)
    last = await _last(connection)
    if (last or {"id": 0})["id"] != after["id"]:
        if last is not None and last["until"] == until:
            return ClosedPeriod(
                until, 0, again=True
            )  # The acknowledgement of our own commit was lost.
        raise BooksRefusal("another `books` command is at work")
    await audit.allow_long(connection)
    marks = await audit.fetch_patiently(
        connection, statement("books/period_marks"), {"until": until}
    )
    period = {"id": after["id"] + 1, "until": until, **marks}
    await connection.execute(_KEEP, period)
    carried = await audit.fetch_patiently(
        connection,
        statement("books/period_openings"),
        {
            "period": period["id"],
            "after": after["transfer_id"],
            "transfer_id": marks["transfer_id"],
        },
    )
    found = await audit.check(connection, "opening_is_sum_of_entries")
    if found.violations:
        raise BooksRefusal(f"openings do not add up: {' '.join(found.offenders)}")
    return ClosedPeriod(until, carried["accounts"], again=False)


async def _is_there(period: Period, folder: Path) -> bool:
    if period["exported_at"] is None or period["folder"] != str(folder):
        return False
    try:
        await asyncio.to_thread(book_files.prove, folder, period["sha256"])
    except Unproven:
        return False
    return True


def _exporter(
    id_: int, directory: Path
) -> Callable[[AsyncConnection], Awaitable[ExportedPeriod | None]]:
    async def work(connection: AsyncConnection) -> ExportedPeriod | None:
        """All files, and what they must add up to, of one moment, in which nobody drops them."""
        for patience in _PATIENCE:
            await connection.execute(patience)
        await _take_turn(connection)
        await connection.execute(_LOCK, {"id": id_})
        period = next(each for each in await _periods(connection) if each["id"] == id_)
        folder = await asyncio.to_thread(book_files.folder_of, directory, period["until"])
        if period["dropping_since"] is not None or await _is_there(period, folder):
            return None
        try:
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            files = [await _write(connection, name, period, folder) for name in BOOKS]
            sums = statement("books/period_sums")
            found = await audit.fetch_patiently(connection, sums, period, within_s=EXPORT_S)
            for name, written in zip(BOOKS, files, strict=True):
                book_files.held_against(written, json.loads(found[name]))
            told = {"until": period["until"].isoformat(), "period": period["id"]}
            sha256 = await asyncio.to_thread(book_files.write_list, folder, told, files)
        except (ConnectionError, TimeoutError):
            raise  # The database's.
        except OSError as error:
            raise BooksRefusal(f"cannot write to {folder}: {error.strerror}") from None
        given = {"id": id_, "folder": str(folder), "sha256": sha256}
        await _mark(connection, _EXPORTED, given)
        return ExportedPeriod(period["until"], folder, sum(file.rows for file in files))

    return work


async def _write(
    connection: AsyncConnection, name: str, period: Period, folder: Path
) -> WrittenFile:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    file, book = folder / f"{name}.ndjson", BOOKS[name]
    with book_files.fresh_part(file) as part:
        await driver.copy_from_query(
            f"SELECT row_to_json(r) FROM ({book.rows}) r",  # noqa: S608 - constants of ours
            *(period[each] for each in book.given),
            output=part,
            timeout=EXPORT_S,
            # As they are: no row of JSON has these characters.
            format="csv",
            delimiter="\x02",
            quote="\x01",
        )
        await asyncio.to_thread(book_files.settle_file, part, file)
    return await asyncio.to_thread(book_files.read_back, file, name)


def _columns(orders_over: OrdersOver) -> dict[str, list[Any]]:
    return {
        "names": [name for name, _ in orders_over],
        "versions": [version for _, version in orders_over],
        "befores": list(orders_over.values()),
    }


async def _page(
    connection: AsyncConnection, *, asked: Mapping[str, Any], at: DropCursor
) -> Sequence[DropCursor]:
    given = {**asked, **at._asdict()}
    return [
        DropCursor(*row) for row in await connection.execute(statement("books/drop_page"), given)
    ]


async def _kept_accounts(connection: AsyncConnection, given: Mapping[str, Any]) -> list[str]:
    await audit.allow_long(connection)
    found = await connection.execute(statement("books/drop_kept_accounts"), given)
    return list(found.scalars())


def _dropper(
    asked: Mapping[str, Any], ids: Sequence[UUID], dropped: DroppedRows
) -> Callable[[AsyncConnection], Awaitable[None]]:
    async def work(connection: AsyncConnection) -> None:
        """Named, carried and deleted in one transaction, or nothing of it."""
        await _take_turn(connection)
        locked = await connection.execute(statement("books/drop_lock"), {"ids": ids})
        asked_of = {**asked, "ids": list(locked.scalars())}
        named = await connection.execute(statement("books/drop_numbers"), asked_of)
        gone = {**asked, "ids": list(named.scalars())}
        if not gone["ids"]:
            return
        await connection.execute(statement("books/drop_carry"), gone)
        deleted = [
            (await connection.execute(statement(name), gone)).rowcount
            for name in ("books/drop_transfers", "books/drop_transitions", "books/drop_decisions")
        ]
        if deleted[0] != ENTRIES * len(gone["ids"]):
            raise BooksRefusal("entries of numbers are missing: activation-worker audit")
        dropped.numbers += len(gone["ids"])
        dropped.transfers += deleted[0]
        dropped.transitions += deleted[1]
        dropped.decisions += deleted[2]

    return work
