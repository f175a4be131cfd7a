"""Rows of the database as the port's values, and activations read back with all they have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.adapters.store.searching import FILTERS
from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import ActivationId, ProviderRef, SmsCode
from worker.domain.transfer import Charge
from worker.ports.store import activations as port
from worker.ports.store.settlements import DueNumber, SettledNumber

_STATES = {state.value: state for state in State}
_PROVIDER_STATES = {state.value: state for state in ProviderState}
_REASONS = {reason.value: reason for reason in EndReason}
#: The words above, as statements ask for them: a row with another one is newer code's to work on.
KNOWN = {
    "states": list(_STATES),
    "provider_states": list(_PROVIDER_STATES),
    "reasons": list(_REASONS),
}


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


_KEPT: Final = {State.DELIVERED, State.CLOSED}  #: The charge; a claim may give it back.
_SETTLEMENTS = text("SELECT * FROM settlement WHERE activation_id = ANY(CAST(:ids AS uuid[]))")
_TIMELINES = text(
    "SELECT activation_id, at, what, state, detail FROM timeline"
    " WHERE activation_id = ANY(CAST(:ids AS uuid[])) ORDER BY activation_id, seq"
)
_ACTIVATIONS = text("SELECT * FROM activation WHERE id = ANY(CAST(:ids AS uuid[]))")
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


def listed(row: Mapping[str, Any]) -> port.Activation:
    """A row of `newest`; it has no timeline."""
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
        timeline=(),
    )


async def by_ids(
    connection: AsyncConnection, ids: Iterable[ActivationId], *, timeline: bool
) -> dict[ActivationId, port.Activation]:
    found = (await connection.execute(_ACTIVATIONS, {"ids": list(ids)})).mappings().all()
    return await whole(connection, found, timeline=timeline)


async def whole(
    connection: AsyncConnection, found: Sequence[RowMapping], *, timeline: bool
) -> dict[ActivationId, port.Activation]:
    """Rows with their codes, settlement and, where asked for, timeline; in the rows' order."""
    if not found:
        return {}
    ids = {"ids": [row["id"] for row in found]}
    codes: dict[ActivationId, list[port.ShownCode]] = {}
    for row in (await connection.execute(statement("activations/shown_codes"), ids)).mappings():
        shown = port.ShownCode(SmsCode(row["code"]), row["text"], row["received_at"])
        codes.setdefault(row["activation_id"], []).append(shown)
    settlements = {
        row["activation_id"]: port.Settlement(
            State(row["outcome"]), row["amount_minor"], row["reason"], row["at"]
        )
        for row in (await connection.execute(_SETTLEMENTS, ids)).mappings()
    }
    kept = [id_ for id_, settlement in settlements.items() if settlement.outcome in _KEPT]
    given_back = await _given_back(connection, kept) if kept else {}
    timelines: dict[ActivationId, list[port.TimelineEntry]] = {}
    if timeline:
        for row in (await connection.execute(_TIMELINES, ids)).mappings():
            line = port.TimelineEntry(
                row["at"], row["what"], {"state": row["state"], **(row["detail"] or {})}
            )
            timelines.setdefault(row["activation_id"], []).append(line)
    return {
        ActivationId(row["id"]): activation(
            row,
            codes=tuple(codes.get(row["id"], ())),
            settlement=settlements.get(row["id"]),
            given_back_minor=given_back.get(row["id"], 0),
            timeline=tuple(timelines.get(row["id"], ())),
        )
        for row in found
    }


async def _given_back(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, int]:
    found = await connection.execute(statement("activations/given_back"), {"ids": list(ids)})
    return {row[0]: row[1] for row in found}
