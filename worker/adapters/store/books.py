"""The books: accounts and their money, their audit, kept answers, and what the gauges show."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.adapters.store import accounts, audit, idempotency, queue_stats
from worker.adapters.store.database import Database
from worker.domain.ids import AccountId
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
        return await self._db.read(lambda c: queue_stats.read(c, grace, now))

    async def take_key(self, key: str, content_hash: str) -> TakenKey:
        return await self._db.write(lambda c: idempotency.take_key(c, key, content_hash))

    async def keep_answer(self, key: str, content_hash: str, answer: KeptAnswer) -> KeptAnswer:
        return await self._db.write(lambda c: idempotency.keep_answer(c, key, content_hash, answer))

    async def let_go(self, key: str, content_hash: str) -> None:
        await self._db.write(lambda c: idempotency.let_go(c, key, content_hash))

    async def forget_answers(self, limit: int) -> int:
        return await self._db.write(lambda c: idempotency.forget_answers(c, limit))
