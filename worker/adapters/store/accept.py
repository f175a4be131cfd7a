"""Taking numbers in: each with its hold, once, whatever is repeated or races."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import rows
from worker.adapters.store.database import Database, lock_accounts, scalar, statement
from worker.adapters.store.policies import BLOCKED, that_may_order
from worker.adapters.store.refusals import again_where_taken
from worker.adapters.store.turns import wait_for_locked
from worker.domain.activation import ProviderState, State, deadline_of
from worker.domain.ids import ActivationId, activation_id, code_hash
from worker.domain.policy.at_intake import CancelTerms
from worker.domain.transfer import Charge
from worker.ports.store import activations as port

SKEW = timedelta(seconds=60)  #: How far a caller's clock may be ahead of the database's.
BUCKETS = 2  #: Balances of an account: available and held.
YEAR = timedelta(days=366)  #: So long each number is kept, if only its settlement.
OLD = timedelta(days=2)  #: No window is longer than a day: only older numbers may be forgotten.
ROUNDS = 5  #: A ref that came alive while we looked is read again, this often at most.

_THERE = text("SELECT account FROM account WHERE account = ANY(:accounts)")
_SETTLED = text("SELECT activation_id FROM settlement WHERE activation_id = ANY(:ids)")
_DROPS = "SELECT EXISTS (SELECT FROM dropped_number)"
_CODES = text("SELECT activation_id, hash FROM code WHERE activation_id = ANY(:ids)")

_Intakes: TypeAlias = dict[int, port.CompleteIntake]  #: By their place in the call.
_Round: TypeAlias = list[port.AcceptResult | None]
_Write: TypeAlias = Callable[[Callable[[AsyncConnection], Awaitable[_Round]]], Awaitable[_Round]]


class _Asked(NamedTuple):
    now: datetime | None
    keeping: Collection[str]


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
    locked: frozenset[str]  #: Are there, and somebody else has them.
    codes: AbstractSet[tuple[UUID, bytes]] = frozenset()  #: By number; where any are handed over.
    settled: AbstractSet[UUID] = frozenset()  #: Of the old ones that are not known any more.
    drops: bool = False  #: Numbers of years ago may be gone, under ids of other makings.
    new: dict[tuple[str, str], tuple[port.CompleteIntake, port.Activation]] = field(
        default_factory=dict
    )
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def granted(self) -> set[ActivationId]:
        return {activation.id for _, activation in self.new.values()}


async def accept(
    db: Database,
    intakes: Sequence[port.CompleteIntake],
    now: datetime | None,
    *,
    keeping: Collection[str],
    patient: bool,
) -> list[port.AcceptResult]:
    """Those of accounts that nobody has locked first, together; then the others.

    *keeping*: the policies under which a blocked account may still order.
    *patient*: whether the locked ones are waited for.
    """
    asked = _Asked(now, keeping)

    async def free(those: _Intakes) -> dict[int, port.AcceptResult]:
        return await _rounds(those, asked, db.write, free_only=True)

    async def waiting(those: _Intakes) -> dict[int, port.AcceptResult]:
        accounts = {intake.number.account for intake in those.values()}
        write = partial(db.write_accounts, accounts)
        return await _rounds(those, asked, write, free_only=False)

    results = await free(dict(enumerate(intakes)))
    locked = {at: intakes[at] for at, result in results.items() if _is_locked(result)}
    if locked and patient:
        results |= await wait_for_locked(locked, free=free, waiting=waiting, is_locked=_is_locked)
    return [results[index] for index in range(len(intakes))]


def _is_locked(result: port.AcceptResult) -> bool:
    return result.how is port.AcceptOutcome.ACCOUNT_LOCKED


async def _rounds(
    intakes: _Intakes, asked: _Asked, write: _Write, *, free_only: bool
) -> dict[int, port.AcceptResult]:
    results: dict[int, port.AcceptResult] = {}
    left = dict(intakes)
    for _ in range(ROUNDS):
        if not left:
            break
        work = partial(_accept, intakes=list(left.values()), asked=asked, free_only=free_only)
        answers = zip(left, await write(work), strict=True)
        results |= {index: answer for index, answer in answers if answer is not None}
        left = {index: intake for index, intake in left.items() if index not in results}
    assert not left, "a ref keeps coming alive and ending under our hands"
    return results


async def _accept(
    connection: AsyncConnection,
    intakes: Sequence[port.CompleteIntake],
    asked: _Asked,
    *,
    free_only: bool,
) -> list[port.AcceptResult | None]:
    """One round; None where another intake of the same ref won meanwhile."""
    batch = await _read(connection, intakes, asked, free_only=free_only)
    answers = [_judge(batch, intake) for intake in intakes]
    inserted = await _insert(connection, batch) if batch.rows else set()
    lost = batch.granted - inserted
    await _insert_codes(connection, batch, inserted)
    repeated = {a.activation.id for a in answers if a.activation is not None} - batch.granted
    full = await rows.by_ids(connection, repeated) if repeated else {}
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


async def _lock_free(connection: AsyncConnection, accounts: Sequence[str]) -> Sequence[RowMapping]:
    asked = {"accounts": accounts}
    return (await connection.execute(statement("books/lock_free_accounts"), asked)).mappings().all()


async def _read(
    connection: AsyncConnection,
    intakes: Sequence[port.CompleteIntake],
    asked: _Asked,
    *,
    free_only: bool,
) -> _Batch:
    lock = _lock_free if free_only else lock_accounts
    names = {i.number.account for i in intakes}
    balances = await lock(connection, sorted(names))
    buckets = Counter(row["account"] for row in balances)
    accounts = {
        row["account"]: _Account(row["currency"], row["amount_minor"], row["state"])
        for row in balances
        if row["bucket"] == "available" and buckets[row["account"]] == BUCKETS
    }
    blocked = [name for name, account in accounts.items() if account.state == BLOCKED]
    for name in await that_may_order(connection, blocked, asked.keeping) if blocked else ():
        accounts[name].state = "open"
    missing = sorted(names - accounts.keys()) if free_only else []
    locked = await _there(connection, missing) if missing else frozenset()
    refs = {
        "providers": [i.number.provider for i in intakes],
        "refs": [i.number.ref for i in intakes],
    }
    known = (await connection.execute(statement("activations/known_refs"), refs)).mappings()
    now = balances[0]["now"] if balances else None
    clock = asked.now or now or await scalar(connection, "SELECT now()")
    of_refs = {(r["provider"], r["provider_ref"]): r for r in known}
    told = [of_refs.get((i.number.provider, i.number.ref)) for i in intakes if i.number.codes]
    codes = await _codes_of(connection, [row["id"] for row in told if row is not None])
    old = [i.number for i in intakes if (i.number.rented_at or clock) < clock - OLD]
    ids = [activation_id(n.provider, n.ref, n.rented_at) for n in old if n.rented_at]
    settled = (await connection.execute(_SETTLED, {"ids": ids})).scalars() if ids else ()
    drops = bool(ids and await scalar(connection, _DROPS))
    return _Batch(clock, accounts, of_refs, locked, codes, frozenset(settled), drops)


async def _there(connection: AsyncConnection, names: Sequence[str]) -> frozenset[str]:
    """Which of these accounts there are, whoever has them locked."""
    return frozenset((await connection.execute(_THERE, {"accounts": names})).scalars())


async def _codes_of(
    connection: AsyncConnection, ids: Sequence[UUID]
) -> AbstractSet[tuple[UUID, bytes]]:
    if not ids:
        return frozenset()
    found = await connection.execute(_CODES, {"ids": ids})
    return {(row[0], bytes(row[1])) for row in found}


def _judge(batch: _Batch, intake: port.CompleteIntake) -> port.AcceptResult:
    """What becomes of one intake; a granted one takes its hold from the batch's balances."""
    number = intake.number
    thing = (number.provider, number.ref)
    if thing in batch.new:
        earlier, activation = batch.new[thing]
        same = intake == earlier
        how = port.AcceptOutcome.SAME if same else port.AcceptOutcome.OTHER_CONTENT
        return port.AcceptResult(how, activation)
    row = batch.known.get(thing)
    if row is not None and not _is_another_rental(row, intake):
        shown = {(row["id"], code_hash(code.code)) for code in number.codes}
        same = _same_content(row, intake) and shown <= batch.codes
        how = port.AcceptOutcome.SAME if same else port.AcceptOutcome.OTHER_CONTENT
        return port.AcceptResult(how, rows.activation(row))
    account = batch.accounts.get(number.account)
    if intake.refused is not None or account is None or account.state != "open":
        return port.AcceptResult(intake.refused or _barred(batch, number.account), None)
    rented_at = number.rented_at or batch.now
    id_ = activation_id(number.provider, number.ref, rented_at)
    wrong = _wrong_instant(batch, intake, id_, rented_at)
    if wrong is not None:
        return port.AcceptResult(wrong, None)
    if number.charge is Charge.HOLD:
        if account.available < number.price_minor:
            return port.AcceptResult(port.AcceptOutcome.BALANCE_TOO_LOW, None)
        account.available -= number.price_minor
    return port.AcceptResult(port.AcceptOutcome.NEW, _add(batch, intake, id_, rented_at))


