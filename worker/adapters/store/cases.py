"""Cases: opened once, changed one at a time, each change with its money in one transaction."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import cases_locks as locks
from worker.adapters.store import cases_reading, cases_rows
from worker.adapters.store.cases_apply import apply
from worker.adapters.store.cases_policies import PolicyVersions
from worker.adapters.store.statements import statement
from worker.domain.ids import AccountId
from worker.domain.policy import Profile
from worker.ports.store.cases import (
    CLOSED,
    Case,
    CaseChange,
    CaseJudge,
    CaseKind,
    CaseOpened,
    CaseOpening,
    CaseStep,
    CaseView,
    NewCase,
    Review,
    ReviewPlace,
    Timer,
    TimerKind,
)

_ABOUT = {
    "activation": text("SELECT account, policy, policy_version FROM activation WHERE id = :id"),
    "rental": text("SELECT account, policy, policy_version FROM rental WHERE id = :id"),
}
_HASH = text("SELECT content_hash FROM case_ WHERE id = CAST(:id AS uuid)")
_OVERDUE = text(
    "SELECT kind FROM timer WHERE subject = CAST(:id AS uuid) AND fired_at IS NULL"
    " AND due_at < CAST(:now AS timestamptz) ORDER BY due_at"
)


class _About(NamedTuple):
    """Whose case it is, and the policy it is decided by."""

    account: str
    policy: str
    policy_version: str


class Cases(PolicyVersions):
    """The part of the store that keeps cases."""

    event_state: str

    async def open_case(
        self, new: NewCase, judge: CaseJudge, *, now: datetime | None = None
    ) -> CaseOpening:
        if new.policy is not None and new.policy_version is not None:
            await self.keep_policy(new.policy, new.policy_version)
        return await self.db.write(lambda c: self._open(c, new, judge, now))

    async def change_case(
        self,
        id_: UUID,
        judge: CaseJudge,
        *,
        now: datetime | None = None,
        timer: Timer | None = None,
    ) -> CaseChange:
        return await self.db.write(lambda c: self._alter(c, id_, judge, now, timer))

    async def case(self, id_: UUID) -> Case | None:
        return await self.db.read(lambda c: cases_reading.whole(c, id_))

    async def reviews(self, *, limit: int, after: ReviewPlace | None = None) -> list[Review]:
        profiles = await self._every_version()
        return await self.db.read(
            lambda c: cases_reading.reviews(c, profiles, limit=limit, after=after)
        )

    async def review(self, id_: UUID) -> Review | None:
        profiles = await self._every_version()
        found = await self.db.read(lambda c: cases_reading.reviews(c, profiles, limit=1, only=id_))
        return found[0] if found else None

    async def _every_version(self) -> dict[tuple[str, str], Profile]:
        today = {(name, of.version): of for name, of in self.policies.items()}
        return {**today, **await self.kept_policies()}

    async def open_cases_of(
        self, account: AccountId, kind: CaseKind, *, waiting_for: str
    ) -> list[UUID]:
        return await self.db.read(
            lambda c: cases_reading.waiting(c, account, kind, waiting_for=waiting_for)
        )

    async def _open(
        self, connection: AsyncConnection, new: NewCase, judge: CaseJudge, now: datetime | None
    ) -> CaseOpening:
        about = await _whose(connection, new)
        if about is None or not await locks.locked(connection, about.account):
            return CaseOpening(CaseOpened.UNKNOWN_SUBJECT)
        order = await locks.order(connection, new.activation, new.rental)
        clock = await locks.clock(connection, now)
        made = await connection.execute(
            statement("case_insert"),
            {
                "id": new.id,
                "kind": new.kind.value,
                "subject": new.subject,
                "activation": new.activation,
                "rental": new.rental,
                "account": about.account,
                "content_hash": cases_rows.hash_of(new),
                "facts": cases_rows.as_json(new.facts),
                "policy": about.policy,
                "policy_version": about.policy_version,
                "now": clock,
            },
        )
        if made.first() is None:
            same = (await connection.execute(_HASH, {"id": new.id})).scalar()
            how = CaseOpened.SAME if same == cases_rows.hash_of(new) else CaseOpened.OTHER_CONTENT
            return CaseOpening(how, await cases_reading.whole(connection, new.id))
        case = await cases_reading.locked(connection, new.id)
        view = await self._view(connection, case, order, clock)
        await apply(connection, view, judge(view), self.event_state)
        return CaseOpening(CaseOpened.NEW, await cases_reading.whole(connection, new.id))

    async def _alter(
        self,
        connection: AsyncConnection,
        id_: UUID,
        judge: CaseJudge,
        now: datetime | None,
        timer: Timer | None,
    ) -> CaseChange:
        known = await cases_reading.whole(connection, id_)
        if known is None:
            return CaseChange(None)
        await locks.locked(connection, known.account)
        order = await locks.order(connection, known.activation, known.rental)
        case = await cases_reading.locked(connection, id_)
        clock = await locks.clock(connection, now)
        if timer is not None and not await locks.rings(connection, timer, clock):
            return CaseChange(await cases_reading.whole(connection, id_))
        view = await self._view(connection, case, order, clock, timer)
        step = judge(view)
        if _changes(step, case):
            await apply(connection, view, step, self.event_state)
        return CaseChange(await cases_reading.whole(connection, id_), step.refused)

    async def _view(
        self,
        connection: AsyncConnection,
        case: Case,
        order: RowMapping | None,
        now: datetime,
        timer: Timer | None = None,
    ) -> CaseView:
        about = {"account": case.account, "id": case.id, "now": now}
        held = (await connection.execute(statement("case_holdings"), about)).mappings().one()
        overdue = await connection.execute(_OVERDUE, {"id": case.id, "now": now})
        rental = case.rental is not None
        return CaseView(
            case=case,
            now=now,
            profile=await self._profile(connection, case),
            order=None if order is None else cases_rows.ordered(order, rental=rental),
            holdings=cases_rows.holdings(held),
            timer=timer,
            overdue=tuple(TimerKind(row[0]) for row in overdue),
        )

    async def _profile(self, connection: AsyncConnection, case: Case) -> Profile | None:
        return await self.policy_of(connection, case.policy, case.policy_version)


async def _whose(connection: AsyncConnection, new: NewCase) -> _About | None:
    if new.activation is None and new.rental is None:
        if new.account is None or new.policy is None or new.policy_version is None:
            return None
        return _About(new.account, new.policy, new.policy_version)
    which = "rental" if new.activation is None else "activation"
    row = (await connection.execute(_ABOUT[which], {"id": new.activation or new.rental})).first()
    return None if row is None else _About(*row)


def _changes(step: CaseStep, case: Case) -> bool:
    """A refusal leaves every row as it is, unless something else had to happen first."""
    return case.state not in CLOSED and (step.refused is None or step.made is not None)
