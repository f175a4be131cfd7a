"""What is told of reviews: that one waits, and that it was decided.

Each is written in the transaction that makes it so.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.case_rows import instant
from worker.adapters.store.database import statement
from worker.domain.activation import State
from worker.ports.store import case_view
from worker.ports.store.settlements import Ending


async def of_case(
    connection: AsyncConnection,
    view: case_view.CaseView,
    step: case_view.CaseStep,
    changed: RowMapping,
    event_state: str,
) -> None:
    """After its row has *changed*: it was opened (perhaps about something else), or has ended."""
    case = view.case
    if changed["opened"] is None and changed["ended"] is None:
        return
    told: dict[str, Any] = {
        "id": str(case.id),
        "case": str(case.id),
        "kind": case.kind.value,
        "subject": case.subject,
        "activation": None if case.activation is None else str(case.activation),
        "account": case.account,
        "currency": case.currency,
        **({} if case.order_ref is None else {"order_ref": case.order_ref}),
    }
    if changed["opened"] is None:
        type_ = "review.decided"
        told |= {"state": step.state.value, "by_verdict": step.verdict is not None}
    else:
        type_ = "review.opened"
        by_when = changed["by_when"]
        told |= {
            "reason": changed["reason"],
            "proposed_minor": changed["proposed_minor"],
            "by_when": None if by_when is None else instant(by_when),
        }
    await write(connection, case.id, type_, told, view.now, event_state, case.activation)


async def of_numbers(
    connection: AsyncConnection,
    endings: Sequence[Ending],
    won: Sequence[Sequence[Any]],
    now: datetime | None,
    event_state: str,
) -> None:
    """Of numbers that wait for a human now, and of those that one has decided."""
    settled = {row[0] for row in won}
    reviewed = [
        ending
        for ending in endings
        if ending.id in settled and State.IN_REVIEW in {ending.outcome, ending.source}
    ]
    if not reviewed:
        return
    said = [ending.said for ending in reviewed]
    await connection.execute(
        statement("settlements/tell_reviews"),
        {
            "ids": [ending.id for ending in reviewed],
            "reasons": [ending.reason for ending in reviewed],
            "notes": [None if one is None else one.note for one in said],
            "bys": [None if one is None else one.by for one in said],
            "now": now,
            "event_state": event_state,
        },
    )


async def write(  # noqa: PLR0913, PLR0917 - the columns of an event
    connection: AsyncConnection,
    subject: UUID,
    type_: str,
    told: Mapping[str, Any],
    now: datetime,
    event_state: str,
    activation: UUID | None,
) -> None:
    await connection.execute(
        statement("cases/write_event"),
        {
            "subject": str(subject),
            "type": type_,
            "activation": activation,
            "account": told["account"],
            "now": now,
            "payload": json.dumps(told),
            "event_state": event_state,
        },
    )
