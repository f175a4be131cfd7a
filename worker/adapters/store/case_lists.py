"""Cases as lists: what somebody looks for, newest first, and one line each of an account's."""

from collections.abc import Collection
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_rows
from worker.adapters.store.database import expanded, statement
from worker.domain.ids import AccountId
from worker.ports.store import case_view
from worker.ports.store.case_search import CaseBrief, CaseSearch

#: Only what is asked for stands in the statement, so that each has a plan of its own.
_FILTERS: Final = {
    "open": "c.closed_at IS NULL",
    "one": "c.id = CAST(:one AS uuid)",
    "kind": "c.kind = :kind",
    "state": "c.state = :state",
    "account": "c.account = :account",
    "activation": "c.activation_id = CAST(:activation AS uuid)",
    "at": "(c.opened_at, c.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))",
}


async def newest(
    connection: AsyncConnection, search: CaseSearch, limit: int
) -> list[case_view.Case]:
    asked = {
        # By it the index of open cases serves a state in which all are open.
        "open": True if search.state not in {None, *case_view.CLOSED} else None,
        "one": search.id,
        "kind": None if search.kind is None else search.kind.value,
        "state": None if search.state is None else search.state.value,
        "account": search.account,
        "activation": search.activation,
        "at": None if search.before is None else search.before[0],
    }
    filters = frozenset(name for name, value in asked.items() if value is not None)
    parameters: dict[str, object] = {name: asked[name] for name in filters - {"open"}}
    if search.before is not None:
        parameters["id"] = search.before[1]
    found = await connection.execute(_newest(filters), {**parameters, "limit": limit})
    return await case_rows.with_history(connection, found.mappings().all())


async def by_ids(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, case_view.Case]:
    found = await connection.execute(statement("cases/of_ids"), {"ids": list(ids)})
    cases = await case_rows.with_history(connection, found.mappings().all())
    return {case.id: case for case in cases}


async def briefs(
    connection: AsyncConnection, accounts: Collection[AccountId], each: int
) -> list[CaseBrief]:
    asked = {"accounts": list(accounts), "each": each}
    return [
        CaseBrief(
            id=row["id"],
            account=AccountId(row["account"]),
            kind=case_view.CaseKind(row["kind"]),
            subject=row["subject"],
            state=case_view.CaseState(row["state"]),
            opened_at=row["opened_at"],
            moved_minor=row["moved_minor"],
        )
        for row in (await connection.execute(statement("cases/of_accounts"), asked)).mappings()
    ]


@cache
def _newest(filters: frozenset[str]) -> TextClause:
    conditions = " AND ".join(sql for name, sql in _FILTERS.items() if name in filters)
    rows = expanded("{{case_rows}}")
    return text(
        f"{rows} WHERE {conditions or 'true'} ORDER BY c.opened_at DESC, c.id DESC LIMIT :limit"
    )
