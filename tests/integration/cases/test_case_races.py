"""Two processes at one case, one order or one balance: one effect, and the other is told."""

import asyncio
from dataclasses import replace
from uuid import UUID

from tests.integration.cases.office import HOUR, LONG, MONDAY, PRICE, Office, Owned, reason
from tests.integration.store.pausing import Rival
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW
from worker.domain.activation import State
from worker.domain.ids import AccountId, ProviderRef
from worker.domain.transfer import Charge
from worker.lifecycle.cases.shape import Verdict
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.case_view import CaseKind, CaseState, Rejected
from worker.ports.store.cases import CaseOpened


def owned(rival: Rival) -> Owned:
    assert isinstance(rival.store, Owned)
    return rival.store


async def test_two_claims_about_one_order_at_once_pay_once(office: Office, rival: Rival) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    theirs = office.desk_on(owned(rival))
    first = await rival.start(theirs.open_claim(id_, {"claim_kind": "non_receiving"}))
    second = await rival.run_into(
        office.desk.open_claim(id_, {"claim_kind": "invalid_number", "evidence": ["photo"]})
    )

    rival.gate.go.set()
    paid, denied = await first, await second

    assert paid.case is not None
    assert denied.case is not None
    assert (paid.case.state, denied.case.state) == (CaseState.GRANTED, CaseState.DENIED)
    assert reason(denied.case) == "already_refunded"
    assert await office.money() == (1000, 0)


async def test_the_same_claim_twice_at_once_is_one(office: Office, rival: Rival) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    facts = {"claim_kind": "non_receiving"}
    first = await rival.start(office.desk_on(owned(rival)).open_claim(id_, facts))
    second = await rival.run_into(office.desk.open_claim(id_, facts))

    rival.gate.go.set()

    assert ((await first).how, (await second).how) == (CaseOpened.NEW, CaseOpened.SAME)
    assert await office.money() == (1000, 0)


async def test_two_humans_decide_one_case_and_the_second_hears_of_the_first(
    office: Office, rival: Rival
) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "invalid_number", evidence=["photo"])
    grant = Verdict(grant=True, findings={})
    # The desk looks the case up first, in a transaction of its own: the gate is at the verdict.
    judging = office.judges[CaseKind.CLAIM]
    first = await rival.start(
        owned(rival).cases.change_case(case.id, lambda view: judging.rule(view, grant))
    )
    second = await rival.run_into(office.verdict(case, grant=False))

    rival.gate.go.set()
    granted, refused = await first, await second

    assert granted.case is not None
    assert granted.case.state is CaseState.GRANTED
    assert refused.refused is Rejected.CLOSED
    assert refused.case == granted.case
    assert await office.money() == (1000, 0)


async def test_ten_verdicts_at_once_pay_once(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "invalid_number", evidence=["photo"])

    done = await asyncio.gather(*(office.verdict(case, grant=n % 2 == 0) for n in range(10)))

    states = {one.case.state for one in done if one.case is not None}
    assert len(states) == 1
    assert {one.refused for one in done} == {None, Rejected.OTHER_CONTENT}
    claims = await office.one("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'")
    assert claims == (1 if states == {CaseState.GRANTED} else 0)


async def test_a_claim_that_meets_the_settlement_of_its_order_is_not_paid_twice(
    office: Office, rival: Rival
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P0")
    office.at(MONDAY + WINDOW + TICK)
    await office.store.settlements.lease_cancels(SIM, 10, WINDOW, now=office.hands.now)
    settling = await rival.start(office.settle_on(rival.store, id_, State.REFUNDED))
    claiming = await rival.run_into(office.claim(id_))

    rival.gate.go.set()
    await settling
    case = await claiming

    assert (case.state, reason(case)) == (CaseState.DENIED, "already_refunded")
    assert await office.money() == (1000, 0)


async def test_a_withdrawal_and_a_rental_cannot_both_take_the_money(
    office: Office, rival: Rival
) -> None:
    await office.open(amount_minor=PRICE)
    policy = office.policies["P3"]
    await office.store.policies.keep("P3", policy.version)
    facts = {"withdraw_reason": "unused_funds"}
    withdrawing = await rival.start(
        office.desk_on(owned(rival)).open_withdrawal(ALICE, "w", facts, "P3")
    )
    renting = await rival.run_into(
        office.store.activations.accept([office.intake("P3")], now=MONDAY)
    )

    rival.gate.go.set()
    withdrawal, (rented,) = await withdrawing, await renting

    assert withdrawal is not None
    assert withdrawal.case is not None
    assert withdrawal.case.withheld_minor == PRICE
    assert rented.how is AcceptOutcome.BALANCE_TOO_LOW
    assert await office.money() == (0, PRICE)


async def test_two_withdrawals_at_once_set_aside_what_there_is_once(office: Office) -> None:
    await office.open(amount_minor=1000)

    cases = await asyncio.gather(
        *(office.withdraw("P3", f"w{n}", amount_minor=700) for n in range(2))
    )

    assert sorted(case.withheld_minor for case in cases) == [300, 700]
    assert await office.money() == (0, 1000)


async def test_reporting_one_outage_twice_at_once_opens_one_case(office: Office) -> None:
    await office.open()
    await office.book()

    reports = await asyncio.gather(*(office.desk.open_outage(SIM, LONG, {}) for _ in range(4)))

    assert sorted(report.how.value for report in reports) == ["new", "same", "same", "same"]


async def test_one_number_is_rented_to_one_account_however_many_ask_at_once(
    office: Office, rival: Rival
) -> None:
    await office.open(amount_minor=1000)
    bob = AccountId("bob")
    await office.store.books.open_account(bob, "USD")
    known = office.as_booked(await office.book("other"), charge=Charge.EXTERNAL)
    one = replace(known, ref=ProviderRef("both"), id=UUID(int=1))
    other = replace(one, account=bob, rented_at=MONDAY + HOUR, id=UUID(int=2))

    first = await rival.start(rival.store.cases.book_rental(one))
    second = await rival.run_into(office.store.cases.book_rental(other))
    rival.gate.go.set()

    assert ((await first).how, (await second).how) == (CaseOpened.NEW, CaseOpened.OTHER_CONTENT)
    assert await office.one("SELECT count(*) FROM rental WHERE provider_ref = 'both'") == 1
