"""Obligations: kept in step with their case, in the transaction that changes it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.domain.ids import AccountId
from worker.domain.policy.vocabulary import Sla
from worker.ports.store import obligations as port
from worker.ports.store.case_view import Case

_OBLIGATIONS = UUID("3b9c1d70-52ae-5f86-9a41-6c0d8e2f7b05")
_COUNTED = text(
    "SELECT what, count(*) FROM obligation WHERE case_id = CAST(:id AS uuid) GROUP BY what"
)
_ONE = text("SELECT * FROM obligation WHERE id = CAST(:id AS uuid)")
_OF_CASES = text(
    "SELECT * FROM obligation WHERE case_id = ANY(CAST(:ids AS uuid[]))"
    " ORDER BY since, ended_at, what"
)
_OF_ACCOUNTS = text(
    "SELECT * FROM obligation WHERE account = ANY(CAST(:accounts AS text[])) AND ended_at IS NULL"
    " ORDER BY by_when, id"
)


async def keep(
    connection: AsyncConnection,
    case: Case,
    owed: Sequence[port.Owed],
    now: datetime,
    *,
    otherwise: str,
) -> None:
    """Open what is *owed* from now on, and end what is not owed any more as *otherwise*."""
    counted = await connection.execute(_COUNTED, {"id": case.id})
    before = {row[0]: row[1] for row in counted}
    await connection.execute(
        statement("cases/keep_obligations"),
        {
            "case_id": case.id,
            "account": case.account,
            "now": now,
            "end": otherwise,
            "ids": [_id(case, o.what, before.get(o.what.value, 0)) for o in owed],
            "whats": [o.what.value for o in owed],
            "owed_by": [o.by.value for o in owed],
            "dates": [o.by_when for o in owed],
        },
    )


def _id(case: Case, what: Sla, before: int) -> UUID:
    """Numbered: what was owed and ended may be owed again."""
    return uuid5(_OBLIGATIONS, f"{case.id}\n{what.value}\n{before}")


async def one(connection: AsyncConnection, id_: UUID) -> port.Obligation | None:
    row = (await connection.execute(_ONE, {"id": id_})).mappings().one_or_none()
    return None if row is None else obligation(row)


async def of_cases(
    connection: AsyncConnection, ids: Sequence[UUID]
) -> dict[UUID, tuple[port.Obligation, ...]]:
    found: dict[UUID, list[port.Obligation]] = defaultdict(list)
    for row in (await connection.execute(_OF_CASES, {"ids": list(ids)})).mappings():
        found[row["case_id"]].append(obligation(row))
    return {id_: tuple(owed) for id_, owed in found.items()}


async def of_accounts(
    connection: AsyncConnection, accounts: Sequence[AccountId]
) -> list[port.Obligation]:
    """Those that are open, soonest first."""
    found = await connection.execute(_OF_ACCOUNTS, {"accounts": list(accounts)})
    return [obligation(row) for row in found.mappings()]


def obligation(row: RowMapping) -> port.Obligation:
    return port.Obligation(
        id=row["id"],
        case=row["case_id"],
        account=AccountId(row["account"]),
        what=Sla(row["what"]),
        owed_by=port.OwedBy(row["owed_by"]),
        since=row["since"],
        by_when=row["by_when"],
        ended_at=row["ended_at"],
        end=row["end"],
    )
