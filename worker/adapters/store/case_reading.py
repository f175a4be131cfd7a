"""Reading cases back: one with all its decisions, many, and what waits for a human."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_rows
from worker.adapters.store.statements import statement
from worker.domain.ids import AccountId
from worker.domain.policy import Profile
from worker.ports.store.case_view import Case, CaseKind, EvidenceEntry
from worker.ports.store.cases import Review, ReviewPlace

_DECISIONS = text("SELECT * FROM decision WHERE subject = CAST(:id AS uuid) ORDER BY seq")
_EVIDENCE = text(
    "SELECT at, what, content FROM evidence WHERE case_id = CAST(:id AS uuid) ORDER BY seq"
)
_TIMERS = text(
    "SELECT kind, subject, due_at FROM timer"
    " WHERE subject = CAST(:id AS uuid) AND fired_at IS NULL ORDER BY due_at, kind"
)
_START = dict.fromkeys(ReviewPlace._fields)  # No place: from the first one on.


async def whole(connection: AsyncConnection, id_: UUID) -> Case | None:
    row = (await connection.execute(statement("cases/one"), {"id": id_})).mappings().one_or_none()
    return None if row is None else await _with_history(connection, row)


async def locked(connection: AsyncConnection, id_: UUID) -> Case:
    row = (await connection.execute(statement("cases/one_locked"), {"id": id_})).mappings().one()
    return await _with_history(connection, row)


async def of_rental(connection: AsyncConnection, rental: UUID) -> Sequence[Case]:
    found = (
        (await connection.execute(statement("cases/of_rental"), {"id": rental})).mappings().all()
    )
    return [await _with_history(connection, row) for row in found]


async def reviews(
    connection: AsyncConnection,
    profiles: Mapping[tuple[str, str], Profile],
    *,
    limit: int,
    after: ReviewPlace | None = None,
    only: UUID | None = None,
) -> list[Review]:
    """An activation's is due as the policy of its purchase says; without one, nobody knows."""
    paces = [(key, of.review_business_days) for key, of in profiles.items()]
    known = [(*key, days) for key, days in paces if days is not None]
    wanted = {
        "names": [name for name, _, _ in known],
        "versions": [version for _, version, _ in known],
        "days": [days for _, _, days in known],
        **(_START if after is None else after._asdict()),
        "only": only,
        "limit": limit,
    }
    found = await connection.execute(statement("cases/reviews"), wanted)
    return [
        case_rows.review(row, profiles.get((row["policy"], row["policy_version"])))
        for row in found.mappings()
    ]


async def waiting(
    connection: AsyncConnection, account: AccountId, kind: CaseKind, *, waiting_for: str
) -> list[UUID]:
    wanted = {"account": account, "kind": kind.value, "reason": waiting_for}
    return [row[0] for row in await connection.execute(statement("cases/waiting_for"), wanted)]


async def _with_history(connection: AsyncConnection, row: RowMapping) -> Case:
    about = {"id": row["id"]}
    decisions = (await connection.execute(_DECISIONS, about)).mappings()
    timers = (await connection.execute(_TIMERS, about)).mappings()
    added = await connection.execute(_EVIDENCE, about)
    return case_rows.case(
        row,
        decisions=tuple(case_rows.decision(one) for one in decisions),
        timers=tuple(case_rows.timer(one) for one in timers),
        evidence=tuple(EvidenceEntry(*one) for one in added),
    )