def _barred(batch: _Batch, name: str) -> port.AcceptOutcome:
    """Why an account that is not open, not there or not ours takes no number."""
    account = batch.accounts.get(name)
    if name in batch.locked:
        return port.AcceptOutcome.ACCOUNT_LOCKED
    if account is None or account.state == "deleted":
        return port.AcceptOutcome.UNKNOWN_ACCOUNT
    return port.AcceptOutcome(f"account_{account.state}")


def _wrong_instant(
    batch: _Batch, intake: port.CompleteIntake, id_: ActivationId, rented_at: datetime
) -> port.AcceptOutcome | None:
    number = intake.number
    if id_ in batch.settled or (batch.drops and rented_at < batch.now - YEAR):
        # Forgotten, or it may be, under an id of another making: it cannot be held against it.
        return port.AcceptOutcome.OTHER_CONTENT
    if rented_at > batch.now + SKEW:
        return port.AcceptOutcome.RENTED_IN_FUTURE
    if not number.codes:
        return None
    last = max(code.received_at for code in number.codes)
    if last > batch.now + SKEW:
        return port.AcceptOutcome.CODE_IN_FUTURE
    deadline = deadline_of(rented_at, intake.window, number.expires_at)
    return port.AcceptOutcome.CODE_TOO_LATE if last > deadline else None


