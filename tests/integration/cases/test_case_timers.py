"""Every kind of timer: it fires after its last instant, once, and late after downtime."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from tests.integration.cases.rental_order import order
from tests.integration.store.pausing import Rival
from tests.integration.store.shop import ALICE, TICK, WINDOW
from worker.adapters.store.rental_order_ends import DECIDED_WITHIN
from worker.adapters.store.rental_orders import FORGOTTEN_AFTER
from worker.domain.activation import State
from worker.domain.price_fate import PriceFate
from worker.entrypoints.http.responses import instant
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.case_steps import timer_step
from worker.ports.store.case_view import CaseState, Timer, TimerKind

DOWNTIME = 3 * DAY


class SetTimer(NamedTuple):
    """A timer that was set, and what follows when it fires."""

    subject: UUID
    due_at: datetime
    outcome: str
    reason: str
    event: str | None


Setup: TypeAlias = Callable[[CaseShop], Awaitable[SetTimer]]


async def sms_window(shop: CaseShop) -> SetTimer:
    id_ = await shop.rent_number("P1")
    case = await shop.open_claim(id_)
    await shop.end_activation(id_, State.CLOSED)
    end = MONDAY + WINDOW
    return SetTimer(case.id, end, "credit", "no_sms_on_record", "claim.granted")


async def claim_window(shop: CaseShop) -> SetTimer:
    id_ = await shop.delivered_activation("P0")
    await shop.fire_due_timers(MONDAY + HOUR)
    return SetTimer(id_, MONDAY + 5 * DAY, "finalised", "silence", "claim.finalised")


async def evidence_due(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(await shop.delivered_activation("P1"), "invalid_number")
    return SetTimer(case.id, MONDAY + 7 * DAY, "deny", "evidence_missing", "claim.denied")


async def rectification(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.give_verdict(case, grant=True)
    due = case.opened_at + 72 * HOUR
    return SetTimer(case.id, due, "refund_full", "rectification_missed", "claim.granted")


async def host_access_grace(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await shop.service.add(case.id, case.kind, questions.access("requested", None), "access")
    return SetTimer(case.id, shop.clock.now + DAY, "wait", "host_access_pending", None)


async def honour(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(
        await shop.delivered_activation("P1"), "invalid_number", evidence=["photo"]
    )
    return SetTimer(case.id, MONDAY + 14 * DAY, "overdue", "honour_overdue", "claim.overdue")


async def review_sla(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )
    return SetTimer(case.id, case.opened_at + 2 * DAY, "overdue", "review_overdue", "claim.overdue")


async def balance_credit_sla(shop: CaseShop) -> SetTimer:
    await shop.rent_number("P2")
    shop.set_time(MONDAY + WINDOW + TICK)
    case = await shop.open_claim(await shop.only_activation(), "non_receiving")
    due = case.opened_at + 7 * DAY  # Five business days.
    return SetTimer(case.id, due, "overdue", "balance_credit_overdue", "claim.overdue")


async def outage_threshold(shop: CaseShop) -> SetTimer:
    case = await shop.report_outage()
    return SetTimer(case.id, MONDAY + DAY, "wait", "outage_running", None)


async def outage_end(shop: CaseShop) -> SetTimer:
    case = await shop.report_outage()
    await shop.fire_due_timers(MONDAY + 2 * DAY)
    # Ten of the ten days that were paid.
    return SetTimer(
        case.id, MONDAY + 10 * DAY, "prorated_credit", "outage_over_24h", "rental.granted"
    )


async def payment_info(shop: CaseShop) -> SetTimer:
    case = await shop.open_withdrawal("P3")
    info = questions.payment_info("requested", None)
    await shop.service.add(case.id, case.kind, info, "payment_info")
    due = (MONDAY + 15 * DAY).replace(hour=0) - TICK  # The end of its last day.
    return SetTimer(case.id, due, "deny", "payment_info_timeout", "withdrawal.denied")


async def refund_payment(shop: CaseShop) -> SetTimer:
    case = await shop.open_withdrawal("P3")
    await shop.give_verdict(case, grant=True)
    due = MONDAY + 14 * DAY
    return SetTimer(case.id, due, "overdue", "refund_payment_overdue", "withdrawal.overdue")


async def open_order_hold(shop: CaseShop) -> SetTimer:
    await shop.rent_number("P3")
    case = await shop.open_withdrawal("P3")
    due = MONDAY + WINDOW
    return SetTimer(case.id, due, "needs_review", "judge_request", "withdrawal.in_review")


async def deletion_hold(shop: CaseShop) -> SetTimer:
    case = await shop.report_account_event("delete_requested")
    withdrawal = await shop.open_withdrawal("P3", withdraw_reason="account_deletion")
    # Its withdrawal is closed by a process that was killed before it rechecked the deletion.
    await shop.store.cases.change_case(
        withdrawal.id,
        lambda view: shop.judges[withdrawal.kind].apply_verdict(view, shop.DENIAL),
        shop.policy_book.of,
    )
    due = MONDAY + timedelta(minutes=10)
    return SetTimer(case.id, due, "needs_review", "confirm_deletion", "account.in_review")


async def obligation(shop: CaseShop) -> SetTimer:
    case = await shop.open_claim(await shop.delivered_activation("P3"), "wrong_code")
    due = case.opened_at + 14 * DAY
    return SetTimer(case.id, due, "deny", "evidence_missing", "claim.denied")


async def review_late(shop: CaseShop) -> SetTimer:
    await shop.open_withdrawal("P3")
    (found,) = await shop.fetch_rows("SELECT subject, due_at FROM timer WHERE kind = 'review_late'")
    subject, due_at = found
    return SetTimer(subject, due_at, "", "", None)


async def balance_idle(shop: CaseShop) -> SetTimer:
    shop.change_policy("P3", {"balance.expires": None, "balance.idle_months": 1})
    await shop.admin.execute("UPDATE account SET policy = 'P3', opened_at = $1", MONDAY)
    await shop.timers.tick()
    subject = await shop.fetch_value("SELECT subject FROM account_idle")
    return SetTimer(subject, MONDAY.replace(month=4), "", "", None)


async def rental_end(shop: CaseShop) -> SetTimer:
    rental = await shop.book_rental()
    return SetTimer(rental.id, MONDAY + 10 * DAY, "", "", None)


async def rental_empty(shop: CaseShop) -> SetTimer:
    shop.change_policy("P2", {"rental.empty_at_end": "automatic"})
    rental = await shop.book_rental()
    return SetTimer(rental.id, MONDAY + 10 * DAY, "", "", None)


async def rental_close(shop: CaseShop) -> SetTimer:
    rental = await shop.book_rental()
    await shop.open_rental_claim(rental, client_caused=False)
    return SetTimer(rental.id, shop.clock.now, "", "", "rental.closed")


async def rental_order(shop: CaseShop) -> SetTimer:
    begun = order(shop)
    await shop.store.cases.begin_rental_order(begun)
    return SetTimer(begun.id, MONDAY + FORGOTTEN_AFTER, "", "", "rental.unknown")


async def rental_order_late(shop: CaseShop) -> SetTimer:
    setup = await rental_order(shop)
    await shop.store.cases.rental_order_unknown(setup.subject)
    return SetTimer(setup.subject, MONDAY + DECIDED_WITHIN, "", "", None)


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
    TimerKind.OBLIGATION: obligation,
    TimerKind.REVIEW_LATE: review_late,
    TimerKind.BALANCE_IDLE: balance_idle,
    TimerKind.RENTAL_END: rental_end,
    TimerKind.RENTAL_EMPTY: rental_empty,
    TimerKind.RENTAL_CLOSE: rental_close,
    TimerKind.RENTAL_ORDER: rental_order,
    TimerKind.RENTAL_ORDER_LATE: rental_order_late,
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)


def test_every_kind_of_timer_is_tested() -> None:
    assert set(KINDS) == set(TimerKind)


async def fired(shop: CaseShop, kind: TimerKind, subject: UUID) -> datetime | None:
    at = await shop.fetch_value(
        "SELECT fired_at FROM timer WHERE kind = $1 AND subject = $2", kind.value, subject
    )
    assert at is None or isinstance(at, datetime)
    return at


async def decisions(shop: CaseShop, subject: UUID) -> list[tuple[str, str, datetime]]:
    rows = await shop.fetch_rows(
        "SELECT outcome, reason, as_of FROM decision WHERE subject = $1 ORDER BY seq", subject
    )
    return [(outcome, reason, as_of) for outcome, reason, as_of in rows]


@every_kind
async def test_a_timer_acts_at_the_first_instant_after_its_date(
    shop: CaseShop, kind: TimerKind
) -> None:
    await shop.open_account()
    setup = await KINDS[kind](shop)
    assert await shop.timer_due_at(kind, setup.subject) == setup.due_at

    shop.set_time(setup.due_at)
    due = await shop.store.cases.lease_timers(100, list(TimerKind))
    assert (kind, setup.subject) not in {(timer.kind, timer.subject) for timer in due}

    shop.set_time(setup.due_at + TICK)
    due = await shop.store.cases.lease_timers(100, list(TimerKind))
    assert Timer(kind, setup.subject, setup.due_at) in due


@every_kind
async def test_after_downtime_a_timer_acts_late_as_of_its_own_date_and_only_once(
    shop: CaseShop, kind: TimerKind
) -> None:
    await shop.open_account()
    setup = await KINDS[kind](shop)
    before = len(await decisions(shop, setup.subject))
    events = await shop.event_types(setup.subject)
    shop.set_time(setup.due_at + DOWNTIME)

    await shop.timers.fire(Timer(kind, setup.subject, setup.due_at))

    assert await shop.timer_has_fired(kind, setup.subject)
    new_decisions = (await decisions(shop, setup.subject))[before:]
    expected = [(setup.outcome, setup.reason, setup.due_at)] if setup.outcome else []
    assert new_decisions == expected
    new_events = (await shop.event_types(setup.subject))[len(events) :]
    assert new_events == ([] if setup.event is None else [setup.event])
    after = await shop.all_rows()

    await shop.timers.fire(Timer(kind, setup.subject, setup.due_at))

    assert await shop.all_rows() == after
    assert await shop.event_types(setup.subject) == events + new_events


@every_kind
async def test_two_processes_that_fire_one_timer_at_once_have_one_effect(
    shop: CaseShop, rival: Rival, kind: TimerKind
) -> None:
    await shop.open_account()
    setup = await KINDS[kind](shop)
    timer = Timer(kind, setup.subject, setup.due_at)
    before = len(await decisions(shop, setup.subject))
    shop.set_time(setup.due_at + TICK)
    first: asyncio.Task[Any]
    if kind is TimerKind.CLAIM_WINDOW:
        first = await rival.start(
            rival.store.cases.end_in_silence(
                timer, shop.timers.claim_windows.decide, shop.policy_book.of
            )
        )
    elif kind in {TimerKind.RENTAL_END, TimerKind.RENTAL_EMPTY}:
        first = await rival.start(rival.store.cases.end_rental(timer))
    elif kind is TimerKind.BALANCE_IDLE:
        first = await rival.start(rival.store.books.date_again(timer, setup.due_at + 30 * DAY, 1))
    elif kind in {TimerKind.REVIEW_LATE, TimerKind.RENTAL_ORDER_LATE}:
        (review,) = await shop.service.reviews(2)
        first = await rival.start(rival.store.cases.review_late(timer, review))
    elif kind is TimerKind.RENTAL_ORDER:
        first = await rival.start(rival.store.cases.rental_order_forgotten(timer))
    elif kind is TimerKind.RENTAL_CLOSE:
        first = await rival.start(rival.store.cases.rental_closed(timer, PriceFate.KEPT))
    else:
        judge = shop.judges[(await shop.case(setup.subject)).kind]
        first = await rival.start(
            rival.store.cases.change_case(
                setup.subject,
                lambda view: timer_step(judge, view),
                shop.policy_book.of,
                timer=timer,
            )
        )
    second = await rival.run_into(shop.timers.fire(timer))

    rival.gate.go.set()
    await asyncio.gather(first, second)

    new_decisions = (await decisions(shop, setup.subject))[before:]
    assert len(new_decisions) == (1 if setup.outcome else 0)


async def test_a_review_decided_in_time_is_not_overdue(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )
    await shop.give_verdict(case, grant=False)

    await shop.fire_due_timers(MONDAY + 30 * DAY)

    assert await shop.event_types(case.id) == ["claim.in_review", "claim.denied"]


async def test_an_overdue_review_stays_open_and_has_one_event(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )

    for days in (3, 4, 30):
        await shop.fire_due_timers(MONDAY + days * DAY)

    assert await shop.event_types(case.id) == ["claim.in_review", "claim.overdue"]
    assert await shop.state_of(case.id) is CaseState.IN_REVIEW
    assert len(await shop.service.reviews(10)) == 1
    granted = await shop.give_verdict(case, grant=True)
    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED


async def test_one_tick_fires_every_timer_that_was_missed(shop: CaseShop) -> None:
    await shop.open_account()
    numbers = [await shop.rent_number("P1", f"{n}") for n in range(5)]
    for n in range(5):
        await shop.record_code(f"{n}")
    shop.set_time(MONDAY + WINDOW + TICK)
    for id_ in numbers:
        await shop.end_activation(id_, State.DELIVERED)
    claimed = [await shop.open_claim(id_, "invalid_number") for id_ in numbers[:3]]

    await shop.fire_due_timers(MONDAY + 60 * DAY)
    await shop.fire_due_timers(MONDAY + 60 * DAY)

    assert {await shop.state_of(case.id) for case in claimed} == {CaseState.DENIED}
    finals = await shop.fetch_rows(
        "SELECT subject, payload ->> 'deadline' FROM event WHERE type = 'claim.finalised'"
    )
    assert sorted(subject for subject, _ in finals) == sorted(map(str, numbers))
    assert {until for _, until in finals} == {instant(MONDAY + 7 * DAY)}


async def test_a_policy_that_newer_code_kept_stops_no_timer(shop: CaseShop) -> None:
    await shop.open_account()
    setup = await sms_window(shop)
    await shop.admin.execute(
        "INSERT INTO policy_version (name, version, content)"
        """ VALUES ('P1', 'of tomorrow', '{"a_field_of_tomorrow": 1}')"""
    )

    await shop.fire_due_timers(setup.due_at + TICK)

    assert await shop.state_of(setup.subject) is CaseState.GRANTED
    assert shop.reporter.of("trouble") == []


async def test_late_host_access_moves_the_repair_date_by_the_delay(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    start = shop.clock.now
    await shop.service.add(case.id, case.kind, questions.access("requested", None), "access")
    await shop.fire_due_timers(start + 2 * DAY)
    timers = await shop.timers_of(case.id)
    assert timers["honour"] == MONDAY + 14 * DAY
    assert timers.keys() == {"honour", "obligation"}, "the clock of the repair stands still"

    await shop.service.add(case.id, case.kind, questions.access("granted", None), "access")

    assert (await shop.timers_of(case.id))["rectification"] == start + 72 * HOUR + DAY


async def test_a_recorded_reason_gives_more_time_to_pay(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_withdrawal("P3")
    await shop.give_verdict(case, grant=True)
    until = (MONDAY + 20 * DAY).isoformat()
    await shop.service.extend(
        case.id, case.kind, {"extension_until": until, "extension_beyond_control": True}
    )

    await shop.fire_due_timers(MONDAY + 15 * DAY)
    assert await shop.timers_of(case.id) == {"refund_payment": MONDAY + 20 * DAY}

    await shop.fire_due_timers(MONDAY + 21 * DAY)
    assert (await shop.event_types(case.id))[-1] == "withdrawal.overdue"


async def test_timers_are_counted_as_overdue_by_kind(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.open_claim(await shop.delivered_activation("P1"), "invalid_number")
    due = MONDAY + 7 * DAY

    async def overdue(now: datetime) -> object:
        return (await shop.store.books.queue_stats(timedelta(0), now=now)).timers_overdue

    assert await overdue(due + timedelta(seconds=60)) == {}
    assert await overdue(due + timedelta(seconds=60) + TICK) == {"evidence_due": 1}


async def test_a_timer_that_fails_does_not_stop_the_others(shop: CaseShop) -> None:
    await shop.open_account()
    broken = await shop.open_claim(await shop.delivered_activation("P1", "1"), "invalid_number")
    intact = await shop.open_claim(await shop.delivered_activation("P1", "2"), "invalid_number")
    await shop.admin.execute(
        "UPDATE case_ SET facts = facts || '{\"nonsense\": 1}' WHERE id = $1", broken.id
    )

    await shop.fire_due_timers(MONDAY + 8 * DAY)

    assert await shop.state_of(broken.id) is CaseState.NEEDS_EVIDENCE
    assert await shop.state_of(intact.id) is CaseState.DENIED
    assert shop.reporter.of("trouble")
    await shop.admin.execute("UPDATE case_ SET facts = facts - 'nonsense'")
    await shop.fire_due_timers(MONDAY + 9 * DAY)
    assert last_reason(await shop.case(broken.id)) == "evidence_missing"


async def test_a_claim_before_the_end_of_the_window_is_decided_after_it(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P1")
    case = await shop.open_claim(id_)
    await shop.end_activation(id_, State.CLOSED)

    await shop.fire_due_timers(MONDAY + WINDOW + TICK)

    assert await shop.state_of(case.id) is CaseState.GRANTED
    assert await shop.balances(ALICE) == (1000, 0)


async def test_a_tick_fires_five_batches_and_the_next_continues(shop: CaseShop) -> None:
    await shop.open_account()
    for n in range(6):
        await shop.open_claim(await shop.delivered_activation("P1", str(n)), "invalid_number")
    shop.set_time(MONDAY + 7 * DAY + TICK)
    await shop.timers.claim_windows.seed()
    batch_of_one = replace(shop.timers, batch=1)

    assert [await batch_of_one.tick(), await batch_of_one.tick()] == [5, 5]
