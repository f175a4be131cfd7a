"""Claims whose money leaves the platform: approved once, and moved when it was paid out."""

from typing import Any

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.domain.transfer import Charge
from worker.ports.store.case_view import Case, CaseState, Rejected


async def approved(shop: CaseShop, policy: str = "P4") -> Case:
    await shop.open_account(amount_minor=1000)
    paid_by_card: dict[str, Any] = {
        "charge": Charge.EXTERNAL,
        "order_facts": {"payment_method": "card"},
    }
    facts = {"destination": "wallet", "kyc": "passed"} if policy == "P4" else {}
    order: dict[str, Any] = {} if policy == "P4" else paid_by_card
    return await shop.open_claim(await shop.closed_activation(policy, **order), **facts)


async def test_no_money_moves_before_it_is_paid_out_and_then_once(shop: CaseShop) -> None:
    case = await approved(shop)
    assert case.state is CaseState.APPROVED
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 0

    first = await shop.mark_paid(case)
    again = await shop.mark_paid(case)

    assert (first.rejected, again.rejected) == (None, None)
    assert first.case == again.case
    moved = await shop.fetch_rows(
        "SELECT source, destination, amount_minor FROM transfer WHERE key LIKE 'claim:%'"
    )
    assert moved == [("house:revenue", "house:outside", 333)]
    assert await shop.event_types(case.id) == ["claim.approved", "claim.paid"]


async def test_an_approved_sum_is_not_approved_twice(shop: CaseShop) -> None:
    first = await approved(shop)
    assert first.activation is not None

    again = await shop.open_claim(first.activation)
    other = await shop.open_claim(first.activation, "invalid_number", evidence=["photo"])

    assert last_reason(again) == last_reason(other) == "already_refunded"
    await shop.mark_paid(first)
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 1


async def test_an_approval_stands_whatever_is_added_or_decided_later(shop: CaseShop) -> None:
    case = await approved(shop)

    added = await shop.add_evidence(case, "photo")
    denied = await shop.give_verdict(case, grant=False)

    assert added.case is not None
    assert added.case.state is CaseState.APPROVED
    assert added.case.evidence[-1].what == "evidence"
    assert denied.rejected is Rejected.NOT_ASKED_FOR
    assert await shop.state_of(case.id) is CaseState.APPROVED


async def test_a_sum_credited_to_the_balance_is_not_paid_out_as_well(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    granted = await shop.open_claim(await shop.closed_activation("P1"))
    waiting = await shop.open_claim(await shop.rent_number("P1", "2"))

    assert (await shop.mark_paid(granted)).rejected is Rejected.CLOSED
    assert (await shop.mark_paid(waiting)).rejected is Rejected.NOT_ASKED_FOR
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 1


async def test_a_payout_that_is_not_made_in_time_is_overdue(shop: CaseShop) -> None:
    case = await approved(shop, "P1")
    assert case.decisions[-1].destination == "original_method"
    assert await shop.timers_of(case.id) == {"honour": MONDAY + 14 * DAY}

    await shop.fire_due_timers(MONDAY + 14 * DAY + TICK)

    assert await shop.event_types(case.id) == ["claim.approved", "claim.overdue"]
    done = await shop.mark_paid(case)
    assert done.case is not None
    assert (done.case.state, done.case.moved_minor) == (CaseState.PAID, 350)


async def test_more_time_to_pay_is_recorded_with_its_reason(shop: CaseShop) -> None:
    case = await approved(shop)
    until = {"extension_until": (MONDAY + 20 * DAY).isoformat(), "extension_beyond_control": True}

    done = await shop.service.extend(case.id, case.kind, until)

    assert done.case is not None
    assert (done.case.state, done.case.evidence[-1].what) == (CaseState.APPROVED, "extension")


async def test_silence_does_not_finalise_an_approved_claim(shop: CaseShop) -> None:
    case = await approved(shop)
    assert case.activation is not None
    await shop.seed_claim_windows(10, MONDAY + DAY)

    await shop.fire_due_timers(MONDAY + 8 * DAY)

    decided = await shop.fetch_rows(
        "SELECT outcome FROM decision WHERE subject = $1", case.activation
    )
    assert ("finalised",) not in decided
    activation = await shop.store.activations.activation(case.activation)
    assert activation is not None
    assert activation.state is State.CLOSED


async def test_the_time_to_pay_starts_with_the_approval(
    shop: CaseShop,
) -> None:
    shop.change_policy("P4", {"processing.pay_days": 14})
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4")
    case = await shop.open_claim(
        id_, destination="wallet", kyc="passed", claim_at=MONDAY.isoformat()
    )
    due = case.decisions[-1].at + 14 * DAY
    assert await shop.timers_of(case.id) == {"refund_payment": due}

    await shop.fire_due_timers(due + TICK)

    assert await shop.event_types(case.id) == ["claim.approved", "claim.overdue"]
    assert await shop.overdue_since(case) == case.decisions[-1].at != MONDAY


async def test_the_time_to_pay_is_extended_only_after_an_approval(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    waiting = await shop.open_claim(await shop.rent_number("P1"))
    before = await shop.all_rows()

    asked = await shop.service.extend(
        waiting.id, waiting.kind, {"extension_until": (MONDAY + DAY).isoformat()}
    )

    assert asked.rejected is Rejected.NOT_ASKED_FOR
    assert await shop.all_rows() == before


async def test_a_payout_whose_fee_is_the_whole_sum_moves_nothing_and_is_no_finding_of_the_audit(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    told = {"payment_method": "card", "refund_fee_minor": PRICE}
    id_ = await shop.closed_activation("P1", order_facts=told, charge=Charge.EXTERNAL)
    claim = await shop.open_claim(id_)
    assert (claim.decisions[-1].amount_minor, claim.decisions[-1].fee_minor) == (0, PRICE)

    assert (await shop.mark_paid(claim)).rejected is None

    assert await shop.state_of(claim.id) is CaseState.PAID
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 0
