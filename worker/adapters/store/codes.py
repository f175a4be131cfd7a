"""Codes: each recorded once, shown only in time, never to another customer."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.activation import CodeFate, ProviderState, State, code_fate
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.store.activations import RecordedCode, SeenSms

CODE_MAX = 500  #: Characters kept of a code; some providers put the whole SMS there.
TEXT_MAX = 2_000


def hash_of(code: str) -> bytes:
    """What makes two SMS of one number the same; it outlives the text, which is deleted early."""
    return hashlib.sha256(code.encode(errors="surrogatepass")).digest()


def keepable(text: str, longest: int) -> str:
    """What the database can keep of a text: providers pass on NUL and halves of characters.

    One such SMS would otherwise hold up every other code of its batch, and its text would stand in
    the driver's error.
    """
    return text[:longest].replace("\x00", "").encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class _Judged:
    row: RowMapping
    sms: SeenSms
    hash: bytes
    fate: CodeFate


async def record(
    connection: AsyncConnection, seen: Sequence[SeenSms], now: datetime | None, event_state: str
) -> list[RecordedCode]:
    locked = (
        await connection.execute(
            statement("activations/lock_for_codes"),
            {"providers": [s.provider for s in seen], "refs": [s.ref for s in seen], "now": now},
        )
    ).mappings()
    numbers = {(row["provider"], row["provider_ref"]): row for row in locked}
    if not numbers:
        return []
    ids = [row["id"] for row in numbers.values()]
    known = {
        (row[0], bytes(row[1]))
        for row in await connection.execute(statement("activations/known_codes"), {"ids": ids})
    }
    judged = _judge(seen, numbers, known)
    await _keep(connection, judged, event_state)
    return [
        RecordedCode(
            ActivationId(j.row["id"]),
            ProviderName(j.row["provider"]),
            j.fate,
            j.row["now"] - j.row["rented_at"],
            j.sms,
        )
        for j in judged
    ]


def _judge(
    seen: Sequence[SeenSms],
    numbers: Mapping[tuple[str, str], RowMapping],
    known: set[tuple[UUID, bytes]],
) -> list[_Judged]:
    """Each SMS by the state its number has after the ones before it."""
    states = {thing: State(row["state"]) for thing, row in numbers.items()}
    judged = []
    for sms in seen:
        thing = (sms.provider, sms.ref)
        if thing not in numbers:
            continue
        row, hashed = numbers[thing], hash_of(sms.code)
        fate = code_fate(
            states[thing],
            cancelled=row["provider_state"] == ProviderState.CANCELLED.value,
            deadline_at=row["deadline_at"],
            known=(row["id"], hashed) in known,
            now=row["now"],
        )
        known.add((row["id"], hashed))
        if fate is CodeFate.SHOWN:
            states[thing] = State.RECEIVED
        judged.append(_Judged(row, sms, hashed, fate))
    return judged


async def _keep(connection: AsyncConnection, judged: Sequence[_Judged], event_state: str) -> None:
    new = [j for j in judged if j.fate is not CodeFate.REPEATED]
    if not new:
        return
    await connection.execute(
        statement("activations/keep_codes"),
        {
            "ids": [j.row["id"] for j in new],
            "hashes": [j.hash for j in new],
            "codes": [keepable(j.sms.code, CODE_MAX) for j in new],
            "texts": [None if j.sms.text is None else keepable(j.sms.text, TEXT_MAX) for j in new],
            "shown": [j.fate in {CodeFate.SHOWN, CodeFate.MORE} for j in new],
            "now": new[0].row["now"],
            "event_state": event_state,
        },
    )
