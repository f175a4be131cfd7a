"""Two processes on one case, order or balance: one has its effect, the other is refused."""

import asyncio
from dataclasses import replace
from uuid import UUID

from tests.integration.cases.case_shop import (
    HOUR,
    LONG,
    MONDAY,
    PRICE,
    CaseShop,
    ClockedStore,
    last_reason,
)
from tests.integration.store.pausing import Rival
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW
from worker.domain.activation import State
from worker.domain.ids import AccountId, ProviderRef
from worker.domain.transfer import Charge
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.case_view import CaseKind, CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome


def clocked(rival: Rival) -> ClockedStore:
    assert isinstance(rival.store, ClockedStore)
    return rival.store


async def test_two_claims_about_one_order_at_once_pay_once(shop: CaseShop, rival: Rival) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    theirs = shop.service_on(clocked(rival))
    first = await rival.start(theirs.open_claim(id_, {"claim_kind": "non_receiving"}))
    second = await rival.run_into(
        shop.service.open_claim(id_, {"claim_kind": "invalid_number", "evidence": ["photo"]})
    )

    rival.gate.go.set()
    paid, denied = await first, await second

    assert paid.case is not None
    assert denied.case is not None
    assert (paid.case.state, denied.case.state) == (CaseState.GRANTED, CaseState.DENIED)
    assert last_reason(denied.case) == "already_refunded"
    assert await shop.balances() == (1000, 0)


async def test_the_same_claim_twice_at_once_is_one_case(shop: CaseShop, rival: Rival) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P1")
    facts = {"claim_kind": "non_receiving"}
    first = await rival.start(shop.service_on(clocked(rival)).open_claim(id_, facts))
    second = await rival.run_into(shop.service.open_claim(id_, facts))

    rival.gate.go.set()

    assert ((await first).how, (await second).how) == (CaseOpenOutcome.NEW, CaseOpenOutcome.SAME)
    assert await shop.balances() == (1000, 0)


async def test_of_two_verdicts_on_one_case_the_second_is_refused(
    shop: CaseShop, rival: Rival
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(
        await shop.delivered_activation("P1"), "invalid_number", evidence=["photo"]
    )
    grant = Verdict(grant=True, findings={})
    # The service looks the case up first, in a transaction of its own: the gate is at the verdict.
    judge = shop.judges[CaseKind.CLAIM]
    first = await rival.start(
        clocked(rival).cases.change_case(
            case.id, lambda view: judge.apply_verdict(view, grant), shop.policy_book.of
        )
    )
    second = await rival.run_into(shop.give_verdict(case, grant=False))

    rival.gate.go.set()
    granted, refused = await first, await second

    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED
    assert refused.rejected is Rejected.CLOSED
    assert refused.case == granted.case
    assert await shop.balances() == (1000, 0)


async def test_ten_verdicts_at_once_pay_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_claim(
        await shop.delivered_activation("P1"), "invalid_number", evidence=["photo"]
    )

    changes = await asyncio.gather(*(shop.give_verdict(case, grant=n % 2 == 0) for n in range(10)))

    states = {change.case.state for change in changes if change.case is not None}
    assert len(states) == 1
    assert {change.rejected for change in changes} == {None, Rejected.OTHER_CONTENT}
    claims = await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'")
    assert claims == (1 if states == {CaseState.GRANTED} else 0)


async def test_a_claim_that_meets_the_settlement_of_its_order_is_not_paid_twice(
    shop: CaseShop, rival: Rival
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P0")
    shop.set_time(MONDAY + WINDOW + TICK)
    await shop.store.settlements.lease_cancels(SIM, 10, WINDOW, now=shop.clock.now)
    settling = await rival.start(shop.settle_on(rival.store, id_, State.REFUNDED))
    claiming = await rival.run_into(shop.open_claim(id_))

    rival.gate.go.set()
    await settling
    case = await claiming

    assert (case.state, last_reason(case)) == (CaseState.DENIED, "already_refunded")
    assert await shop.balances() == (1000, 0)


async def test_a_withdrawal_and_a_rental_cannot_both_take_the_money(
    shop: CaseShop, rival: Rival
) -> None:
    await shop.open_account(amount_minor=PRICE)
    policy = shop.policies["P3"]
    await shop.store.policies.keep("P3", policy.version)
    facts = {"withdraw_reason": "unused_funds"}
    withdrawing = await rival.start(
        shop.service_on(clocked(rival)).open_withdrawal(ALICE, "w", facts, "P3")
    )
    renting = await rival.run_into(shop.store.activations.accept([shop.intake("P3")], now=MONDAY))

    rival.gate.go.set()
    withdrawal, (rented,) = await withdrawing, await renting

    assert withdrawal is not None
    assert withdrawal.case is not None
    assert withdrawal.case.withheld_minor == PRICE
    assert rented.how is AcceptOutcome.BALANCE_TOO_LOW
    assert await shop.balances() == (0, PRICE)


async def test_two_withdrawals_at_once_set_aside_the_balance_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)

    cases = await asyncio.gather(
        *(shop.open_withdrawal("P3", f"w{n}", amount_minor=700) for n in range(2))
    )

    assert sorted(case.withheld_minor for case in cases) == [300, 700]
    assert await shop.balances() == (0, 1000)


async def test_reporting_one_outage_twice_at_once_opens_one_case(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.book_rental()

    reports = await asyncio.gather(*(shop.service.open_outage(SIM, LONG, {}) for _ in range(4)))

    assert sorted(report.how.value for report in reports) == ["new", "same", "same", "same"]


async def test_one_number_is_rented_to_one_account_however_many_ask_at_once(
    shop: CaseShop, rival: Rival
) -> None:
    await shop.open_account(amount_minor=1000)
    bob = AccountId("bob")
    await shop.store.books.open_account(bob, "USD")
    booked = shop.same_booking(await shop.book_rental("other"), charge=Charge.EXTERNAL)
    first_rental = replace(booked, ref=ProviderRef("both"), id=UUID(int=1))
    other_rental = replace(first_rental, account=bob, rented_at=MONDAY + HOUR, id=UUID(int=2))

    first = await rival.start(rival.store.cases.book_rental(first_rental))
    second = await rival.run_into(shop.store.cases.book_rental(other_rental))
    rival.gate.go.set()

    assert ((await first).how, (await second).how) == (
        CaseOpenOutcome.NEW,
        CaseOpenOutcome.OTHER_CONTENT,
    )
    assert await shop.fetch_value("SELECT count(*) FROM rental WHERE provider_ref = 'both'") == 1
