"""Proofs: what the audit remembers, so that the daemon's next one reads only what is new.

A row in `audit_proof` says that an invariant held, and up to which numbers of the append-only
tables that was seen. Those are final: nobody can still write a row below them. What is found broken
loses its row, so it is checked over everything until it holds.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import audit
from worker.adapters.store.audit import READS, Reads
from worker.adapters.store.database import Database, statement
from worker.domain.transfer import TransferKind, transfer_key
from worker.ports.store.books import Finding

SUMS: Final = "balance_is_sum_of_transfers"  #: The sums of `audit_opening` go with its mark.
WRITER_S: Final = 5.0  #: A transaction of ours is over long before; somebody else's may stay.
_LOOK_S: Final = 0.02
#: These may come again for one case: with a number behind, which begins at two.
_AGAIN: Final = (TransferKind.WITHHOLD, TransferKind.GIVEBACK, TransferKind.EXCESS)
_TIMES: Final = 10
_OF_NUMBERS: Final = (TransferKind.HOLD, TransferKind.CAPTURE, TransferKind.RELEASE)
_OF_RENTALS: Final = (TransferKind.RENTAL, TransferKind.RENTHOLD, TransferKind.RENTBACK,
                      TransferKind.PROLONG)  # fmt: skip
_OF_CASES: Final = tuple(
    kind
    for kind in TransferKind
    if kind not in {TransferKind.TOPUP, TransferKind.CARRIED, *_OF_NUMBERS, *_OF_RENTALS}
)
_PROOFS: Final = text(
    "SELECT * FROM audit_proof WHERE whole_at > now() - CAST(:within AS interval)"
)
_FORGET: Final = text("DELETE FROM audit_proof WHERE invariant = ANY(CAST(:broken AS text[]))")
_NO_SUMS: Final = text("DELETE FROM audit_opening")


class Marks(NamedTuple):
    """A number of each append-only table."""

    transfer_id: int
    transition_seq: int
    event_seq: int
    decision_seq: int
    evidence_seq: int

    @classmethod
    def lowest(cls, several: Iterable["Marks"]) -> "Marks":
        return cls(*map(min, zip(*several, strict=True)))

    def further(self, rows: "Marks", newest: "Marks") -> "Marks":
        """So many rows of each table further, and nowhere beyond the newest."""
        return Marks(*(min(a + b, end) for a, b, end in zip(self, rows, newest, strict=True)))


#: Read at once is what is new of so many lives: a bite has about as many rows of each table.
LIVES: Final = 10_000
BITE: Final = Marks(2 * LIVES, 3 * LIVES, LIVES, LIVES, LIVES)


class Proof(NamedTuple):
    whole_at: datetime
    upto: Marks


@dataclass(frozen=True, slots=True)
class _News:
    """What one audit of the new has to read."""

    proofs: Mapping[str, Proof]
    after: Marks
    upto: Marks
    final: bool  #: Nobody can still write below `upto`.

    def bites(self) -> Iterator[tuple[Marks, Marks]]:
        """From mark to mark, each so small that its subjects fit into a parameter."""
        after = self.after
        while True:
            upto = after.further(BITE, self.upto)
            yield after, upto
            if upto == self.upto:
                return
            after = upto


async def check(db: Database, invariant: str) -> Finding | None:
    """Over everything, and remember what came of it; None while another process is at one."""
    marks, final = await _marks(db)

    async def work(connection: AsyncConnection) -> Finding | None:
        return await audit.check(connection, invariant) if await audit.alone(connection) else None

    finding = await db.snapshot(work)
    if finding is not None and finding.violations:
        await _forget(db, [invariant])
    elif finding is not None and final:
        await db.write(lambda connection: _keep(connection, invariant, marks))
    return finding


async def check_new(db: Database, within: timedelta) -> list[Finding] | None:
    """What is new since the last proofs, of those that were whole within this time.

    Those that hold; each of the others is to be checked over everything. None: as for `check`.
    """
    proofs = await db.read(lambda connection: _proofs(connection, within))
    if not proofs:
        return []
    upto, final = await _marks(db)
    after = Marks.lowest(proof.upto for proof in proofs.values())
    # After a failover the newest numbers may be lower than those that were proven.
    news = _News(proofs, Marks.lowest((after, upto)), upto, final)
    broken: set[str] = set()
    for bite in news.bites():
        found = await db.snapshot(partial(_check_bite, news=news, after=bite[0], upto=bite[1]))
        if found is None:
            return None
        broken |= found
    await _forget(db, sorted(broken))
    held = [name for name in proofs if name not in broken]
    if final:
        await db.write(lambda connection: _advance(connection, news, held))
    return [Finding(name, audit.says(name), 0) for name in held]


async def _marks(db: Database) -> tuple[Marks, bool]:
    """The newest numbers, and whether all that were given out are seen, or never will be."""

    async def read(connection: AsyncConnection) -> Marks:
        return Marks(*(await connection.execute(statement("books/audit_marks"))).one())

    async def writers(connection: AsyncConnection) -> set[str]:
        return set((await connection.execute(statement("books/audit_writers"))).scalars())

    marks = await db.read(read)
    before = await db.read(writers)
    until = time.monotonic() + WRITER_S
    while before and time.monotonic() < until:
        await asyncio.sleep(_LOOK_S)
        before &= await db.read(writers)
    return marks, not before


async def _proofs(connection: AsyncConnection, within: timedelta) -> dict[str, Proof]:
    rows = (await connection.execute(_PROOFS, {"within": within})).all()
    proofs = {row.invariant: Proof(row.whole_at, Marks(*row[2:7])) for row in rows}
    known = {name: proof for name, proof in proofs.items() if name in READS}
    sums = known.get(SUMS)
    for name in [name for name in known if READS[name] is Reads.BALANCES]:
        # Between its own mark and the one that the sums begin from nobody would read.
        if sums is None or known[name].upto.transfer_id < sums.upto.transfer_id:
            del known[name]
    return known


async def _check_bite(
    connection: AsyncConnection, *, news: _News, after: Marks, upto: Marks
) -> set[str] | None:
    """Which of the invariants are broken among what stands between two marks."""
    if not await audit.alone(connection):
        return None
    between = {**after._asdict(), **{f"{name}_to": to for name, to in upto._asdict().items()}}
    given = await _subjects(connection, between)
    given["transfer_id"] = news.after.transfer_id
    if SUMS in news.proofs:
        given["opening"] = news.proofs[SUMS].upto.transfer_id
    broken = set()
    for name in news.proofs:
        in_bites = READS[name] in {Reads.NUMBERS, Reads.CASES}
        if in_bites or upto == news.upto:
            found = await audit.check(connection, name, READS[name], given)
            if found.violations:
                broken.add(name)
    return broken


async def _subjects(connection: AsyncConnection, between: Mapping[str, int]) -> dict[str, Any]:
    async def ids(name: str, **more: object) -> list[UUID]:
        found = await connection.execute(statement(name), {**between, **more})
        return list(found.scalar_one())

    numbers = await ids("books/audit_new_numbers")
    cases = await ids("books/audit_new_cases", numbers=numbers)
    return {
        "numbers": numbers,
        "subjects": [str(number) for number in numbers],
        "number_keys": _keys(_OF_NUMBERS, numbers),
        "cases": cases,
        "case_keys": _keys(_OF_CASES, cases)
        + [f"{key}:{n}" for key in _keys(_AGAIN, cases) for n in range(2, _TIMES)],
        "things": await ids("books/audit_things", cases=cases),
        "ringing": [*numbers, *cases],
    }


def _keys(kinds: Sequence[TransferKind], things: Sequence[UUID]) -> list[str]:
    return [transfer_key(kind, thing) for kind in kinds for thing in things]


async def _keep(connection: AsyncConnection, invariant: str, marks: Marks) -> None:
    given = {"invariant": invariant, **marks._asdict()}
    await connection.execute(statement("books/audit_keep"), given)
    if invariant == SUMS:
        await connection.execute(_NO_SUMS)
        await _sum_up(connection, 0, marks)


async def _advance(connection: AsyncConnection, news: _News, held: Sequence[str]) -> None:
    for name in sorted(held):
        before = news.proofs[name]
        given = {"invariant": name, "whole_at": before.whole_at, **news.upto._asdict()}
        given["before"] = before.upto.transfer_id
        moved = (await connection.execute(statement("books/audit_advance"), given)).rowcount
        if moved and name == SUMS:
            await _sum_up(connection, before.upto.transfer_id, news.upto)


async def _sum_up(connection: AsyncConnection, before: int, upto: Marks) -> None:
    given = {"before": before, "transfer_id": upto.transfer_id}
    await audit.allow_long(connection)
    await audit.fetch_patiently(connection, statement("books/audit_openings"), given)


async def _forget(db: Database, broken: Sequence[str]) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(_FORGET, {"broken": broken})

    if broken:
        await db.write(work)
