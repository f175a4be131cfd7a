"""The books: accounts and their money, their audit, kept answers, and what the gauges show."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import accounts, audit
from worker.adapters.store.database import Database
from worker.adapters.store.statements import statement
from worker.domain.ids import AccountId, ProviderName
from worker.ports.store.books import (
    Account,
    AccountOpened,
    Entry,
    Finding,
    KeptAnswer,
    QueueStats,
    TakenKey,
    TopUpOutcome,
)
from worker.ports.store.purchases import ACCOUNT

SAMPLE: Final = 10_000  #: Endings that the cancel ratio is taken from.
CANARIES: Final = 1_000  #: As far back as one that went all the way is looked for.
_ON_TIME: Final = timedelta(0)
_LET_GO = text(
    "DELETE FROM answer WHERE key = :key AND content_hash = :content_hash AND answer IS NULL"
)


class BookRepository:
    """Accounts, their entries, and the proof that they add up."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open_account(
        self, account: AccountId, currency: str
    ) -> tuple[AccountOpened, Account]:
        return await self._db.write(lambda c: accounts.open_account(c, account, currency))

    async def account(self, account: AccountId) -> Account | None:
        return await self._db.read(lambda c: accounts.read(c, account))

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int
    ) -> tuple[TopUpOutcome, Account | None]:
        assert amount_minor > 0
        return await self._db.write(lambda c: accounts.top_up(c, account, reference, amount_minor))

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        return await self._db.read(lambda c: accounts.entries(c, account, before, limit))

    @property
    def invariants(self) -> Sequence[str]:
        return audit.invariants()

    async def audit(self) -> list[Finding]:
        return await self._db.read(audit.check_all)

    async def check(self, invariant: str) -> Finding | None:
        return await self._db.read(lambda c: audit.check_alone(c, invariant))

    async def queue_stats(self, grace: timedelta, *, now: datetime | None = None) -> QueueStats:
        return await self._db.read(lambda c: _queue_stats(c, grace, now))

    async def take_key(self, key: str, content_hash: str) -> TakenKey:
        async def work(connection: AsyncConnection) -> TakenKey:
            asked = {"key": key, "content_hash": content_hash}
            return TakenKey(*(await connection.execute(statement("books/take_key"), asked)).one())

        return await self._db.write(work)

    async def keep_answer(self, key: str, content_hash: str, answer: KeptAnswer) -> KeptAnswer:
        async def work(connection: AsyncConnection) -> KeptAnswer:
            given = {"key": key, "content_hash": content_hash, "answer": json.dumps(answer)}
            result = await connection.execute(statement("books/keep_answer"), given)
            kept: KeptAnswer | None = result.scalar()
            return answer if kept is None else kept

        return await self._db.write(work)

    async def let_go(self, key: str, content_hash: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_LET_GO, {"key": key, "content_hash": content_hash})

        await self._db.write(work)

    async def forget_answers(self, limit: int) -> int:
        async def work(connection: AsyncConnection) -> int:
            result = await connection.execute(statement("books/forget_answers"), {"limit": limit})
            return result.rowcount

        return await self._db.write(work)


async def _queue_stats(
    connection: AsyncConnection, grace: timedelta, now: datetime | None
) -> QueueStats:
    async def rows(name: str, **parameters: object) -> Sequence[RowMapping]:
        return (await connection.execute(statement(name), parameters)).mappings().all()

    live = await rows("books/overdue_numbers", grace=grace, now=now)
    exposed = await rows("books/exposed_sums")
    ended = await rows("books/cancelled_share", now=now, sample=SAMPLE)
    timers = await rows("books/overdue_timers", now=now)
    canary = {"account": ACCOUNT, "sample": CANARIES}
    late = [row["now"] - row["oldest_deadline"] for row in live if row["oldest_deadline"]]
    pending = await connection.execute(statement("books/pending_events"))
    settled = await connection.execute(statement("books/newest_canary"), canary)
    return QueueStats(
        live={ProviderName(row["provider"]): row["live"] for row in live},
        overdue=sum(row["overdue"] for row in live),
        oldest_overdue=max(late, default=_ON_TIME),
        exposure_minor={
            (ProviderName(row["provider"]), row["currency"]): row["amount_minor"] for row in exposed
        },
        events_pending=pending.scalar_one(),
        cancel_ratio={
            ProviderName(row["provider"]): row["cancelled"] / row["ended"] for row in ended
        },
        timers_overdue={row["kind"]: row["overdue"] for row in timers},
        canary_success=settled.scalar_one_or_none(),
    )
