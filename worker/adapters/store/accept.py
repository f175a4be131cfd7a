"""Taking numbers in: each with its hold, once, whatever is repeated or races."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.database import Database, scalar, statement
from worker.domain.activation import ProviderState, State, deadline_of
from worker.domain.ids import ActivationId, activation_id
from worker.domain.transfer import Charge
from worker.ports.store import activations as port

SKEW = timedelta(seconds=60)  #: How far a caller's clock may be ahead of the database's.
ROUNDS = 5  #: A ref that came alive while we looked is read again, this often at most.


@dataclass(slots=True)
class _Account:
    """What the locked balances say; `available` goes down as holds of this batch are granted."""

    currency: str
    available: int
    state: str


@dataclass(slots=True)
class _Batch:
    """One transaction's view: the locked accounts, the known rentals, the database's now."""

    now: datetime
    accounts: dict[str, _Account]
    known: Mapping[tuple[str, str], RowMapping]
    new: dict[tuple[str, str], tuple[port.CompleteIntake, port.Activation]] = field(
        default_factory=dict
    )
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def granted(self) -> set[ActivationId]:
        return {activation.id for _, activation in self.new.values()}


async def accept(
    db: Database, intakes: Sequence[port.CompleteIntake], now: datetime | None
) -> list[port.AcceptResult]:
    results: dict[int, port.AcceptResult] = {}
    left = list(enumerate(intakes))
    for _ in range(ROUNDS):
        if not left:
            break
        work = partial(_accept, intakes=[intake for _, intake in left], now=now)
        answers = await db.write(work)
        results |= {
            index: answer
            for (index, _), answer in zip(left, answers, strict=True)
            if answer is not None
        }
        left = [item for item in left if item[0] not in results]
    assert not left, "a ref keeps coming alive and ending under our hands"
    return [results[index] for index in range(len(intakes))]


async def _accept(
    connection: AsyncConnection, intakes: Sequence[port.CompleteIntake], now: datetime | None
) -> list[port.AcceptResult | None]:
    """One round; None where another intake of the same ref won meanwhile."""
    batch = await _read(connection, intakes, now)
    answers = [_judge(batch, intake) for intake in intakes]
    inserted = await _insert(connection, batch)
    lost = batch.granted - inserted
    repeated = {a.activation.id for a in answers if a.activation is not None} - batch.granted
    full = await rows.by_ids(connection, repeated, timeline=False) if repeated else {}
    return [_answer(answer, lost, full) for answer in answers]


def _answer(
    judged: port.AcceptResult,
    lost: AbstractSet[ActivationId],
    full: Mapping[ActivationId, port.Activation],
) -> port.AcceptResult | None:
    """The judgement as the database let it become true; None where it has to be judged again.

    What was granted to a number that is another's now is there for the rest of the batch.
    """
    if judged.activation is None:
        return None if lost and judged.how is port.AcceptOutcome.BALANCE_TOO_LOW else judged
    id_ = judged.activation.id
    if id_ in lost:
        return None
    return port.AcceptResult(judged.how, full.get(id_, judged.activation))


async def _read(
    connection: AsyncConnection, intakes: Sequence[port.CompleteIntake], now: datetime | None
) -> _Batch:
    balances = (
        await connection.execute(
            statement("books/lock_accounts"),
            {"accounts": sorted({i.number.account for i in intakes})},
        )
    ).mappings()
    accounts: dict[str, _Account] = {}
    for row in balances:
        if row["bucket"] == "available":
            accounts[row["account"]] = _Account(row["currency"], row["amount_minor"], row["state"])
    known = (
        await connection.execute(
            statement("activations/known_refs"),
            {
                "providers": [i.number.provider for i in intakes],
                "refs": [i.number.ref for i in intakes],
            },
        )
    ).mappings()
    clock = now or await scalar(connection, "SELECT now()")
    return _Batch(clock, accounts, {(r["provider"], r["provider_ref"]): r for r in known})


def _judge(batch: _Batch, intake: port.CompleteIntake) -> port.AcceptResult:
    """What becomes of one intake; a granted one takes its hold from the batch's balances."""
    number = intake.number
    thing = (number.provider, number.ref)
    if thing in batch.new:
        earlier, activation = batch.new[thing]
        same = intake == earlier
        return port.AcceptResult(
            port.AcceptOutcome.SAME if same else port.AcceptOutcome.OTHER_CONTENT, activation
        )
    row = batch.known.get(thing)
    if row is not None and not _is_another_rental(row, intake):
        same = _same_content(row, intake)
        return port.AcceptResult(
            port.AcceptOutcome.SAME if same else port.AcceptOutcome.OTHER_CONTENT,
            rows.activation(row),
        )
    account = batch.accounts.get(number.account)
    if account is None or account.state != "open":
        return port.AcceptResult(_barred(account), None)
    rented_at = number.rented_at or batch.now
    if rented_at > batch.now + SKEW:
        return port.AcceptResult(port.AcceptOutcome.RENTED_IN_FUTURE, None)
    if number.charge is Charge.HOLD:
        if account.available < number.price_minor:
            return port.AcceptResult(port.AcceptOutcome.BALANCE_TOO_LOW, None)
        account.available -= number.price_minor
    return port.AcceptResult(
        port.AcceptOutcome.NEW, _add(batch, intake, account.currency, rented_at)
    )


