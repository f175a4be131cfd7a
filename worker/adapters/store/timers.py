"""Durable timers: leased in batches, and the claim windows that end in silence."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import cases_locks as locks
from worker.adapters.store import cases_rows
from worker.adapters.store.cases_apply import decide
from worker.adapters.store.cases_policies import PolicyVersions
from worker.adapters.store.statements import statement
from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Outcome
from worker.ports.store.cases import DecisionMade, Timer, TimerKind
from worker.ports.store.timers import SilentActivation, UnseededPage, UnseededWindow

_PENDING = text(
    "SELECT kind, subject, due_at FROM timer WHERE fired_at IS NULL"
    " AND (NOT CAST(:overdue AS boolean)"
    "      OR due_at < coalesce(CAST(:now AS timestamptz), now()))"
    " ORDER BY due_at, kind LIMIT :limit"
)
_WHOSE = text("SELECT account, policy, policy_version FROM activation WHERE id = :id")
# A claim that still lacks something when the window ends counts as silence; so does one denied.
_CLAIMED = text(
    "SELECT min(CAST(facts ->> 'claim_at' AS timestamptz)) FROM case_"
    " WHERE activation_id = :id AND kind = 'claim' AND state NOT IN ('denied', 'needs_evidence')"
)


class Timers(PolicyVersions):
    """The part of the store that knows what is due."""

    event_state: str

    async def lease_timers(
        self, limit: int, kinds: Collection[TimerKind], *, now: datetime | None = None
    ) -> list[Timer]:
        async def work(connection: AsyncConnection) -> list[Timer]:
            wanted = {"limit": limit, "kinds": [kind.value for kind in kinds], "now": now}
            found = await connection.execute(statement("timer_lease"), wanted)
            return [cases_rows.timer(row) for row in found.mappings()]

        return await self.db.write(work)

    async def timers(
        self, *, overdue_only: bool, limit: int, now: datetime | None = None
    ) -> list[Timer]:
        async def work(connection: AsyncConnection) -> list[Timer]:
            wanted = {"overdue": overdue_only, "limit": limit, "now": now}
            found = await connection.execute(_PENDING, wanted)
            return [cases_rows.timer(row) for row in found.mappings()]

        return await self.db.read(work)

    async def unseeded(
        self, policies: Sequence[tuple[str, str]], limit: int, *, now: datetime | None = None
    ) -> UnseededPage:
        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            wanted = {
                "names": [name for name, _ in policies],
                "versions": [version for _, version in policies],
                "limit": limit,
                "now": now,
            }
            return (await connection.execute(statement("timer_unseeded"), wanted)).mappings().all()

        rows = await self.db.read(work)
        found = [
            UnseededWindow(ActivationId(r["id"]), r["policy"], r["policy_version"], r["rented_at"])
            for r in rows
            if r["id"] is not None
        ]
        return UnseededPage(found, rows[0]["upto"], rows[0]["more"])

    async def seed(self, timers: Sequence[Timer], upto: datetime) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                statement("timer_seed"),
                {
                    "ids": [timer.subject for timer in timers],
                    "dues": [timer.due_at for timer in timers],
                    "upto": upto,
                },
            )

        await self.db.write(work)

    async def end_in_silence(
        self,
        timer: Timer,
        judge: Callable[[SilentActivation], DecisionMade | None],
        *,
        now: datetime | None = None,
    ) -> bool:
        return await self.db.write(lambda c: self._fall_silent(c, timer, judge, now))

    async def _fall_silent(
        self,
        connection: AsyncConnection,
        timer: Timer,
        judge: Callable[[SilentActivation], DecisionMade | None],
        now: datetime | None,
    ) -> bool:
        about = (await connection.execute(_WHOSE, {"id": timer.subject})).mappings().one()
        await locks.locked(connection, about["account"])
        order = await locks.order(connection, timer.subject, None)
        clock = await locks.clock(connection, now)
        if order is None or not await locks.rings(connection, timer, clock):
            return False
        policy, version = about["policy"], about["policy_version"]
        silent = SilentActivation(
            id=ActivationId(timer.subject),
            account=AccountId(about["account"]),
            order=cases_rows.ordered(order, rental=False),
            profile=await self.policy_of(connection, policy, version),
            claim_at=(await connection.execute(_CLAIMED, {"id": timer.subject})).scalar(),
            due_at=timer.due_at,
            now=clock,
        )
        made = judge(silent)
        if made is None:
            return False
        await decide(connection, timer.subject, policy, version, made, clock)
        if made.decision.outcome is Outcome.FINALISED:
            await self._tell_final(connection, silent)
        return True

    async def _tell_final(self, connection: AsyncConnection, silent: SilentActivation) -> None:
        payload = {
            "id": str(silent.id),
            "activation": str(silent.id),
            "account": silent.account,
            "outcome": Outcome.FINALISED.value,
            "deadline": cases_rows.instant(silent.due_at),
        }
        await connection.execute(
            statement("case_event"),
            {
                "subject": str(silent.id),
                "type": "claim.finalised",
                "activation": UUID(str(silent.id)),
                "account": silent.account,
                "now": silent.now,
                "payload": json.dumps(payload),
                "event_state": self.event_state,
            },
        )