def _is_another_rental(row: RowMapping, intake: port.CompleteIntake) -> bool:
    """Whether a known ref is used again: only an ended rental can be followed by another one.

    Without `rented_at` the same content is the same rental told twice, however late; but for one
    whose phone was forgotten, as only that tells the two apart.
    """
    if not row["settled"]:
        return False
    if intake.number.rented_at is not None:
        return bool(intake.number.rented_at > row["rented_at"])
    return row["phone"] is None or not _same_content(row, intake)


_TOLD: Final = tuple(f.name for f in fields(port.NumberIntake) if f.name != "codes")
_TOLD_VALUES: Final = attrgetter(*_TOLD)
_COLUMNS: Final = tuple("provider_ref" if name == "ref" else name for name in _TOLD)


def _told(number: port.NumberIntake) -> dict[str, Any]:
    """What the caller told about a number, by the names of the columns."""
    told = dict(zip(_COLUMNS, _TOLD_VALUES(number), strict=True))
    window = told.pop("window")
    told["window_seconds"] = None if window is None else int(window.total_seconds())
    told["charge"] = number.charge.value
    told["order_facts"] = None if number.order_facts is None else dict(number.order_facts)
    return told


def _same_content(row: RowMapping, intake: port.CompleteIntake) -> bool:
    """Whether a repeated intake says what is stored; what it leaves out, it does not contradict.

    Nor does a phone contradict one that was forgotten.
    """
    told = _told(intake.told or intake.number)
    if row["phone"] is None and row["settled"]:
        del told["phone"]
    return all(value is None or value == row[column] for column, value in told.items())


def _add(
    batch: _Batch, intake: port.CompleteIntake, id_: ActivationId, rented_at: datetime
) -> port.Activation:
    number = intake.number
    expires_at = None if number.expires_at is None else max(number.expires_at, rented_at)
    row = {
        **_told(number),
        "id": id_,
        "currency": batch.accounts[number.account].currency,
        "cost_minor": intake.cost_minor,
        "cost_currency": intake.cost_currency,
        "policy_version": intake.policy_version,
        "rented_at": rented_at,
        "deadline_at": deadline_of(rented_at, intake.window, expires_at),
        "cancel_not_before": rented_at + intake.min_cancel_age,
        **_cancel_terms(intake.cancel, rented_at),
    }
    state = State.RECEIVED if number.codes else State.WAITING
    first = {"state": state.value, "provider_state": ProviderState.OPEN.value}
    new = rows.activation(
        {**row, **first}, codes=number.codes, timeline=_first_lines(batch, number.codes)
    )
    batch.rows.append(row)
    batch.new[(number.provider, number.ref)] = intake, new
    return new


def _first_lines(batch: _Batch, codes: Sequence[port.ShownCode]) -> tuple[port.TimelineEntry, ...]:
    came = (
        port.TimelineEntry(code.received_at, "code", {"state": "received", "number": place})
        for place, code in enumerate(codes, 1)
    )
    return port.TimelineEntry(batch.now, "accepted", {"state": "waiting"}), *came


def _cancel_terms(terms: CancelTerms, rented_at: datetime) -> dict[str, Any]:
    until = terms.until_s
    return {
        "cancel_offered": terms.offered,
        "cancel_from_at": rented_at + timedelta(seconds=terms.from_s) if terms.from_s else None,
        "cancel_until_at": None if until is None else rented_at + timedelta(seconds=until),
        "cancel_judged": terms.judged,
    }


async def _insert(connection: AsyncConnection, batch: _Batch) -> set[ActivationId]:
    columns = {column: [row[column] for row in batch.rows] for column in batch.rows[0]}
    columns["order_facts"] = [
        None if facts is None else json.dumps(facts) for facts in columns["order_facts"]
    ]
    with again_where_taken("activation_pkey"):  # It lived and ended since the statement began.
        result = await connection.execute(statement("activations/accept"), columns)
    return {ActivationId(row[0]) for row in result}


async def _insert_codes(
    connection: AsyncConnection, batch: _Batch, inserted: AbstractSet[ActivationId]
) -> None:
    """Those that were shown elsewhere, of the numbers that are ours now."""
    codes = [
        (activation.id, code)
        for _, activation in batch.new.values()
        if activation.id in inserted
        for code in activation.codes
    ]
    if not codes:
        return
    await connection.execute(
        statement("activations/keep_codes"),
        {
            "ids": [id_ for id_, _ in codes],
            "hashes": [code_hash(shown.code) for _, shown in codes],
            "codes": [shown.code for _, shown in codes],
            "texts": [shown.text for _, shown in codes],
            "shown": [True] * len(codes),
            "received": [shown.received_at for _, shown in codes],
            "now": None,
            # Never sent: the shop has shown them.
            "event_state": "kept",
        },
    )
