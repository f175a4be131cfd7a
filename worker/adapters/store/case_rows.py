"""Rows of cases as the port's values: one with all its decisions, many, and facts as JSON."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import obligations
from worker.adapters.store.database import Database, statement
from worker.domain.account_state import LoggedEvent
from worker.domain.calendar import Duration, Unit, after_business_days
from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Profile, Reason
from worker.domain.policy.deadlines import review_by
from worker.domain.transfer import Charge
from worker.ports.store import case_view as port
from worker.ports.store.case_search import ANY_REVIEW, Review, ReviewPlace, ReviewSearch
from worker.ports.store.cases import NewCase
from worker.ports.store.said import StaffNote

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNDATED_DAYS = 2  #: Business days, for a review to which no policy gives a date.
#: Where no policy says anything, none says by when.
_DAY_SECONDS = 86_400
_UNDATED = {Reason.POLICY_VERSION.value, Reason.POLICY_SILENT.value}


def instant(at: datetime) -> str:
    """As events tell it: UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def order_ref_told(ref: str | None) -> Mapping[str, str]:
    """The shop's own id, for an event's data: a member where the order had one."""
    return {} if ref is None else {"order_ref": ref}


def hash_of(new: NewCase) -> str:
    """What makes two openings of one case the same."""
    return hashlib.sha256(json.dumps(new.content, sort_keys=True).encode()).hexdigest()