def _barred(account: _Account | None) -> port.AcceptOutcome:
    """Why an account that is not open, or not there, takes no number."""
    if account is None or account.state == "deleted":
        return port.AcceptOutcome.UNKNOWN_ACCOUNT
    return port.AcceptOutcome(f"account_{account.state}")


def _is_another_rental(row: RowMapping, intake: port.CompleteIntake) -> bool:
    """Whether a known ref is used again: only an ended rental can be followed by another one.

    Without `rented_at` the same content is the same rental told twice, however late.
    """
    if not row["settled"]:
        return False
    if intake.number.rented_at is not None:
        return bool(intake.number.rented_at > row["rented_at"])
    return not _same_content(row, intake)


def _told(number: port.NumberIntake) -> dict[str, Any]:
    """What the caller told about a number, by the names of the columns."""
    told = {f.name: getattr(number, f.name) for f in fields(number)}
    told["provider_ref"] = told.pop("ref")
    told["window_seconds"] = int(told.pop("window").total_seconds())
    told["charge"] = number.charge.value
    return told


def _same_content(row: RowMapping, intake: port.CompleteIntake) -> bool:
    """Whether a repeated intake says what is stored; what it leaves out, it does not contradict."""
    told = _told(intake.number)
    return all(value is None or value == row[column] for column, value in told.items())


def _add(
    batch: _Batch, intake: port.CompleteIntake, currency: str, rented_at: datetime
) -> port.Activation:
    number = intake.number
    expires_at = None if number.expires_at is None else max(number.expires_at, rented_at)
    row = {
        **_told(number),
        "id": activation_id(number.provider, number.ref, rented_at),
        "currency": currency,
        "cost_minor": intake.cost_minor,
        "cost_currency": intake.cost_currency,
        "policy_version": intake.policy_version,
        "rented_at": rented_at,
        "deadline_at": deadline_of(rented_at, intake.window, expires_at),
        "cancel_not_before": rented_at + intake.min_cancel_age,
    }
    first = {"state": State.WAITING.value, "provider_state": ProviderState.OPEN.value}
    timeline = (port.TimelineEntry(batch.now, "accepted", {"state": "waiting"}),)
    new = rows.activation({**row, **first}, timeline=timeline)
    batch.rows.append(row)
    batch.new[(number.provider, number.ref)] = intake, new
    return new


async def _insert(connection: AsyncConnection, batch: _Batch) -> set[ActivationId]:
    if not batch.rows:
        return set()
    columns = {column: [row[column] for row in batch.rows] for column in batch.rows[0]}
    result = await connection.execute(statement("activations/accept"), columns)
    return {ActivationId(row[0]) for row in result}
