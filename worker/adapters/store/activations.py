"""Rented numbers: taken in, given their codes, asked for their end, and read back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import Executable, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import presses, rows, searching
from worker.adapters.store.accept import accept
from worker.adapters.store.database import Database, milliseconds, statement
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.turns import LOCK_WAIT
from worker.adapters.store.writes_in_turn import write_for_person
from worker.domain.activation import (
    LIVE,
    CodeFate,
    ProviderState,
    State,
    code_fate,
)
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef, code_hash
from worker.ports.store import activations as port
from worker.ports.store.said import StaffAct, StaffNote

CODE_MAX = 500  #: Characters kept of a code; some providers put the whole SMS there.
TEXT_MAX = 2_000


def keepable(text: str, longest: int) -> str:
    """What the database can keep of a text: providers pass on NUL and halves of characters.

    One such SMS would otherwise hold up every other code of its batch, and its text would stand in
    the driver's error.
    """
    return text.replace("\x00", "")[:longest].encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class _Judged:
    row: RowMapping
    sms: port.SeenSms
    hash: bytes
    fate: CodeFate


async def record(
    connection: AsyncConnection,
    seen: Sequence[port.SeenSms],
    now: datetime | None,
    event_state: str,
    *,
    lock: Executable,
) -> list[port.RecordedCode | port.LockedCode]:
    asked = {"providers": [s.provider for s in seen], "refs": [s.ref for s in seen], "now": now}
    found = (await connection.execute(lock, asked)).mappings().all()
    by_ref = {(row["provider"], row["provider_ref"]): row for row in found}
    waiting = [
        port.LockedCode(sms._replace(rental=ActivationId(row["id"])), row["now"])
        for sms in seen
        if (row := by_ref.get((sms.provider, sms.ref))) is not None
        and row["is_locked"]
        and sms.rental in {None, row["id"]}
    ]
    numbers = {thing: row for thing, row in by_ref.items() if not row["is_locked"]}
    if not numbers:
        return [*waiting]
    ids = [row["id"] for row in numbers.values()]
    known = {
        (row[0], bytes(row[1]))
        for row in await connection.execute(statement("activations/known_codes"), {"ids": ids})
    }
    judged = _judge(seen, numbers, known)
    await _keep(connection, judged, event_state)
    recorded = [
        port.RecordedCode(
            ActivationId(j.row["id"]),
            ProviderName(j.row["provider"]),
            j.fate,
            j.row["now"] - j.row["rented_at"],
            j.sms,
        )
        for j in judged
    ]
    return [*recorded, *waiting]


def _judge(
    seen: Sequence[port.SeenSms],
    numbers: Mapping[tuple[str, str], RowMapping],
    known: set[tuple[UUID, bytes]],
) -> list[_Judged]:
    """Each SMS by the state its number has after the ones before it."""
    states = {thing: State(row["state"]) for thing, row in numbers.items()}
    judged = []
    for sms in seen:
        thing = (sms.provider, sms.ref)
        if thing not in numbers or sms.rental not in {None, numbers[thing]["id"]}:
            continue
        row, hashed = numbers[thing], code_hash(sms.code)
        fate = code_fate(
            states[thing],
            cancelled=row["provider_state"] == ProviderState.CANCELLED.value,
            deadline_at=row["deadline_at"],
            known=(row["id"], hashed) in known,
            now=row["now"],
        )
        known.add((row["id"], hashed))
        if fate is CodeFate.SHOWN:
            states[thing] = State.RECEIVED
        judged.append(_Judged(row, sms, hashed, fate))
    return judged


async def _keep(connection: AsyncConnection, judged: Sequence[_Judged], event_state: str) -> None:
    new = [j for j in judged if j.fate is not CodeFate.REPEATED]
    if not new:
        return
    await connection.execute(
        statement("activations/keep_codes"),
        {
            "ids": [j.row["id"] for j in new],
            "hashes": [j.hash for j in new],
            "codes": [keepable(j.sms.code, CODE_MAX) for j in new],
            "texts": [None if j.sms.text is None else keepable(j.sms.text, TEXT_MAX) for j in new],
            "shown": [j.fate in {CodeFate.SHOWN, CodeFate.MORE} for j in new],
            "received": [j.row["now"] for j in new],
            "now": new[0].row["now"],
            "event_state": event_state,
        },
    )


_VERSIONS = text("SELECT id, version FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
_LOCK = text("SELECT id FROM activation WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")

_PLACE = text(
    "SELECT rented_at, id FROM activation WHERE (rented_at, id) > (:rented_at, :id)"
    " ORDER BY rented_at, id LIMIT 1 OFFSET :skipped"
)
_FIRST_PLACE = port.SettledPlace(datetime(1970, 1, 1, tzinfo=UTC), ActivationId(UUID(int=0)))


#: Where more than the number's row is locked, which is skipped.
CODE_LOCK_WAIT: Final = timedelta(milliseconds=200)


class ActivationRepository:
    """Rented numbers: intake (E0), codes (E1, E1a, E1b), and what customers ask for (E3)."""

    def __init__(self, db: Database, policies: PolicyRepository, event_state: str) -> None:
        self._db = db
        self._policies = policies
        self._event_state = event_state

    async def accept(
        self,
        intakes: Sequence[port.CompleteIntake],
        *,
        patient: bool = True,
        now: datetime | None = None,
    ) -> list[port.AcceptResult]:
        for name, version in {(intake.policy, intake.policy_version) for intake in intakes}:
            await self._policies.keep(name, version)
        keeping = self._policies.keeping
        return await accept(self._db, intakes, now, keeping=keeping, patient=patient)

    async def record_codes(
        self, seen: Sequence[port.SeenSms], *, now: datetime | None = None
    ) -> list[port.RecordedCode]:
        codes = await self._record(seen, now, "activations/lock_for_codes")
        return [code for code in codes if isinstance(code, port.RecordedCode)]

    async def record_free_codes(
        self, seen: Sequence[port.SeenSms], *, now: datetime | None = None
    ) -> list[port.RecordedCode | port.LockedCode]:
        lock = "activations/lock_free_for_codes"
        return await self._record(seen, now, lock, lock_wait=CODE_LOCK_WAIT)

    async def _record(
        self,
        seen: Sequence[port.SeenSms],
        now: datetime | None,
        lock: str,
        *,
        lock_wait: timedelta | None = None,
    ) -> list[port.RecordedCode | port.LockedCode]:
        if not seen:
            return []
        locking = statement(lock)
        return await self._db.write(
            lambda c: record(c, seen, now, self._event_state, lock=locking), lock_wait=lock_wait
        )

    async def forget_texts(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        names = ("activations/forget_texts", "activations/forget_messages")
        return await self._forget(names, time, limit, now)

    async def forget_phones(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        names = ("activations/forget_phones", "activations/forget_rental_phones")
        return await self._forget(names, time, limit, now)

    async def _forget(
        self, names: Sequence[str], time: timedelta, limit: int, now: datetime | None
    ) -> int:
        asked = {"time": time, "limit": limit, "now": now}

        async def work(connection: AsyncConnection) -> int:
            return sum([(await connection.execute(statement(n), asked)).rowcount for n in names])

        return await self._db.write(work)

    async def forget_settled(
        self,
        time: timedelta,
        limit: int,
        *,
        after: port.SettledPlace | None,
        now: datetime | None = None,
    ) -> port.SettledPlace | None:
        place = after or _FIRST_PLACE
        asked = {**place._asdict(), "time": time, "limit": limit, "now": now}

        async def work(connection: AsyncConnection) -> port.SettledPlace | None:
            found = await connection.execute(statement("activations/forget_settled"), asked)
            row = found.one_or_none()
            if row is None or not row.more:
                return None
            return port.SettledPlace(row.rented_at, ActivationId(row.id))

        return await self._db.write(work)

    async def settled_place(
        self, limit: int, *, after: port.SettledPlace | None
    ) -> port.SettledPlace | None:
        asked = {**(after or _FIRST_PLACE)._asdict(), "skipped": limit - 1}
        found = await self._db.read(lambda c: c.execute(_PLACE, asked))
        row = found.one_or_none()
        return None if row is None else port.SettledPlace(row.rented_at, ActivationId(row.id))

    async def press_cancel(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> port.CancelPress | None:
        async def work(connection: AsyncConnection) -> port.CancelPress | None:
            await connection.execute(_LOCK, {"id": id_})
            return (await presses.press(connection, [id_], now)).get(id_)

        return await self._db.write(work, lock_wait=LOCK_WAIT)

    async def press_cancels(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> dict[ActivationId, port.CancelPress]:
        return await self._db.write(lambda c: presses.press(c, ids, now))

    async def press_judged(
        self, id_: ActivationId, judge: port.CancelJudge, *, now: datetime | None = None
    ) -> port.CancelPress | None:
        work = partial(presses.press_judged, id_=id_, judge=judge, now=now)
        return await write_for_person(self._db, "activation", id_, work)

    async def ask_finish(self, id_: ActivationId, *, now: datetime | None = None) -> State | None:
        asked = {"id": id_, "now": now, "lock_wait": milliseconds(LOCK_WAIT)}

        async def work(connection: AsyncConnection) -> State | None:
            found = (await connection.execute(statement("activations/ask_finish"), asked)).scalar()
            return None if found is None else State(found)

        return await self._db.write(work)

    async def tell(
        self, id_: ActivationId, what: str, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        act = StaffAct(id_, what, said)

        async def work(connection: AsyncConnection) -> bool:
            if (await connection.execute(_LOCK, {"id": id_})).first() is None:
                return False
            await _tell(connection, [act], now)
            return True

        return await self._db.write(work, lock_wait=LOCK_WAIT)

    async def tell_acts(
        self, acts: Sequence[StaffAct], *, now: datetime | None = None
    ) -> set[StaffAct]:
        async def work(connection: AsyncConnection) -> set[StaffAct]:
            locked = await rows.lock_free(connection, list({act.id for act in acts}))
            told = [act for act in acts if act.id in locked]
            await _tell(connection, told, now)
            return set(told)

        return await self._db.write(work)

    async def activation(self, id_: ActivationId) -> port.Activation | None:
        return (await self.activations_of([id_])).get(id_)

    async def activations_of(
        self, ids: Sequence[ActivationId]
    ) -> dict[ActivationId, port.Activation]:
        found = await self._db.rows(statement("activations/whole"), {"ids": list(ids)})
        return {ActivationId(row["id"]): rows.whole(row) for row in found}

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        search: port.ActivationSearch = port.ANY_NUMBER,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[port.Activation]:
        asked = {
            "live": True if state in LIVE else None,
            "state": None if state is None else state.value,
            "provider": provider,
            "account": account,
            **await searching.conditions(self._db, search, provider),
            "at": None if before is None else before[0],
        }
        filters = frozenset(name for name, value in asked.items() if value is not None)
        values: dict[str, object] = {name: asked[name] for name in filters - {"live"}}
        if before is not None:
            values["id"] = before[1]
        found = await self._db.rows(rows.newest(filters), {**values, "limit": limit})
        return [rows.listed(row) for row in found]

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        async def work(connection: AsyncConnection) -> dict[ActivationId, int]:
            result = await connection.execute(_VERSIONS, {"ids": list(ids)})
            return {ActivationId(row[0]): row[1] for row in result}

        return await self._db.read(work)

    async def live_numbers(
        self, provider: ProviderName, *, after: ActivationId | None, limit: int
    ) -> list[port.LiveNumber]:
        sql = statement("activations/live_numbers")
        return await self._live(sql, provider=provider, after=after, limit=limit)

    async def live_since(
        self, provider: ProviderName, *, since: datetime, limit: int
    ) -> list[port.LiveNumber]:
        sql = statement("activations/live_since")
        return await self._live(sql, provider=provider, since=since, limit=limit)

    async def live_number(self, provider: ProviderName, ref: ProviderRef) -> port.LiveNumber | None:
        return next(iter(await self.live_of_refs(provider, [ref])), None)

    async def live_of_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> list[port.LiveNumber]:
        return await self._live(
            statement("activations/by_refs"), provider=provider, refs=list(refs)
        )

    async def missing_from(
        self,
        provider: ProviderName,
        listed: Sequence[ProviderRef],
        rented_before: datetime,
        limit: int,
        after: ActivationId | None = None,
    ) -> list[port.LiveNumber]:
        asked = {"listed": list(listed), "rented_before": rented_before}
        asked |= {"limit": limit, "after": after}
        return await self._live(statement("activations/missing_from"), provider=provider, **asked)

    async def _live(self, sql: Executable, **parameters: object) -> list[port.LiveNumber]:
        async def work(connection: AsyncConnection) -> list[port.LiveNumber]:
            result = await connection.execute(sql, parameters)
            return [rows.live_number(row) for row in result.mappings()]

        return await self._db.read(work)


async def _tell(
    connection: AsyncConnection, acts: Sequence[StaffAct], now: datetime | None
) -> None:
    """Of numbers that are locked."""
    said = [{name: word for name, word in act.said._asdict().items() if word} for act in acts]
    told = {
        "ids": [act.id for act in acts],
        "whats": [act.what for act in acts],
        "details": [json.dumps(each) for each in said],
        "now": now,
    }
    await connection.execute(statement("activations/tell"), told)
