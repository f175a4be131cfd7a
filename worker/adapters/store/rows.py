"""Rows of the database as the port's values, and activations read back with all they have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Final

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.adapters.store.searching import FILTERS
from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import ActivationId, ProviderRef, SmsCode
from worker.domain.transfer import Charge
from worker.ports.store import activations as port
from worker.ports.store.settlements import DueNumber, Ending, SettledNumber

BUCKETS: Final = 2  #: Balances of an account: available and held.
_STATES = {state.value: state for state in State}
_PROVIDER_STATES = {state.value: state for state in ProviderState}
_REASONS = {reason.value: reason for reason in EndReason}
#: The words above, as statements ask for them: a row with another one is newer code's to work on.
KNOWN = {
    "states": list(_STATES),
    "provider_states": list(_PROVIDER_STATES),
    "reasons": list(_REASONS),
}


_LOCK_FREE: Final = text(
    "SELECT id FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))"
    " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
)


async def lock_free(
    connection: AsyncConnection, ids: Sequence[ActivationId]
) -> "set[ActivationId]":
    """Those whose rows nobody else has locked; they are ours now."""
    return set((await connection.execute(_LOCK_FREE, {"ids": ids})).scalars())


async def lock_free_balances(connection: AsyncConnection, endings: Sequence[Ending]) -> set[str]:
    """The accounts whose balances are ours now."""
    accounts = {"accounts": sorted({ending.account for ending in endings})}
    rows_ = await connection.execute(statement("books/lock_free_balances"), accounts)
    buckets = Counter(row.account for row in rows_)
    return {account for account, locked in buckets.items() if locked == BUCKETS}


async def fetch(
    connection: AsyncConnection, name: str, values: Mapping[str, object]
) -> Sequence[Sequence[Any]]:
    """What the statement in `sql/NAME.sql` selects, in the driver's rows, to be read by position.

    For statements that bring thousands of rows a second: SQLAlchemy's own are half of the cost.
    """
    result = await connection.execute(statement(name), values)
    assert result.cursor is not None
    found = result.cursor.fetchall()
    result.close()
    return found


def due(row: Sequence[Any]) -> DueNumber:
    """By position, as `DUE_NUMBER` is selected."""
    state, provider_state, reason = row[4:7]
    words = _STATES[state], _PROVIDER_STATES[provider_state], reason and _REASONS[reason]
    values: tuple[Any, ...] = (*row[:4], *words, *row[7:])
    return DueNumber(*values)


def settled(row: Sequence[Any]) -> SettledNumber:
    """By position, as `settle.sql` selects them."""
    return SettledNumber(row[0], row[1], _STATES[row[2]], *row[3 : len(SettledNumber._fields)])


def live_number(row: RowMapping) -> port.LiveNumber:
    return port.LiveNumber(
        ActivationId(row["id"]),
        ProviderRef(row["provider_ref"]),
        row["rented_at"],
        row["deadline_at"],
    )


_OTHERWISE: Final = {
    "ref", "state", "provider_state", "charge", "codes", "settlement", "given_back_minor",
    "timeline",
}  # fmt: skip
_AS_STORED: Final = tuple(f.name for f in fields(port.Activation) if f.name not in _OTHERWISE)


def activation(row: Mapping[str, Any] | RowMapping, **parts: Any) -> port.Activation:
    """Most columns are named as their fields, and hold what these do."""
    return port.Activation(
        **{name: row[name] for name in _AS_STORED},
        ref=row["provider_ref"],
        state=_STATES[row["state"]],
        provider_state=_PROVIDER_STATES[row["provider_state"]],
        charge=Charge(row["charge"]),
        **parts,
    )


#: Only what is asked for stands in the statement: with "or no filter" in it, PostgreSQL would plan
#: for all cases at once, and read an account's few numbers out of everything that was ever stored.
_FILTERS = {
    "live": "NOT settled AND id IN (SELECT live.id FROM live)",
    "state": "state = :state",
    "provider": "provider = :provider",
    "account": "account = :account",
    **FILTERS,
    "at": "(rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))",
}


@cache
def newest(filters: frozenset[str]) -> TextClause:
    """The list of activations, newest first, with these of the filters."""
    conditions = " AND ".join(sql for name, sql in _FILTERS.items() if name in filters)
    found = (
        f"(SELECT * FROM activation WHERE {conditions or 'true'}"  # noqa: S608 - constants above
        " ORDER BY rented_at DESC, id DESC LIMIT :limit)"
    )
    return text(statement("activations/newest").text.replace("found()", found))


def listed(row: Mapping[str, Any], timeline: Sequence[port.TimelineEntry] = ()) -> port.Activation:
    """A row of `newest`, which has no timeline, or of `activations/whole`."""
    codes = zip(row["codes"] or (), row["texts"] or (), row["instants"] or (), strict=True)
    outcome = row["outcome"]
    return activation(
        row,
        codes=tuple(port.ShownCode(SmsCode(code), text, at) for code, text, at in codes),
        settlement=None
        if outcome is None
        else port.Settlement(
            State(outcome), row["amount_minor"], row["ended_reason"], row["ended_at"]
        ),
        given_back_minor=row["given_back_minor"] or 0,
        timeline=tuple(timeline),
    )


def whole(row: Mapping[str, Any]) -> port.Activation:
    """A row of `activations/whole`."""
    names = ("line_instants", "line_whats", "line_states", "line_details")
    lines = zip(*(row[name] or () for name in names), strict=True)
    return listed(
        row,
        [
            port.TimelineEntry(at, what, {"state": state, **(detail or {})})
            for at, what, state, detail in lines
        ],
    )


async def by_ids(
    connection: AsyncConnection, ids: Iterable[ActivationId]
) -> dict[ActivationId, port.Activation]:
    found = await connection.execute(statement("activations/whole"), {"ids": list(ids)})
    return {ActivationId(row["id"]): whole(row) for row in found.mappings()}  # type: ignore[arg-type]  # its names are texts
