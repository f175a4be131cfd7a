"""The record of an order or an account, read whole from our own log and books."""

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_rows
from worker.adapters.store.database import statement
from worker.domain.activation import EndReason, State
from worker.domain.ids import AccountId, ActivationId
from worker.domain.money import AMOUNT_MAX
from worker.domain.policy import Profile
from worker.domain.policy.at_intake import order_words
from worker.domain.policy.claim_case import may_leave
from worker.domain.policy.language.choices import SpentBars, WithdrawalMode
from worker.domain.policy.language.matching import folded
from worker.domain.policy.limits import SPANS, HistoryAsked, history_asked, span_start
from worker.domain.policy.vocabulary import BALANCE, PastEventKind
from worker.domain.transfer import Charge
from worker.ports.store import case_record as port
from worker.ports.store.case_view import Case, CaseKind

#: No limit of a policy looks further back than a year of the calendar.
LOOK_BACK: Final = timedelta(days=366)
ROWS_MAX: Final = 10_000  #: Orders, and cases, of one account: the newest.
#: Why time of a rental was given back: of an outage, or of the part that was not used.
TIME_BACK: Final = ("operator_block", "outage_over_24h", "unused_time", "no_replacement")
_DEPOSITED: Final = text(
    "SELECT max(at) FROM transfer WHERE account = :account AND key LIKE 'topup:%'"
    " AND at <= CAST(:until AS timestamptz)"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMPUTED: Final = {
    "charge",
    "order_facts",
    "credit_available_minor",
    "credit_aside_minor",
    "books_dropped",
}
_CASE_COLUMNS: Final = tuple(
    name for name in port.CaseRecord.__dataclass_fields__ if name not in _COMPUTED
)


async def of_activation(
    connection: AsyncConnection,
    id_: ActivationId,
    case: Case | None = None,
    profile: Profile | None = None,
) -> port.CaseRecord | None:
    """The order's record; what *case* itself gave is left out of it."""
    about = {"id": id_, "case_id": None if case is None else case.id}
    found = await connection.execute(statement("cases/record_activation"), about)
    return await _case_record(connection, found.mappings().one_or_none(), case, profile)


async def of_rental(
    connection: AsyncConnection,
    id_: UUID,
    case: Case | None = None,
    profile: Profile | None = None,
) -> port.CaseRecord | None:
    about = {
        "id": id_,
        "case_id": None if case is None else case.id,
        "time_back": list(TIME_BACK),
        "outage_since": None if case is None else _outage_since(case),
        "told_at": None if case is None else case.opened_at,
    }
    found = await connection.execute(statement("cases/record_rental"), about)
    return await _case_record(connection, found.mappings().one_or_none(), case, profile)


def _outage_since(case: Case) -> datetime | None:
    """From when on an SMS shows that the number works; None: it is no outage."""
    if case.kind is not CaseKind.OUTAGE:
        return None
    told = [case.facts.get(name) for name in ("contacted_at", "unavailable_since")]
    since = [datetime.fromisoformat(at) for at in told if at is not None]
    return max(since, default=case.opened_at)


async def of_subject(
    connection: AsyncConnection, case: Case, profile: Profile | None
) -> port.CaseRecord | None:
    """The record of what a case is about, without what the case itself gave."""
    if case.activation is not None:
        return await of_activation(connection, case.activation, case, profile)
    if case.rental is not None:
        return await of_rental(connection, case.rental, case, profile)
    return None


#: What a step of a case may give: what its limits count is asked for.
CASE_DEEDS: Final = {
    CaseKind.CLAIM: frozenset({PastEventKind.CLAIM, PastEventKind.AUTO_CREDIT}),
    CaseKind.OUTAGE: frozenset({PastEventKind.AUTO_CREDIT}),
    CaseKind.RENTAL_CANCEL: frozenset({PastEventKind.CANCEL, PastEventKind.AUTO_CREDIT}),
    CaseKind.RENTAL_END: frozenset({PastEventKind.AUTO_CREDIT}),
    CaseKind.WITHDRAWAL: frozenset({PastEventKind.PAYOUT}),
    CaseKind.ACCOUNT: frozenset({PastEventKind.PAYOUT}),
}


class SpentAsked(enum.Enum):
    """When all that an account ever spent is summed: it reads each of its entries."""

    NEVER = enum.auto()
    UNLESS_ACTIVATED = enum.auto()
    ALWAYS = enum.auto()


_ABOUT_MONEY: Final = {CaseKind.WITHDRAWAL, CaseKind.ACCOUNT}


async def of_account(
    connection: AsyncConnection, account: AccountId, case: UUID | None = None
) -> port.AccountRecord | None:
    """What any question about the account's orders is asked with, and nothing of its past."""
    about = {"account": account, "case_id": case}
    found = await connection.execute(statement("cases/record_account"), about)
    row = found.mappings().one_or_none()
    if row is None:
        return None
    columns: dict[str, Any] = dict(row)
    return port.AccountRecord(
        **columns
        | {
            "events": tuple(case_rows.account_event(*event) for event in row["events"]),
            "findings": frozenset(row["findings"]),
        },
    )


async def of_case(
    connection: AsyncConnection,
    case: Case,
    profile: Profile | None,
    record: port.CaseRecord | None,
    now: datetime,
) -> port.AccountRecord | None:
    """The account as a step of this case is decided, with what its limits count."""
    found = await of_account(connection, case.account, case.id)
    if found is None:
        return None
    if case.kind in _ABOUT_MONEY:
        found = await _with_money(connection, found, case.id, now, spent=_spent_asked(profile))
    if (until := _deposited_until(case, profile)) is not None:
        about = {"account": case.account, "until": until}
        deposited = await connection.execute(_DEPOSITED, about)
        found = replace(found, last_deposit_at=deposited.scalar())
    if profile is None:
        return found
    if record is not None:
        told = {**case.facts, **record.order_facts}
        service, country = record.service, record.country
        words = order_words(service, country, record.price_minor, told, rental=record.rental)
        profile = profile.for_order(words)
    asked = history_asked(profile, CASE_DEEDS[case.kind])
    return await with_history(connection, found, asked, now, case.id)


def _deposited_until(case: Case, profile: Profile | None) -> datetime | None:
    """A deposit after the request lowers no fee (R-FEE4); None: the newest counts, whenever it was.

    Where its age decides whether money leaves at all, a later one counts as fresh.
    """
    if case.kind not in {CaseKind.CLAIM, CaseKind.WITHDRAWAL}:
        return None
    if case.kind is CaseKind.WITHDRAWAL and profile is not None and _asks_age(profile):
        return None
    told = case.facts.get("claim_at")
    return case.opened_at if told is None else max(datetime.fromisoformat(told), case.opened_at)


def _asks_age(profile: Profile) -> bool:
    rules = profile.withdrawal
    return rules.mode is WithdrawalMode.BALANCE and rules.topup_max_age_days is not None


def _spent_asked(profile: Profile | None) -> SpentAsked:
    """An activated purchase was paid for, so the sum of all decides nothing beside one."""
    asks = profile is not None and profile.withdrawal.spent_bars is SpentBars.ANY
    return SpentAsked.UNLESS_ACTIVATED if asks else SpentAsked.NEVER


async def with_history(
    connection: AsyncConnection,
    account: port.AccountRecord,
    asked: HistoryAsked,
    now: datetime,
    case: UUID | None = None,
) -> port.AccountRecord:
    """With what *asked* counts until *now*, in sums; what *case* itself gave is left out."""
    past = await history(connection, account.account, asked, now, case)
    account = replace(account, history=past)
    if asked.recent:
        about = {"account": account.account, "recent": asked.recent}
        last = (await connection.execute(statement("cases/record_recent"), about)).one()
        account = replace(account, recent_orders=last.orders, recent_cancels=last.cancels)
    return account


async def history(
    connection: AsyncConnection,
    account: AccountId,
    asked: HistoryAsked,
    now: datetime,
    case: UUID | None = None,
) -> tuple[port.PastDeed, ...]:
    if not asked.spans:
        return ()
    since: dict[str, datetime | None] = {f"{kind.value}_since": None for kind in PastEventKind}
    since |= {f"{kind.value}_since": span_start(span, now) for kind, span in asked.spans.items()}
    bounds = [span_start(span, now) for span in SPANS]
    about = {"account": account, "case_id": case, "now": now, "bounds": bounds, **since}
    found = await connection.execute(statement("cases/record_history"), about)
    return tuple(_deed(row) for row in found.mappings())


def _deed(row: RowMapping) -> port.PastDeed:
    minor = min(row["amount_minor"], AMOUNT_MAX)
    return port.PastDeed(port.PastKind(row["what"]), row["at"], minor, row["kind"], row["times"])


async def _with_money(
    connection: AsyncConnection,
    account: port.AccountRecord,
    case: UUID | None,
    now: datetime,
    *,
    spent: SpentAsked,
) -> port.AccountRecord:
    about = {"account": account.account, "case_id": case, "now": now}
    bought = await connection.execute(statement("cases/record_purchases"), about)
    row = bought.mappings().one()
    at = row["activated_at"]
    asks = spent is SpentAsked.ALWAYS or (spent is SpentAsked.UNLESS_ACTIVATED and at is None)
    found = await connection.execute(statement("cases/record_money"), {**about, "spent": asks})
    money: dict[str, Any] = dict(found.mappings().one())
    topups = _sums(money["topups"])
    return replace(
        account,
        **money
        | {
            "topups": _since_activation(topups, at),
            "payouts": _sums(money["payouts"]),
            "withdrawals": tuple((_instant(at), state) for at, state in money["withdrawals"]),
        },
        last_deposit_at=max((each.at for each in topups), default=None),
        purchases=_sums(row["purchases"]),
        activations=() if at is None else (port.TakenOrder(at, refunded=False),),
    )


def _since_activation(
    topups: Sequence[port.RecordedSum], at: datetime | None
) -> tuple[port.RecordedSum, ...]:
    """Those that may be unused, and the newest: by its age and use all others are refused."""
    newest = max(topups, key=lambda each: each.at, default=None)
    return tuple(each for each in topups if at is None or each.at > at or each is newest)


async def whole_account(
    connection: AsyncConnection, account: AccountId, now: datetime
) -> port.AccountRecord | None:
    """With each deed of the last year by itself: for reports, which look at many instants."""
    found = await of_account(connection, account)
    if found is None:
        return None
    found = await _with_money(connection, found, None, now, spent=SpentAsked.ALWAYS)
    span = {"account": account, "since": now - LOOK_BACK, "limit": ROWS_MAX, "case_id": None}
    ordered = await connection.execute(statement("cases/record_orders"), span)
    gave = await connection.execute(statement("cases/record_given"), span)
    return replace(found, history=_history(ordered.mappings().all(), gave.mappings().all()))


async def _case_record(
    connection: AsyncConnection,
    row: RowMapping | None,
    case: Case | None,
    profile: Profile | None,
) -> port.CaseRecord | None:
    """*profile*: the policy that asks; None: it is not known who asks, so all is read."""
    if row is None:
        return None
    stays = case is not None and profile is not None and _stays(case, profile, row)
    credit = _KEPT if stays else await _still_there(connection, row, case)
    return port.CaseRecord(
        **{name: row[name] for name in _CASE_COLUMNS},
        charge=Charge(row["charge"]),
        order_facts=row["order_facts"] or {},
        credit_available_minor=credit.minor,
        credit_aside_minor=credit.aside_minor,
        books_dropped=row["books_dropped"] or credit.dropped,
    )


def _stays(case: Case, profile: Profile, row: RowMapping) -> bool:
    """Whether no money of this case leaves: how much of a credit is left decides nothing then."""
    if case.kind is not CaseKind.CLAIM:
        return True
    method = folded((row["order_facts"] or {}).get("payment_method", BALANCE))
    return not may_leave(profile, case.facts.get("destination"), method)


class _Credit(NamedTuple):
    minor: int | None
    aside_minor: int = 0
    dropped: bool = False  #: Entries since then left the books: the sum is of what is left.


_KEPT: Final = _Credit(None)


async def _still_there(connection: AsyncConnection, row: RowMapping, case: Case | None) -> _Credit:
    """The lesser of what was credited and the lowest balance since, which no other claim has."""
    credited: int = row["credited_minor"]
    if row["credited_by"] is None:
        return _Credit(0)
    since = {
        "account": row["account"],
        "since": row["credited_by"],
        "case_id": None if case is None else case.id,
        "order": row["id"],
    }
    found = await connection.execute(statement("cases/lowest_balance"), since)
    lowest = found.one()
    own = 0 if case is None else case.withheld_minor
    # What this case has itself is there for it: code of before set the same credit aside twice.
    free = max(own, min(credited, lowest.minor) - lowest.aside_minor)
    return _Credit(free, lowest.aside_minor, lowest.dropped)


def _sums(pairs: Iterable[tuple[float, int]]) -> tuple[port.RecordedSum, ...]:
    return tuple(port.RecordedSum(_instant(at), minor) for at, minor in pairs)


def _instant(micros: float) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def _cancelled(order: RowMapping) -> bool:
    """Whether Cancel credits it, or is about to."""
    by_cancel = order["reason"] == EndReason.CANCEL.value
    return by_cancel and order["state"] in {State.EXPIRING.value, State.REFUNDED.value}


_BY_ITSELF: Final = {EndReason.TIMEOUT.value, EndReason.PROVIDER.value}
_CASE_DEEDS: Final = {
    "claim": port.PastKind.CLAIM,
    "withdrawal": port.PastKind.PAYOUT,
    "rental_outage": port.PastKind.AUTO_CREDIT,
    "rental_end": port.PastKind.AUTO_CREDIT,
    "rental_cancel": port.PastKind.CANCEL,
}


def _history(
    orders: Sequence[RowMapping], given: Sequence[RowMapping]
) -> tuple[port.PastDeed, ...]:
    deeds = [deed for order in orders for deed in _deeds(order)]
    deeds += [
        port.PastDeed(_CASE_DEEDS[row["kind"]], row["at"], row["amount_minor"], row["claim_kind"])
        for row in given
        if row["kind"] in _CASE_DEEDS
    ]
    return tuple(sorted(deeds, key=lambda deed: (deed.at, deed.what.value)))


def _deeds(order: RowMapping) -> Iterator[port.PastDeed]:
    price = order["price_minor"]
    yield port.PastDeed(port.PastKind.ORDER, order["at"], price)
    if _cancelled(order):
        yield port.PastDeed(port.PastKind.CANCEL, order["pressed_at"], price)
    elif order["state"] == State.REFUNDED.value and order["settled_for"] in _BY_ITSELF:
        yield port.PastDeed(port.PastKind.AUTO_CREDIT, order["settled_at"], price)
