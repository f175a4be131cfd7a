"""Every timer: silent up to its last instant, late after downtime as of its own date, and once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import pytest

from tests.integration.cases.office import DAY, HOUR, MONDAY, Office, reason
from tests.integration.store.pausing import Rival
from tests.integration.store.shop import ALICE, TICK, WINDOW
from worker.domain.activation import State
from worker.entrypoints.http.responses import instant
from worker.lifecycle.cases import adding
from worker.lifecycle.cases.shape import rang
from worker.ports.store.case_view import CaseState, Timer, TimerKind
from worker.ports.store.cases import RentalClosing

DOWN = 3 * DAY  #: For how long nobody was there.


class Set(NamedTuple):
    """A timer that was set, and what follows when it rings."""

    subject: UUID
    due_at: datetime
    outcome: str
    reason: str
    told: str | None


Setup: TypeAlias = Callable[[Office], Awaitable[Set]]


async def sms_window(office: Office) -> Set:
    id_ = await office.rent("P1")
    case = await office.claim(id_)
    await office.end(id_, State.CLOSED)
    end = MONDAY + WINDOW
    return Set(case.id, end, "credit", "no_sms_on_record", "claim.granted")


async def claim_window(office: Office) -> Set:
    id_ = await office.delivered("P0")
    await office.ring(MONDAY + HOUR)
    return Set(id_, MONDAY + 5 * DAY, "finalised", "silence", "claim.finalised")


async def evidence_due(office: Office) -> Set:
    case = await office.claim(await office.delivered("P1"), "invalid_number")
    return Set(case.id, MONDAY + 7 * DAY, "deny", "evidence_missing", "claim.denied")


async def rectification(office: Office) -> Set:
    case = await office.claim(await office.delivered("P1"), "major_defect")
    await office.verdict(case, grant=True)
    due = case.opened_at + 72 * HOUR
    return Set(case.id, due, "refund_full", "rectification_missed", "claim.granted")


async def host_access_grace(office: Office) -> Set:
    case = await office.claim(await office.delivered("P1"), "major_defect")
    await office.desk.add(case.id, case.kind, adding.access("requested", None), "access")
    return Set(case.id, office.hands.now + DAY, "wait", "host_access_pending", None)


async def honour(office: Office) -> Set:
    case = await office.claim(await office.delivered("P1"), "invalid_number", evidence=["photo"])
    return Set(case.id, MONDAY + 14 * DAY, "overdue", "honour_overdue", "claim.overdue")


async def review_sla(office: Office) -> Set:
    case = await office.claim(await office.delivered("P3"), "wrong_code", evidence=["photo"])
    return Set(case.id, case.opened_at + 2 * DAY, "overdue", "review_overdue", "claim.overdue")


async def balance_credit_sla(office: Office) -> Set:
    await office.rent("P2")
    office.at(MONDAY + WINDOW + TICK)
    case = await office.claim(await office.the_number(), "non_receiving")
    due = case.opened_at + 7 * DAY  # Five business days.
    return Set(case.id, due, "overdue", "balance_credit_overdue", "claim.overdue")


async def outage_threshold(office: Office) -> Set:
    case = await office.outage()
    return Set(case.id, MONDAY + DAY, "wait", "outage_running", None)


async def outage_end(office: Office) -> Set:
    case = await office.outage()
    await office.ring(MONDAY + 2 * DAY)
    # Ten of the ten days that were paid.
    return Set(case.id, MONDAY + 10 * DAY, "prorated_credit", "outage_over_24h", "rental.granted")


async def payment_info(office: Office) -> Set:
    case = await office.withdraw("P3")
    info = adding.payment_info("requested", None)
    await office.desk.add(case.id, case.kind, info, "payment_info")
    due = MONDAY + 14 * DAY
    return Set(case.id, due, "deny", "payment_info_timeout", "withdrawal.denied")


async def refund_payment(office: Office) -> Set:
    case = await office.withdraw("P3")
    await office.verdict(case, grant=True)
    due = MONDAY + 14 * DAY
    return Set(case.id, due, "overdue", "refund_payment_overdue", "withdrawal.overdue")


async def open_order_hold(office: Office) -> Set:
    await office.rent("P3")
    case = await office.withdraw("P3")
    due = MONDAY + WINDOW
    return Set(case.id, due, "needs_review", "judge_request", "withdrawal.in_review")


async def deletion_hold(office: Office) -> Set:
    withdrawal = await office.withdraw("P3")
    case = await office.account_event("delete_requested")
    # Its withdrawal is closed by somebody who was killed before he told the deletion.
    await office.store.cases.change_case(
        withdrawal.id, lambda view: office.judges[withdrawal.kind].rule(view, office.no)
    )
    due = MONDAY + timedelta(minutes=10)
    return Set(case.id, due, "balance_void", "deleted_by_customer", "account.done")


async def rental_end(office: Office) -> Set:
    rental = await office.book()
    return Set(rental.id, MONDAY + 10 * DAY, "", "", None)


async def rental_close(office: Office) -> Set:
    rental = await office.book()
    await office.claim_rental(rental, "cannot_provide")
    return Set(rental.id, office.hands.now, "", "", "rental.closed")


KINDS: dict[TimerKind, Setup] = {
    TimerKind.SMS_WINDOW: sms_window,
    TimerKind.CLAIM_WINDOW: claim_window,
    TimerKind.EVIDENCE_DUE: evidence_due,
    TimerKind.RECTIFICATION: rectification,
    TimerKind.HOST_ACCESS_GRACE: host_access_grace,
    TimerKind.HONOUR: honour,
    TimerKind.REVIEW_SLA: review_sla,
    TimerKind.BALANCE_CREDIT_SLA: balance_credit_sla,
    TimerKind.OUTAGE_THRESHOLD: outage_threshold,
    TimerKind.OUTAGE_END: outage_end,
    TimerKind.PAYMENT_INFO: payment_info,
    TimerKind.REFUND_PAYMENT: refund_payment,
    TimerKind.OPEN_ORDER_HOLD: open_order_hold,
    TimerKind.DELETION_HOLD: deletion_hold,
    TimerKind.RENTAL_END: rental_end,
    TimerKind.RENTAL_CLOSE: rental_close,
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)


def test_every_kind_of_timer_is_tested() -> None:
    assert set(KINDS) == set(TimerKind)


async def fired(office: Office, kind: TimerKind, subject: UUID) -> datetime | None:
    at = await office.one(
        "SELECT fired_at FROM timer WHERE kind = $1 AND subject = $2", kind.value, subject
    )
    assert at is None or isinstance(at, datetime)
    return at


async def decisions(office: Office, subject: UUID) -> list[tuple[str, str, datetime]]:
    found = await office.rows(
        "SELECT outcome, reason, as_of FROM decision WHERE subject = $1 ORDER BY seq", subject
    )
    return [(outcome, why, as_of) for outcome, why, as_of in found]


@every_kind
async def test_a_timer_acts_at_the_first_instant_after_its_date(
    office: Office, kind: TimerKind
) -> None:
    await office.open()
    setup = await KINDS[kind](office)
    assert await office.pending(kind, setup.subject) == setup.due_at

    office.at(setup.due_at)
    due = await office.store.cases.lease_timers(100, list(TimerKind))
    assert (kind, setup.subject) not in {(one.kind, one.subject) for one in due}

    office.at(setup.due_at + TICK)
    due = await office.store.cases.lease_timers(100, list(TimerKind))
    assert Timer(kind, setup.subject, setup.due_at) in due


@every_kind
async def test_after_downtime_it_acts_late_as_of_its_own_date_and_only_once(
    office: Office, kind: TimerKind
) -> None:
    await office.open()
    setup = await KINDS[kind](office)
    before = len(await decisions(office, setup.subject))
    told = await office.told(setup.subject)
    office.at(setup.due_at + DOWN)

    await office.timers.fire(Timer(kind, setup.subject, setup.due_at))

    assert await office.settled(kind, setup.subject)
    made = (await decisions(office, setup.subject))[before:]
    expected = [(setup.outcome, setup.reason, setup.due_at)] if setup.outcome else []
    assert made == expected
    news = (await office.told(setup.subject))[len(told) :]
    assert news == ([] if setup.told is None else [setup.told])
    after = await office.everything()

    await office.timers.fire(Timer(kind, setup.subject, setup.due_at))

    assert await office.everything() == after
    assert await office.told(setup.subject) == told + news


@every_kind
async def test_two_processes_that_fire_one_timer_at_once_have_one_effect(
    office: Office, rival: Rival, kind: TimerKind
) -> None:
    await office.open()
    setup = await KINDS[kind](office)
    timer = Timer(kind, setup.subject, setup.due_at)
    before = len(await decisions(office, setup.subject))
    office.at(setup.due_at + TICK)
    first: asyncio.Task[Any]
    if kind is TimerKind.CLAIM_WINDOW:
        first = await rival.start(
            rival.store.cases.end_in_silence(timer, office.timers.silence.judge)
        )
    elif kind is TimerKind.RENTAL_END:
        first = await rival.start(rival.store.cases.end_rental(timer))
    elif kind is TimerKind.RENTAL_CLOSE:
        first = await rival.start(rival.store.cases.rental_closed(timer, RentalClosing.KEPT))
    else:
        judging = office.judges[(await office.case(setup.subject)).kind]
        first = await rival.start(
            rival.store.cases.change_case(
                setup.subject, lambda view: rang(judging, view), timer=timer
            )
        )
    second = await rival.run_into(office.timers.fire(timer))

    rival.gate.go.set()
    await asyncio.gather(first, second)

    made = (await decisions(office, setup.subject))[before:]
    assert len(made) == (1 if setup.outcome else 0)


async def test_what_was_done_in_time_is_not_overdue(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P3"), "wrong_code", evidence=["photo"])
    await office.verdict(case, grant=False)

    await office.ring(MONDAY + 30 * DAY)

    assert await office.told(case.id) == ["claim.in_review", "claim.denied"]


async def test_an_overdue_review_stays_open_and_is_told_once(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P3"), "wrong_code", evidence=["photo"])

    for days in (3, 4, 30):
        await office.ring(MONDAY + days * DAY)

    assert await office.told(case.id) == ["claim.in_review", "claim.overdue"]
    assert await office.state(case.id) is CaseState.IN_REVIEW
    assert len(await office.store.cases.reviews(limit=10)) == 1
    granted = await office.verdict(case, grant=True)
    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED


async def test_all_that_was_missed_is_worked_off_in_one_go(office: Office) -> None:
    await office.open()
    numbers = [await office.rent("P1", f"{n}") for n in range(5)]
    for n in range(5):
        await office.code(f"{n}")
    office.at(MONDAY + WINDOW + TICK)
    for id_ in numbers:
        await office.end(id_, State.DELIVERED)
    claimed = [await office.claim(id_, "invalid_number") for id_ in numbers[:3]]

    await office.ring(MONDAY + 60 * DAY)
    await office.ring(MONDAY + 60 * DAY)

    assert {await office.state(case.id) for case in claimed} == {CaseState.DENIED}
    finals = await office.rows(
        "SELECT subject, payload ->> 'deadline' FROM event WHERE type = 'claim.finalised'"
    )
    assert sorted(subject for subject, _ in finals) == sorted(map(str, numbers))
    assert {until for _, until in finals} == {instant(MONDAY + 7 * DAY)}


async def test_a_proper_claim_keeps_silence_from_ending_anything(office: Office) -> None:
    await office.open()
    id_ = await office.closed("P1")
    await office.claim(id_)

    await office.ring(MONDAY + 8 * DAY)
    await office.ring(MONDAY + 8 * DAY)

    assert await office.told(id_) == ["activation.closed"]
    assert [(what, why) for what, why, _ in await decisions(office, id_)] == [
        ("none", "already_settled")
    ]


async def test_a_policy_that_newer_code_kept_stops_no_timer(office: Office) -> None:
    await office.open()
    setup = await sms_window(office)
    await office.admin.execute(
        "INSERT INTO policy_version (name, version, content)"
        """ VALUES ('P1', 'of tomorrow', '{"a_field_of_tomorrow": 1}')"""
    )

    await office.ring(setup.due_at + TICK)

    assert await office.state(setup.subject) is CaseState.GRANTED
    assert office.reporter.of("trouble") == []


async def test_refunded_numbers_and_policies_without_a_window_get_no_timer(office: Office) -> None:
    await office.open()
    refunded = await office.rent("P0", "1")
    await office.end(refunded, State.REFUNDED)
    await office.closed("P3", "2")

    await office.ring(MONDAY + DAY)

    assert await office.one("SELECT count(*) FROM timer") == 0


async def test_windows_are_seeded_once_however_many_settle_and_however_often_one_looks(
    office: Office,
) -> None:
    await office.open()
    for n in range(7):
        await office.closed("P1", str(n))
    office.at(MONDAY + HOUR)

    assert await office.seed(limit=3) == [7, 0, 0], "in as many batches as it takes"

    assert await office.one("SELECT count(*) FROM timer WHERE kind = 'claim_window'") == 7


async def test_a_settlement_is_seeded_only_when_no_older_one_can_still_be_committed(
    office: Office,
) -> None:
    await office.open()
    await office.closed("P1")

    assert await office.seed(limit=100, now=office.hands.now + timedelta(seconds=59)) == [0, 0, 0]
    assert await office.seed(limit=100, now=office.hands.now + timedelta(seconds=2)) == [1, 0, 0]


async def test_host_access_that_comes_late_moves_the_repair_by_as_much(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P1"), "major_defect")
    start = office.hands.now
    await office.desk.add(case.id, case.kind, adding.access("requested", None), "access")
    await office.ring(start + 2 * DAY)
    assert await office.due(case.id) == {"honour": MONDAY + 14 * DAY}, "the clock stands still"

    await office.desk.add(case.id, case.kind, adding.access("granted", None), "access")

    assert (await office.due(case.id))["rectification"] == start + 72 * HOUR + DAY


async def test_a_recorded_reason_gives_more_time_to_pay(office: Office) -> None:
    await office.open()
    case = await office.withdraw("P3")
    await office.verdict(case, grant=True)
    until = (MONDAY + 20 * DAY).isoformat()
    await office.desk.extend(
        case.id, case.kind, {"extension_until": until, "extension_beyond_control": True}
    )

    await office.ring(MONDAY + 15 * DAY)
    assert await office.due(case.id) == {"refund_payment": MONDAY + 20 * DAY}

    await office.ring(MONDAY + 21 * DAY)
    assert (await office.told(case.id))[-1] == "withdrawal.overdue"


async def test_timers_are_counted_as_overdue_by_kind(office: Office) -> None:
    await office.open()
    await office.claim(await office.delivered("P1"), "invalid_number")
    due = MONDAY + 7 * DAY

    async def overdue(now: datetime) -> object:
        return (await office.store.books.queue_stats(timedelta(0), now=now)).timers_overdue

    assert await overdue(due + timedelta(seconds=60)) == {}
    assert await overdue(due + timedelta(seconds=60) + TICK) == {"evidence_due": 1}


async def test_one_timer_that_cannot_be_fired_does_not_hold_up_the_others(office: Office) -> None:
    await office.open()
    broken = await office.claim(await office.delivered("P1", "1"), "invalid_number")
    whole = await office.claim(await office.delivered("P1", "2"), "invalid_number")
    await office.admin.execute(
        "UPDATE case_ SET facts = facts || '{\"nonsense\": 1}' WHERE id = $1", broken.id
    )

    await office.ring(MONDAY + 8 * DAY)

    assert await office.state(broken.id) is CaseState.NEEDS_EVIDENCE
    assert await office.state(whole.id) is CaseState.DENIED
    assert office.reporter.of("trouble")
    await office.admin.execute("UPDATE case_ SET facts = facts - 'nonsense'")
    await office.ring(MONDAY + 9 * DAY)
    assert reason(await office.case(broken.id)) == "evidence_missing"


async def test_a_claim_before_the_window_is_over_is_decided_when_it_is(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P1")
    case = await office.claim(id_)
    await office.end(id_, State.CLOSED)

    await office.ring(MONDAY + WINDOW + TICK)

    assert await office.state(case.id) is CaseState.GRANTED
    assert await office.money(ALICE) == (1000, 0)


async def test_a_claim_window_whose_policy_cannot_be_had_decides_nothing(office: Office) -> None:
    await office.open()
    setup = await claim_window(office)
    before = await office.told(setup.subject)
    await office.lose_policies()
    office.at(setup.due_at + TICK)

    await office.timers.fire(Timer(TimerKind.CLAIM_WINDOW, setup.subject, setup.due_at))

    assert await decisions(office, setup.subject) == []
    assert await office.told(setup.subject) == before


async def test_silence_ends_no_order_that_is_older_than_its_policy(office: Office) -> None:
    await office.open()
    office.change_policy("P1", {"effective_from": (MONDAY + DAY).isoformat()})
    id_ = await office.closed("P1")
    before = await office.told(id_)

    await office.ring(MONDAY + DAY)
    assert await office.pending(TimerKind.CLAIM_WINDOW, id_) is not None
    await office.ring(MONDAY + 8 * DAY)

    assert await office.pending(TimerKind.CLAIM_WINDOW, id_) is None
    assert await decisions(office, id_) == []
    assert await office.told(id_) == before


async def test_one_look_sets_fifty_batches_of_windows_and_the_next_goes_on(office: Office) -> None:
    await office.open()
    for n in range(51):
        await office.closed("P1", str(n))
        office.at(office.hands.now + TICK)  # Those of one instant are looked at together.

    assert await office.seed(limit=1, now=MONDAY + HOUR) == [50, 1, 0]


async def test_a_tick_works_off_five_batches_and_the_next_goes_on(office: Office) -> None:
    await office.open()
    for n in range(6):
        await office.claim(await office.delivered("P1", str(n)), "invalid_number")
    office.at(MONDAY + 7 * DAY + TICK)
    await office.timers.silence.seed()
    of_one = replace(office.timers, batch=1)

    assert [await of_one.tick(), await of_one.tick()] == [5, 5]
