"""Reading activations back: one, many, and what is still alive."""

from collections.abc import Iterable, Sequence
from functools import cache

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.statements import statement
from worker.domain.activation import State
from worker.domain.ids import ActivationId, SmsCode
from worker.ports.store.activations import (
    Activation,
    Settlement,
    ShownCode,
    TimelineEntry,
)

_SETTLEMENTS = text("SELECT * FROM settlement WHERE activation_id = ANY(CAST(:ids AS uuid[]))")
_TIMELINES = text(
    "SELECT activation_id, at, what, state, detail FROM transition"
    " WHERE activation_id = ANY(CAST(:ids AS uuid[])) ORDER BY activation_id, seq"
)
_ACTIVATIONS = text("SELECT * FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
#: Only what is asked for stands in the statement: with "or no filter" in it, PostgreSQL would plan
#: for all cases at once, and read an account's few numbers out of everything that was ever stored.
_FILTERS = {
    "live": "NOT settled",
    "state": "state = :state",
    "provider": "provider = :provider",
    "account": "account = :account",
    "at": "(rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))",
}


@cache
def newest(filters: frozenset[str]) -> TextClause:
    """The list of activations, newest first, with these of the filters."""
    conditions = " AND ".join(sql for name, sql in _FILTERS.items() if name in filters)
    return text(
        f"SELECT * FROM activation WHERE {conditions or 'true'}"  # noqa: S608 - constants above
        " ORDER BY rented_at DESC, id DESC LIMIT :limit"
    )


async def by_ids(
    connection: AsyncConnection, ids: Iterable[ActivationId], *, timeline: bool
) -> dict[ActivationId, Activation]:
    found = (await connection.execute(_ACTIVATIONS, {"ids": list(ids)})).mappings().all()
    return await whole(connection, found, timeline=timeline)


async def whole(
    connection: AsyncConnection, found: Sequence[RowMapping], *, timeline: bool
) -> dict[ActivationId, Activation]:
    """Rows with their codes, settlement and, where asked for, timeline; in the rows' order."""
    if not found:
        return {}
    ids = {"ids": [row["id"] for row in found]}
    codes: dict[ActivationId, list[ShownCode]] = {}
    for row in (await connection.execute(statement("activations/shown_codes"), ids)).mappings():
        shown = ShownCode(SmsCode(row["code"]), row["text"], row["received_at"])
        codes.setdefault(row["activation_id"], []).append(shown)
    settlements = {
        row["activation_id"]: Settlement(
            State(row["outcome"]), row["amount_minor"], row["reason"], row["at"]
        )
        for row in (await connection.execute(_SETTLEMENTS, ids)).mappings()
    }
    timelines: dict[ActivationId, list[TimelineEntry]] = {}
    if timeline:
        for row in (await connection.execute(_TIMELINES, ids)).mappings():
            line = TimelineEntry(
                row["at"], row["what"], {"state": row["state"], **(row["detail"] or {})}
            )
            timelines.setdefault(row["activation_id"], []).append(line)
    return {
        ActivationId(row["id"]): rows.activation(
            row,
            codes=tuple(codes.get(row["id"], ())),
            settlement=settlements.get(row["id"]),
            timeline=tuple(timelines.get(row["id"], ())),
        )
        for row in found
    }
