"""Endings: leased, settled with their money in batches, and pursued at the provider."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Final, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_records, review_events, rows
from worker.adapters.store.database import Database, statement
from worker.adapters.store.leases import Leases
from worker.adapters.store.provider_figures import count_settled
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.ports.errors import RowLocked, StoreError
from worker.ports.instances import Holder, nobody
from worker.ports.store import settlements as port
from worker.ports.store.case_record import PastDeed

R = TypeVar("R", port.Postponed, port.Resolved)

#: All, in the order of settle.sql, which finds these states: nobody changes them before it.
_LOCK_UNSETTLED: Final = text(
    "SELECT id, state FROM activation WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT settled"
    " ORDER BY id FOR NO KEY UPDATE"
)
#: What `.value` says, for a tenth of its time.
_word: Final[Callable[[State | ProviderState], str]] = attrgetter("_value_")
#: For a number that somebody else has locked. Whoever writes to one of ours is done sooner.
ROW_LOCK_WAIT: Final = timedelta(milliseconds=200)
WAITED_FOR_MAX: Final = 4  #: Locked accounts that one batch waits for; the others come later.


class SettlementRepository:
    """How numbers end (E2 to E7): leased, settled, and pursued at their provider."""

    def __init__(self, db: Database, event_state: str, holder: Holder = nobody) -> None:
        self._db = db
        self._holder = holder
        self._event_state = event_state
        self.leases = Leases(db, self._hand_back)

    async def lease_cancels(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._lease(
            "settlements/lease_cancels",
            provider=provider,
            limit=limit,
            lease=lease,
            ids=None,
            now=now,
        )

    async def lease_cancels_of(
        self,
        ids: Sequence[ActivationId],
        provider: ProviderName,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> list[port.DueNumber]:
        return await self._lease(
            "settlements/lease_cancels",
            provider=provider,
            limit=len(ids),
            lease=lease,
            ids=list(ids),
            now=now,
        )

    async def lease_pursuits(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._lease(
            "settlements/lease_pursuits",
            provider=provider,
            limit=limit,
            lease=lease,
            now=now,
        )

    async def still_leased(self, leased: Sequence[port.DueNumber]) -> set[ActivationId]:
        async def work(connection: AsyncConnection) -> set[ActivationId]:
            asked = {"ids": [due.id for due in leased], "epochs": [due.epoch for due in leased]}
            found = await connection.execute(statement("settlements/still_leased"), asked)
            return {ActivationId(row[0]) for row in found}

        return await self._db.read(work)

    async def due_deliveries(
        self, limit: int, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/due_deliveries", limit=limit, now=now)

    async def due_delivery(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/due_delivery", id=id_, now=now)

    async def past_grace(
        self, grace: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/past_grace", grace=grace, limit=limit, now=now)

    async def expired(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/expired", ids=list(ids), now=now)

    async def provider_ended(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        name, asked = "settlements/provider_ended", {"ids": list(ids), "now": now}
        return await self._db.write(lambda c: _read_due(c, name, asked), lock_wait=ROW_LOCK_WAIT)

    async def end_unsold(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/end_unsold", ids=list(ids), now=now)

    async def give_up(
        self, provider: ProviderName, limit: int, *, now: datetime | None = None
    ) -> list[port.DueNumber]:
        return await self._due("settlements/give_up", provider=provider, limit=limit, now=now)

    async def foreign_rows(
        self, by: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[port.ForeignRow]:
        async def work(connection: AsyncConnection) -> list[port.ForeignRow]:
            parameters = {"by": by, "limit": limit, "now": now, **rows.KNOWN}
            found = await connection.execute(statement("settlements/foreign_rows"), parameters)
            return [port.ForeignRow(*row) for row in found]

        return await self._db.read(work)

    async def behind(
        self, provider: ProviderName, by: timedelta, *, now: datetime | None = None
    ) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            parameters = {"provider": provider, "by": by, "now": now, **rows.KNOWN}
            return bool(
                (await connection.execute(statement("settlements/behind"), parameters)).scalar_one()
            )

        return await self._db.read(work)

    async def due_in(
        self, provider: ProviderName | None = None, *, now: datetime | None = None
    ) -> timedelta | None:
        seconds = await self._db.ask("settlements/next_due", provider=provider, now=now)
        return None if seconds is None else timedelta(seconds=seconds)

    async def mark_expired(
        self, behind: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        async def work(connection: AsyncConnection) -> int:
            parameters = {"behind": behind, "limit": limit, "now": now}
            result = await connection.execute(statement("settlements/mark_expired"), parameters)
            return int(result.scalar_one())

        return await self._db.write(work)

    async def settle(
        self,
        endings: Sequence[port.Ending],
        *,
        lock_wait: timedelta | None = None,
        now: datetime | None = None,
    ) -> port.Settlements:
        if not endings:
            return port.Settlements([], [])
        if lock_wait is None:
            return await self._settle_all(endings, None, now)
        settled, refused, left = await self._settle_free(endings, now)
        busy: list[ActivationId] = []
        for number, account in enumerate(dict.fromkeys(ending.account for ending in left)):
            theirs = [ending for ending in left if ending.account == account]
            if number >= WAITED_FOR_MAX:
                busy += [ending.id for ending in theirs]
                continue
            try:
                more = await self._settle_all(theirs, lock_wait, now)
            except RowLocked:
                busy += [ending.id for ending in theirs]
            else:
                settled, refused = [*settled, *more.settled], [*refused, *more.refused]
        return port.Settlements(settled, refused, busy)

    async def _settle_free(
        self, endings: Sequence[port.Ending], now: datetime | None
    ) -> tuple[Sequence[port.SettledNumber], Sequence[ActivationId], Sequence[port.Ending]]:
        """Settle those whose accounts nobody has locked; the other endings are left."""

        async def work(
            connection: AsyncConnection, *, around_locked: bool = False
        ) -> tuple[list[port.SettledNumber], list[port.Ending]]:
            free = await rows.lock_free_balances(connection, endings)
            ready = [ending for ending in endings if ending.account in free]
            if around_locked:
                rows_free = await rows.lock_free(connection, [ending.id for ending in ready])
                ready = [ending for ending in ready if ending.id in rows_free]
            taken = {ending.id for ending in ready}
            left = [ending for ending in endings if ending.id not in taken]
            done = await _settle(connection, ready, now, self._event_state) if ready else []
            return done, left

        try:
            try:
                done, left = await self._db.write(work, lock_wait=ROW_LOCK_WAIT)
            except RowLocked:  # Mostly a number's own row: nobody else's ending waits for it.
                around = partial(work, around_locked=True)
                done, left = await self._db.write(around, lock_wait=ROW_LOCK_WAIT)
        except RowLocked:
            return [], [], endings
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - the database refuses one of them, or its limit has a bug
            # Halved, each half waits for its accounts, as if asked alone.
            return await self._halve_free(endings, now)
        return done, [], left

    async def _halve_free(
        self, endings: Sequence[port.Ending], now: datetime | None
    ) -> tuple[Sequence[port.SettledNumber], Sequence[ActivationId], Sequence[port.Ending]]:
        if len(endings) == 1:
            return [], [endings[0].id], []
        half = len(endings) // 2
        first = await self._settle_free(endings[:half], now)
        second = await self._settle_free(endings[half:], now)
        return [*first[0], *second[0]], [*first[1], *second[1]], [*first[2], *second[2]]

    async def _settle_all(
        self, endings: Sequence[port.Ending], lock_wait: timedelta | None, now: datetime | None
    ) -> port.Settlements:
        """One row the database refuses does not hold up the others: halve until it stands alone."""
        accounts = sorted({ending.account for ending in endings})

        async def work(connection: AsyncConnection) -> list[port.SettledNumber]:
            await connection.execute(statement("books/lock_balances"), {"accounts": accounts})
            return await _settle(connection, endings, now, self._event_state)

        try:
            if lock_wait is None:
                done = await self._db.write_in_turn(accounts, work)
            else:
                done = await self._db.write(work, lock_wait=lock_wait)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - as in `_settle_free`
            if len(endings) == 1:
                return port.Settlements([], [endings[0].id])
        else:
            return port.Settlements(done, [])
        half = len(endings) // 2
        first = await self._settle_all(endings[:half], lock_wait, now)
        second = await self._settle_all(endings[half:], lock_wait, now)
        return port.Settlements(
            [*first.settled, *second.settled], [*first.refused, *second.refused]
        )

    async def postpone(
        self, postponed: Sequence[port.Postponed], *, now: datetime | None = None
    ) -> None:
        def columns(some: Sequence[port.Postponed]) -> dict[str, object]:
            return {
                "ids": [p.id for p in some],
                "epochs": [p.epoch for p in some],
                "delays": [p.delay for p in some],
                "too_early": [p.too_early for p in some],
                "unknown_reads": [p.unknown_reads for p in some],
                "answers": [p.answer for p in some],
                "now": now,
            }

        await self._change("settlements/postpone", postponed, columns)

    async def resolve(
        self, resolved: Sequence[port.Resolved], *, now: datetime | None = None
    ) -> Collection[ActivationId]:
        def columns(some: Sequence[port.Resolved]) -> dict[str, object]:
            return {
                "ids": [r.id for r in some],
                "epochs": [r.epoch for r in some],
                "provider_states": [r.provider_state.value for r in some],
                "now": now,
            }

        left = await self._change("settlements/resolve", resolved, columns)
        return {result.id for result in left}

    async def _change(
        self, name: str, items: Sequence[R], columns: Callable[[Sequence[R]], Mapping[str, object]]
    ) -> Sequence[R]:
        """Those whose rows stay locked: they hold up no other."""

        async def work(connection: AsyncConnection, *, around_locked: bool = False) -> Sequence[R]:
            if not around_locked:
                await connection.execute(statement(name), columns(items))
                return ()
            free = await rows.lock_free(connection, [item.id for item in items])
            ready = [item for item in items if item.id in free]
            await connection.execute(statement(name), columns(ready))
            return [item for item in items if item.id not in free]

        if not items:
            return ()
        try:
            try:
                return await self._db.write(work, lock_wait=ROW_LOCK_WAIT)
            except RowLocked:
                around = partial(work, around_locked=True)
                return await self._db.write(around, lock_wait=ROW_LOCK_WAIT)
        except RowLocked:
            return items

    async def _due(self, name: str, **parameters: object) -> list[port.DueNumber]:
        return await self._db.write(lambda c: _read_due(c, name, parameters))

    async def _lease(
        self, name: str, *, now: datetime | None, **parameters: object
    ) -> list[port.DueNumber]:
        asked = {**parameters, "holder": self._holder(), "now": now}
        return await self.leases.take(lambda c: _read_due(c, name, asked), now)

    async def _hand_back(
        self, connection: AsyncConnection, leased: Sequence[port.DueNumber], now: datetime | None
    ) -> None:
        held = {
            "ids": [due.id for due in leased],
            "epochs": [due.epoch for due in leased],
            "holder": self._holder(),
            "now": now,
        }
        await connection.execute(statement("settlements/hand_back"), held)


async def _read_due(
    connection: AsyncConnection, name: str, parameters: Mapping[str, object]
) -> list[port.DueNumber]:
    found = await rows.fetch(connection, name, {**parameters, **rows.KNOWN})
    return [rows.due(row) for row in found]


async def _within_limits(
    connection: AsyncConnection, endings: Sequence[port.Ending]
) -> Sequence[port.Ending]:
    """Refunds that a limit counts, one after the other: their accounts' balances are locked.

    Others of such an account come before or after. What settle.sql leaves as it is gives nothing.
    """
    if all(ending.limit is None for ending in endings):
        return endings
    found = await connection.execute(_LOCK_UNSETTLED, {"ids": [ending.id for ending in endings]})
    states = {row.id: row.state for row in found}
    given: dict[AccountId, list[PastDeed]] = {}
    judged = []
    for ending in endings:
        if (limit := ending.limit) is not None and states.get(ending.id) == _word(ending.source):
            past = await case_records.history(connection, ending.account, limit.asked, limit.at)
            now_given = given.setdefault(ending.account, [])
            outcome, reason = limit((*past, *now_given))
            refunded = outcome is State.REFUNDED
            if refunded:
                now_given.append(limit.deed)
            exposure = ending.exposure and refunded
            judged.append(ending._replace(outcome=outcome, reason=reason, exposure=exposure))
        else:
            judged.append(ending)
    return judged


async def _settle(
    connection: AsyncConnection,
    endings: Sequence[port.Ending],
    now: datetime | None,
    event_state: str,
) -> list[port.SettledNumber]:
    endings = await _within_limits(connection, endings)
    won = await rows.fetch(
        connection,
        "settlements/settle",
        {
            "ids": [e.id for e in endings],
            "sources": [_word(e.source) for e in endings],
            "outcomes": [_word(e.outcome) for e in endings],
            "provider_states": [e.provider_state and _word(e.provider_state) for e in endings],
            "reasons": [e.reason for e in endings],
            "act_after": [e.act_after for e in endings],
            "exposed": [e.exposure for e in endings],
            "now": now,
            "event_state": event_state,
        },
    )
    await count_settled(connection, won)
    await review_events.of_numbers(connection, endings, won, now, event_state)
    return [rows.settled(row) for row in won]
