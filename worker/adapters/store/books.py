"""The books: accounts and their money, their audit, kept answers, and what the gauges show."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import audit, idle_accounts, proofs, provider_figures
from worker.adapters.store.database import Database, lock_accounts, scalar, statement
from worker.adapters.store.take_over import take_over, topup_key
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.ports.store import books as port
from worker.ports.store.case_view import Timer
from worker.ports.store.purchases import CANARY_ACCOUNT
from worker.ports.store.said import Noted, StaffNote

_BOOKED = text("SELECT account, amount_minor, at FROM transfer WHERE key = :key")


_LATER_THAN_NOW = "SELECT CAST(:at AS timestamptz) > clock_timestamp()"


async def open_account(
    connection: AsyncConnection, account: AccountId, currency: str, policy: port.AccountPolicy
) -> tuple[port.AccountOpened, port.Account]:
    parameters = {"account": account, "currency": currency, "policy": policy.named}
    parameters |= {"default": policy.default}
    new = (await connection.execute(statement("books/open_account"), parameters)).rowcount
    stored = await read(connection, account)
    assert stored is not None
    if new:
        return port.AccountOpened.NEW, stored
    if stored.currency != currency:
        return port.AccountOpened.OTHER_CONTENT, stored
    if policy.named not in {None, stored.policy}:
        return port.AccountOpened.OTHER_POLICY, stored
    return port.AccountOpened.SAME, stored


async def entries(
    connection: AsyncConnection, account: AccountId, before: int | None, limit: int
) -> list[port.Entry]:
    parameters = {"account": account, "before": before, "limit": limit}
    result = await connection.execute(statement("books/entries"), parameters)
    return [_entry(row) for row in result.mappings()]


#: A blocked account takes money: what it may not do is let money out.
_NO_TOP_UP: Final = {
    "closing": port.TopUpOutcome.ACCOUNT_CLOSING,
    "frozen": port.TopUpOutcome.ACCOUNT_FROZEN,
    "deleted": port.TopUpOutcome.UNKNOWN_ACCOUNT,
}


async def top_up(
    connection: AsyncConnection,
    account: AccountId,
    reference: str,
    amount_minor: int,
    at: datetime | None,
) -> tuple[port.TopUpOutcome, port.Account | None]:
    await lock_accounts(connection, [account])
    found = await read(connection, account)
    if found is None:
        return port.TopUpOutcome.UNKNOWN_ACCOUNT, None
    thing = {"key": topup_key(account, reference)}
    booked = (await connection.execute(_BOOKED, thing)).mappings().one_or_none()
    if booked is not None:
        same = booked["amount_minor"] == amount_minor and at in {None, booked["at"]}
        return (port.TopUpOutcome.SAME if same else port.TopUpOutcome.OTHER_CONTENT), found
    if at is not None and await scalar(connection, _LATER_THAN_NOW, at=at):
        return port.TopUpOutcome.IN_FUTURE, None
    # Read under the lock: a freeze or a deletion that was committed while we waited is seen.
    barred = _NO_TOP_UP.get(found.state)
    if barred is not None:
        return barred, None
    asked = {**thing, "account": account, "amount_minor": amount_minor, "at": at}
    await connection.execute(statement("books/top_up"), asked)
    return port.TopUpOutcome.NEW, await read(connection, account)


async def read(connection: AsyncConnection, account: AccountId) -> port.Account | None:
    row = (
        (await connection.execute(statement("books/account"), {"account": account}))
        .mappings()
        .first()
    )
    return None if row is None else _account(row)


def _account(row: RowMapping) -> port.Account:
    return port.Account(
        AccountId(row["account"]),
        row["currency"],
        row["available_minor"],
        row["held_minor"],
        row["state"],
        row["policy"],
    )


def _entry(row: RowMapping) -> port.Entry:
    activation = row["activation_id"]
    return port.Entry(
        id=row["id"],
        at=row["at"],
        kind=row["kind"],
        key=row["key"],
        source=row["source"],
        destination=row["destination"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        activation=None if activation is None else ActivationId(activation),
    )


SAMPLE: Final = 10_000  #: Endings that the cancel ratio is taken from.
CANARIES: Final = 1_000  #: As far back as one that went all the way is looked for.
_ON_TIME: Final = timedelta(0)
_LET_GO = text(
    "DELETE FROM answer WHERE key = :key AND content_hash = :content_hash AND answer IS NULL"
)


_NOTES: Final = text(
    "SELECT at, note, by FROM account_note WHERE account = :account ORDER BY id DESC LIMIT :limit"
)
_LOCK: Final = text("SELECT account FROM account WHERE account = :account FOR NO KEY UPDATE")


async def note(
    connection: AsyncConnection, account: AccountId, said: StaffNote, now: datetime | None
) -> bool:
    """Locked, so that the same said twice at once is kept once."""
    if (await connection.execute(_LOCK, {"account": account})).first() is None:
        return False
    kept = {"account": account, "note": said.note, "by": said.by, "now": now}
    await connection.execute(statement("books/note"), kept)
    return True


class BookRepository:
    """Accounts, their entries, and the proof that they add up."""

    def __init__(self, db: Database, *, events_wanted: bool) -> None:
        self._db = db
        self._events_wanted = events_wanted
        self._service_endings = provider_figures.ServiceEndings()

    async def open_account(
        self,
        account: AccountId,
        currency: str,
        policy: port.AccountPolicy = port.NO_POLICY,
    ) -> tuple[port.AccountOpened, port.Account]:
        return await self._db.write(lambda c: open_account(c, account, currency, policy))

    async def account(self, account: AccountId) -> port.Account | None:
        return await self._db.read(lambda c: read(c, account))

    async def take_over(self, accounts: Sequence[port.AccountIntake]) -> list[port.AccountTaken]:
        return await take_over(self._db, accounts)

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int, at: datetime | None = None
    ) -> tuple[port.TopUpOutcome, port.Account | None]:
        assert amount_minor > 0
        return await self._db.write_account(
            account, lambda c: top_up(c, account, reference, amount_minor, at)
        )

    async def entries(
        self, account: AccountId, *, before: int | None, limit: int
    ) -> list[port.Entry]:
        return await self._db.read(lambda c: entries(c, account, before, limit))

    async def entries_about(self, id_: ActivationId) -> list[port.Entry]:
        found = await self._rows("books/entries_about", id=str(id_))
        return [_entry(row) for row in found]

    async def accounts(self, *, after: AccountId | None, limit: int) -> list[port.Account]:
        return [
            _account(row) for row in await self._rows("books/accounts", after=after, limit=limit)
        ]

    async def undated_accounts(
        self, after: AccountId | None, limit: int, *, and_dated: bool
    ) -> port.QuietPage:
        asked = {"after": after, "limit": limit, "dated": and_dated}
        return await self._db.read(lambda c: idle_accounts.undated(c, asked))

    async def date_accounts(self, dates: Sequence[port.IdleDate], since: datetime) -> None:
        await self._db.write(lambda c: idle_accounts.date(c, dates, since))

    async def dated_account(self, subject: UUID) -> port.QuietAccount | None:
        return await self._db.read(lambda c: idle_accounts.dated(c, subject))

    async def date_again(self, timer: Timer, due_at: datetime, months: int) -> None:
        await self._db.write(lambda c: idle_accounts.date_again(c, timer, due_at, months))

    async def undate_account(self, timer: Timer) -> None:
        await self._db.write(lambda c: idle_accounts.undate(c, timer))

    async def note(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        return await self._db.write(lambda c: note(c, account, said, now))

    async def notes(self, account: AccountId, limit: int) -> list[Noted]:
        async def work(connection: AsyncConnection) -> list[Noted]:
            found = await connection.execute(_NOTES, {"account": account, "limit": limit})
            return [Noted(*row) for row in found]

        return await self._db.read(work)

    async def _rows(self, name: str, **parameters: object) -> Sequence[RowMapping]:
        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            return (await connection.execute(statement(name), parameters)).mappings().all()

        return await self._db.read(work)

    @property
    def invariants(self) -> Sequence[str]:
        return audit.invariants()

    async def guards(self) -> frozenset[str]:
        """What keeps this process from rewriting the books: `grant`, `trigger`; for `doctor`."""

        async def work(connection: AsyncConnection) -> frozenset[str]:
            row = (await connection.execute(statement("books/guards"))).one()
            held = {"grant": row.by_grant, "trigger": row.by_trigger}
            return frozenset(name for name, holds in held.items() if holds)

        return await self._db.read(work)

    async def audit(self) -> list[port.Finding]:
        return await self._db.snapshot(audit.check_all)

    async def check(self, invariant: str) -> port.Finding | None:
        return await proofs.check(self._db, invariant)

    async def check_new(self, within: timedelta) -> list[port.Finding] | None:
        return await proofs.check_new(self._db, within)

    async def queue_stats(
        self, grace: timedelta, *, now: datetime | None = None
    ) -> port.QueueStats:
        async def work(connection: AsyncConnection) -> port.QueueStats:
            endings, wanted = self._service_endings, self._events_wanted
            return await _queue_stats(connection, grace, now, endings, events_wanted=wanted)

        return await self._db.read(work)

    async def provider_standings(
        self, providers: Sequence[ProviderName], *, now: datetime | None = None
    ) -> dict[ProviderName, port.ProviderStanding]:
        return await self._db.read(lambda c: provider_figures.standings(c, providers, now))

    async def provider_services(
        self, provider: ProviderName, *, now: datetime | None = None
    ) -> list[port.ProviderFigures]:
        return await self._db.read(lambda c: provider_figures.services(c, provider, now))

    async def service_figures(
        self,
        currencies: Mapping[ProviderName, str],
        service: str,
        country: str,
        *,
        now: datetime | None = None,
    ) -> dict[ProviderName, port.ProviderFigures]:
        return await self._db.read(
            lambda c: provider_figures.of_service(c, currencies, service, country, now)
        )

    async def take_key(self, key: str, content_hash: str) -> port.TakenKey:
        async def work(connection: AsyncConnection) -> port.TakenKey:
            asked = {"key": key, "content_hash": content_hash}
            return port.TakenKey(
                *(await connection.execute(statement("books/take_key"), asked)).one()
            )

        return await self._db.write(work)

    async def keep_answer(
        self, key: str, content_hash: str, answer: port.KeptAnswer
    ) -> port.KeptAnswer:
        async def work(connection: AsyncConnection) -> port.KeptAnswer:
            given = {"key": key, "content_hash": content_hash, "answer": json.dumps(answer)}
            result = await connection.execute(statement("books/keep_answer"), given)
            kept: port.KeptAnswer | None = result.scalar()
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
    connection: AsyncConnection,
    grace: timedelta,
    now: datetime | None,
    service_endings: provider_figures.ServiceEndings,
    *,
    events_wanted: bool,
) -> port.QueueStats:
    async def rows(name: str, **parameters: object) -> Sequence[RowMapping]:
        return (await connection.execute(statement(name), parameters)).mappings().all()

    live = await rows("books/overdue_numbers", grace=grace, now=now)
    exposed = await rows("books/exposed_sums")
    ended = await rows("books/cancelled_share", now=now, sample=SAMPLE)
    timers = await rows("books/overdue_timers", now=now)
    in_doubt = await rows("books/purchases_in_doubt")
    canary = {"account": CANARY_ACCOUNT, "sample": CANARIES}
    late = [row["now"] - row["oldest_deadline"] for row in live if row["oldest_deadline"]]
    [events] = await rows("books/pending_events", wanted=events_wanted, now=now)
    reviews = await rows("books/waiting_reviews", now=now)
    waiting = Counter({row["kind"]: row["waiting"] for row in reviews})
    waiting[port.IN_REVIEW] = sum(row["in_review"] for row in live)
    since = [row["oldest"] for row in reviews]
    since += [row["now"] - row["oldest_review"] for row in live if row["oldest_review"]]
    settled = await connection.execute(statement("books/newest_canary"), canary)
    return port.QueueStats(
        live={ProviderName(row["provider"]): row["live"] for row in live},
        overdue=sum(row["overdue"] for row in live),
        oldest_overdue=max(late, default=_ON_TIME),
        exposure_minor={
            (ProviderName(row["provider"]), row["currency"]): row["amount_minor"] for row in exposed
        },
        events_pending=events["pending"],
        cancel_ratio={
            ProviderName(row["provider"]): row["cancelled"] / row["ended"] for row in ended
        },
        timers_overdue={row["kind"]: row["overdue"] for row in timers},
        canary_success=settled.scalar_one_or_none(),
        purchases_in_doubt={ProviderName(row["provider"]): row["purchases"] for row in in_doubt},
        balance_minor={
            (name, balance.currency): balance.minor
            for name, balance in (await provider_figures.balances(connection)).items()
        },
        oldest_event=events["oldest"] or _ON_TIME,
        reviews_waiting=+waiting,
        # One whose Cancel was pressed may be in review before its deadline.
        oldest_review=max([_ON_TIME, *since]),
        reviews_late=sum(row["late"] for row in reviews) + sum(row["reviews_late"] for row in live),
        service_endings=await service_endings.read(connection, now),
    )