def case(row: RowMapping, **history: Any) -> port.Case:
    activation = row["activation_id"]
    return port.Case(
        id=row["id"],
        kind=port.CaseKind(row["kind"]),
        subject=row["subject"],
        activation=None if activation is None else ActivationId(activation),
        rental=row["rental_id"],
        account=AccountId(row["account"]),
        currency=row["currency"],
        state=port.CaseState(row["state"]),
        facts=row["facts"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        verdict=row["verdict"],
        withheld_minor=row["withheld_minor"],
        moved_minor=row["moved_minor"],
        order_ref=row["order_ref"],
        charge=charge_of(row),
        **history,
    )


def charge_of(row: Mapping[str, Any] | RowMapping) -> Charge | None:
    """Of the order that something is about, if it is about one."""
    return None if row["charge"] is None else Charge(row["charge"])


def decision(row: RowMapping) -> port.DecisionRow:
    return port.DecisionRow(
        at=row["at"],
        op=row["op"],
        outcome=row["outcome"],
        reason=row["reason"],
        amount_minor=row["amount_minor"],
        fee_minor=row["fee_minor"],
        destination=row["destination"],
        deadline=row["deadline"],
        as_of=row["as_of"],
        clauses=tuple(row["clauses"]),
        policy_version=row["policy_version"],
        by=row["by"],
    )


def timer(row: RowMapping) -> port.Timer:
    return port.Timer(port.TimerKind(row["kind"]), row["subject"], row["due_at"])


def ordered(row: RowMapping, *, rental: bool) -> port.CaseOrder:
    return port.CaseOrder(
        rental=rental,
        purchased_at=row["rented_at"],
        ends_at=row["deadline_at"],
        price_minor=row["price_minor"],
        charge=Charge(row["charge"]),
        service=row["service"],
        order_ref=row["order_ref"],
        order_facts=row["order_facts"] or {},
        settled=row["settled"],
        credited_minor=row["credited_minor"],
        outages_minor=row["outages_minor"] if rental else 0,
        outages=_paid_outages(row["outages"]) if rental else (),
        blocked_from=row["blocked_from"] if rental else None,
        unused_from=row["unused_from"] if rental else None,
        unused_minor=row["unused_minor"] if rental else 0,
        sms_received_at=row["sms_received_at"],
        sms_displayed_at=row["sms_displayed_at"],
    )


def _paid_outages(rows: Iterable[tuple[float, float, int]]) -> tuple[port.PaidOutage, ...]:
    return tuple(
        port.PaidOutage(_instant(start), _instant(end), minor) for start, end, minor in rows
    )


def holdings(row: RowMapping) -> port.AccountHoldings:
    activated = row["activated_at"]
    return port.AccountHoldings(
        available_minor=row["available_minor"],
        held_minor=row["held_minor"],
        state=row["state"],
        topups=tuple((_instant(at), amount) for at, amount in row["topups"]),
        paid_out=tuple(
            port.Payout(_instant(asked), _instant(granted), amount)
            for asked, granted, amount in row["paid_out"]
        ),
        activated=() if activated is None else (activated,),
        open_order_end=row["open_order_end"],
        withdrawal_open=row["withdrawal_open"],
        # What is being decided is not yet said about the account.
        events=tuple(account_event(event, state) for event, state, own in row["events"] if not own),
        findings=frozenset(row["findings"]),
        events_before=next(
            (place for place, (_, _, own) in enumerate(row["events"]) if own), len(row["events"])
        ),
    )


def account_event(event: str, state: str) -> LoggedEvent:
    word = port.CaseState(state)
    return LoggedEvent(event, word is port.CaseState.DONE, word is port.CaseState.DENIED)


def _instant(micros: float) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def review(row: Mapping[str, Any] | RowMapping, profile: Profile | None) -> Review:
    by_when = row["by_when"]
    if row["kind"] == "activation" and profile is not None and row["reason"] not in _UNDATED:
        by_when = review_by(profile, row["opened_at"])
    if by_when is None:
        by_when = after_business_days(row["opened_at"], _UNDATED_DAYS, frozenset(), UTC)
    return Review(
        id=row["id"],
        kind=row["kind"],
        account=AccountId(row["account"]),
        subject=row["subject"],
        opened_at=row["opened_at"],
        reason=row["reason"],
        clauses=tuple(row["clauses"]),
        proposed_minor=row["proposed_minor"],
        currency=row["currency"],
        destination=row["destination"],
        by_when=by_when,
        facts=row["facts"],
        policy=row["policy"],
        rank=row["rank"],
        case=row["case_id"],
        order=row["order_id"],
        order_ref=row["order_ref"],
        charge=charge_of(row),
    )


_DECISIONS = text("SELECT * FROM decision WHERE subject = ANY(CAST(:ids AS uuid[])) ORDER BY seq")
_EVIDENCE = text(
    "SELECT case_id, at, what, content, by FROM evidence"
    " WHERE case_id = ANY(CAST(:ids AS uuid[])) ORDER BY seq"
)
_TIMERS = text(
    "SELECT kind, subject, due_at FROM timer"
    " WHERE subject = ANY(CAST(:ids AS uuid[])) AND fired_at IS NULL ORDER BY due_at, kind"
)
_LOCK = text("SELECT id FROM case_ WHERE id = :id AND kind = :kind FOR NO KEY UPDATE")


async def whole(connection: AsyncConnection, id_: UUID) -> port.Case | None:
    row = (await connection.execute(statement("cases/one"), {"id": id_})).mappings().one_or_none()
    if row is None:
        return None
    (found,) = await with_history(connection, [row])
    return found


async def locked(connection: AsyncConnection, id_: UUID) -> port.Case:
    row = (await connection.execute(statement("cases/one_locked"), {"id": id_})).mappings().one()
    (found,) = await with_history(connection, [row])
    return found


async def of_rental(connection: AsyncConnection, rental: UUID) -> Sequence[port.Case]:
    found = (
        (await connection.execute(statement("cases/of_rental"), {"id": rental})).mappings().all()
    )
    return await with_history(connection, found)


def _whole_days(duration: Duration) -> int:
    return duration.count // _DAY_SECONDS if duration.unit is Unit.SECONDS else duration.count


async def of_activation(connection: AsyncConnection, id_: ActivationId) -> Sequence[port.Case]:
    found = (
        (await connection.execute(statement("cases/of_activation"), {"id": id_})).mappings().all()
    )
    return await with_history(connection, found)


#: Only what is asked for stands in the statement, as in `rows.newest`: with "or no filter" in it,
#: one review would be looked for among all that wait.
_WANTED: Final = {
    "only": "id = CAST(:only AS uuid)",
    "of_case": "case_id = CAST(:of_case AS uuid)",
    "of_activation": "order_id = CAST(:of_activation AS uuid)",
    "opened_at": "(rank_at, opened_at, id) > (coalesce(CAST(:rank AS timestamptz), 'infinity'),"
    " CAST(:opened_at AS timestamptz), CAST(:id AS uuid))",
}


@cache
def reviews_sql(filters: frozenset[str]) -> TextClause:
    """The list of what waits, with these of the filters."""
    wanted = " AND ".join(sql for name, sql in _WANTED.items() if name in filters)
    return text(statement("cases/reviews").text.replace("wanted()", wanted or "true"))


async def reviews(
    db: Database,
    profiles: Mapping[tuple[str, str], Profile],
    *,
    limit: int,
    after: ReviewPlace | None = None,
    about: ReviewSearch = ANY_REVIEW,
) -> list[Review]:
    """An activation's is due as the policy of its purchase says; without one, nobody knows."""
    known = [
        (*key, _whole_days(of.processing.review))
        for key, of in profiles.items()
        if of.processing.review is not None
    ]
    asked = {
        **({} if after is None else after._asdict()),
        **{name: value for name, value in about._asdict().items() if value is not None},
        "names": [name for name, _, _ in known],
        "versions": [version for _, version, _ in known],
        "days": [days for _, _, days in known],
        "limit": limit,
    }
    found = await db.rows(reviews_sql(frozenset(asked)), asked)
    return [review(row, profiles.get((row["policy"], row["policy_version"]))) for row in found]


async def waiting(
    connection: AsyncConnection, account: AccountId, kind: port.CaseKind, *, waiting_for: str
) -> list[UUID]:
    wanted = {"account": account, "kind": kind.value, "reason": waiting_for}
    return [row[0] for row in await connection.execute(statement("cases/waiting_for"), wanted)]


async def with_history(connection: AsyncConnection, found: Sequence[RowMapping]) -> list[port.Case]:
    """The cases of these rows, in their order, each with all that was decided and told in it."""
    if not found:
        return []
    ids = [row["id"] for row in found]
    about = {"ids": ids}
    decisions: dict[UUID, list[port.DecisionRow]] = defaultdict(list)
    for row in (await connection.execute(_DECISIONS, about)).mappings():
        decisions[row["subject"]].append(decision(row))
    timers: dict[UUID, list[port.Timer]] = defaultdict(list)
    for row in (await connection.execute(_TIMERS, about)).mappings():
        timers[row["subject"]].append(timer(row))
    added: dict[UUID, list[port.EvidenceEntry]] = defaultdict(list)
    for id_, *entry in await connection.execute(_EVIDENCE, about):
        added[id_].append(port.EvidenceEntry(*entry))
    owed = await obligations.of_cases(connection, ids)
    return [
        case(
            row,
            decisions=tuple(decisions[row["id"]]),
            timers=tuple(timers[row["id"]]),
            evidence=tuple(added[row["id"]]),
            obligations=owed.get(row["id"], ()),
        )
        for row in found
    ]


async def note(
    connection: AsyncConnection,
    id_: UUID,
    kind: port.CaseKind,
    said: StaffNote,
    now: datetime | None,
) -> bool:
    """Locked, so that the same said twice at once is kept once."""
    found = await connection.execute(_LOCK, {"id": id_, "kind": kind.value})
    if found.first() is None:
        return False
    kept = {"id": id_, "content": as_json({"note": said.note}), "by": said.by, "now": now}
    await connection.execute(statement("cases/note"), kept)
    return True
