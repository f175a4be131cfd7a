"""All that is read of a case for whoever judges it, or only looks at what a judge would do."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_lists, case_records, case_rows
from worker.adapters.store.database import statement
from worker.ports.store import case_view
from worker.ports.store.cases import NewCase, PolicyLookup

T = TypeVar("T")

_ABOUT = {
    "activation": text("SELECT account, policy, policy_version FROM activation WHERE id = :id"),
    "rental": text("SELECT account, policy, policy_version FROM rental WHERE id = :id"),
}

_OVERDUE = text(
    "SELECT kind FROM timer WHERE subject = CAST(:id AS uuid) AND fired_at IS NULL"
    " AND due_at < CAST(:now AS timestamptz) ORDER BY due_at"
)


async def view(
    connection: AsyncConnection,
    case: case_view.Case,
    order: RowMapping | None,
    now: datetime,
    policy_of: PolicyLookup,
    timer: case_view.Timer | None = None,
) -> case_view.CaseView:
    about = {"account": case.account, "id": case.id, "now": now}
    held = (await connection.execute(statement("cases/holdings"), about)).mappings().one()
    overdue = await connection.execute(_OVERDUE, {"id": case.id, "now": now})
    rental = case.rental is not None
    profile = policy_of(case.policy, case.policy_version)
    record = await case_records.of_subject(connection, case, profile)
    account = await case_records.of_case(connection, case, profile, record, now)
    assert account is not None
    return case_view.CaseView(
        case=case,
        now=now,
        profile=profile,
        record=record,
        account=account,
        order=None if order is None else case_rows.ordered(order, rental=rental),
        holdings=case_rows.holdings(held),
        timer=timer,
        overdue=tuple(case_view.TimerKind(row[0]) for row in overdue),
    )


async def preview(
    connection: AsyncConnection,
    ids: Collection[UUID],
    looks: Callable[[case_view.CaseView], T],
    policy_of: PolicyLookup,
    now: datetime | None,
) -> dict[UUID, T]:
    """Without a lock: who decides meanwhile does not wait, and finds that out himself."""
    clock = await locks.clock(connection, now)
    seen: dict[UUID, T] = {}
    for id_, case in (await case_lists.by_ids(connection, ids)).items():
        order = await locks.order(connection, case.activation, case.rental, lock=False)
        seen[id_] = looks(await view(connection, case, order, clock, policy_of))
    return seen


class About(NamedTuple):
    """Whose case it is, and the policy it is decided by."""

    account: str
    policy: str
    policy_version: str


async def whose(connection: AsyncConnection, new: NewCase) -> About | None:
    if new.activation is None and new.rental is None:
        if new.account is None or new.policy is None or new.policy_version is None:
            return None
        return About(new.account, new.policy, new.policy_version)
    which = "rental" if new.activation is None else "activation"
    row = (await connection.execute(_ABOUT[which], {"id": new.activation or new.rental})).first()
    return None if row is None else About(*row)


async def insert(connection: AsyncConnection, new: NewCase, about: About, clock: datetime) -> bool:
    """Whether it is new."""
    made = await connection.execute(
        statement("cases/insert"),
        {
            "id": new.id,
            "kind": new.kind.value,
            "subject": new.subject,
            "activation": new.activation,
            "rental": new.rental,
            "account": about.account,
            "content_hash": case_rows.hash_of(new),
            "facts": case_rows.as_json(new.facts),
            "policy": about.policy,
            "policy_version": about.policy_version,
            "now": clock,
            "call_key": new.call_key,
        },
    )
    return made.first() is not None
