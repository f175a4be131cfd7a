"""Presses of Cancel: what they answer, and what they ask for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_records
from worker.adapters.store.database import lock_accounts, statement
from worker.domain.activation import CancelAnswer, State, answer_cancel
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.store import activations as port

_WHOSE = text("SELECT account FROM activation WHERE id = CAST(:id AS uuid)")
_LOCKED = text(
    "SELECT state, provider, policy, policy_version FROM activation"
    " WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE"
)


async def press(
    connection: AsyncConnection, ids: Sequence[ActivationId], now: datetime | None
) -> dict[ActivationId, port.CancelPress]:
    """Those whose policy needs no record to answer."""
    asked = {"ids": list(ids), "now": now, "judged": False, "decision": None}
    presses: dict[ActivationId, port.CancelPress] = {}
    for row in await connection.execute(statement("activations/press_cancel"), asked):
        id_, word, provider, not_before, refused = row
        state = State(word)
        answer = answer_cancel(state) if refused is None else CancelAnswer(refused)
        presses[ActivationId(id_)] = port.CancelPress(
            answer, state, ProviderName(provider), not_before
        )
    return presses


async def press_judged(
    connection: AsyncConnection, id_: ActivationId, judge: port.CancelJudge, now: datetime | None
) -> port.CancelPress | None:
    """One that the policy answers from the record, under the account's lock."""
    account = (await connection.execute(_WHOSE, {"id": id_})).scalar()
    if account is None:
        return None
    await lock_accounts(connection, [account])
    row = (await connection.execute(_LOCKED, {"id": id_})).mappings().one()
    state = State(row["state"])
    clock = await locks.clock(connection, now)
    decided = port.PressDecision(None)
    if state is State.WAITING:
        record = await case_records.of_activation(connection, id_)
        of_account = await case_records.of_account(connection, account)
        assert record is not None
        assert of_account is not None
        asked_of = judge.asked(record)
        of_account = await case_records.with_history(connection, of_account, asked_of, clock)
        decided = judge(record, of_account, clock)
    if decided.refused is not None:
        why = decided.refused.value
        refused = {"id": id_, "now": clock, "state": state.value, "why": why}
        await connection.execute(statement("activations/cancel_refused"), refused)
        return port.CancelPress(decided.refused, state, ProviderName(row["provider"]), None)
    ends_as = decided.ends_as
    words = None if ends_as is None else f"{ends_as[0].value} {ends_as[1]}"
    asked = {"ids": [id_], "now": clock, "judged": True, "decision": words}
    pressed = (await connection.execute(statement("activations/press_cancel"), asked)).one()
    return port.CancelPress(
        answer_cancel(state), state, ProviderName(row["provider"]), pressed.not_before
    )
