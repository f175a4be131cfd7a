"""The record of an order or an account says what our log and books say, and nothing else."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW
from worker.adapters.store import case_records
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.domain.policy.limits import HistoryAsked
from worker.domain.transfer import Charge
from worker.ports.store.case_record import (
    AccountRecord,
    CaseRecord,
    PastDeed,
    PastKind,
    RecordedSum,
)
from worker.ports.store.settlements import Postponed

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


async def record(shop: CaseShop, id_: UUID) -> CaseRecord:
    found = await shop.store.cases.order_record(id_)
    assert found is not None
    return found


async def account(shop: CaseShop, **more: Any) -> AccountRecord:
    found = await shop.store.cases.account_record(ALICE, **more)
    assert found is not None
    return found


async def cancels_among(shop: CaseShop, orders: int) -> tuple[int, int]:
    """How many of so many last orders there are, and how many of them Cancel credited."""

    async def work(connection: AsyncConnection) -> tuple[int, int]:
        plain = await case_records.of_account(connection, ALICE)
        assert plain is not None
        asked = HistoryAsked(recent=orders)
        found = await case_records.with_history(connection, plain, asked, shop.clock.now)
        return found.recent_orders, found.recent_cancels

    return await shop.store.db.read(work)


async def cancelled(shop: CaseShop, ref: str, at: datetime, **ending: Any) -> ActivationId:
    """A number whose Cancel was pressed then and carried out."""
    id_ = await shop.rent_number("P3", ref)
    await shop.store.activations.press_cancel(id_, now=at)
    shop.set_time(at)
    await shop.store.settlements.lease_cancels(SIM, 10, HOUR, now=at)
    await shop.settle_cancel(id_, at, **ending)
    return id_


async def test_an_unknown_order_has_no_record(shop: CaseShop) -> None:
    assert await shop.store.cases.order_record(UUID(int=1)) is None
    assert await shop.store.cases.account_record(ALICE) is None


async def test_the_order_is_as_it_was_accepted(shop: CaseShop) -> None:
    await shop.open_account()
    told = {"labels": ["telegram"]}
    id_ = await shop.rent_number("P3", order_ref="A-1", order_facts=told)

    found = await record(shop, id_)
    assert (found.purchased_at, found.ends_at) == (MONDAY, MONDAY + WINDOW)
    assert (found.price_minor, found.charge, found.rental) == (PRICE, Charge.HOLD, False)
    assert (found.order_ref, found.order_facts) == ("A-1", told)
    assert (found.settled, found.allocation_failed) == (False, False)
    assert (found.credited_minor, found.paid_out_minor, found.left_minor) == (0, 0, PRICE)
    assert (found.sms_received_at, found.cancel_attempt_at, found.cancel_failed) == (None,) * 3


async def test_an_order_that_found_no_number_was_credited_and_never_allotted(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    found = await record(shop, await shop.failed_order("P2"))

    assert found.allocation_failed is True
    assert (found.credited_minor, found.credit_available_minor) == (PRICE, PRICE)


async def test_a_shown_code_and_a_late_one_are_told_apart(shop: CaseShop) -> None:
    await shop.open_account()
    shown, late = await shop.rent_number("P3", "1"), await shop.rent_number("P3", "2")
    await shop.record_code("1")
    await shop.record_code("2", at=MONDAY + WINDOW + TICK)

    found = await record(shop, shown)
    assert (found.sms_received_at, found.sms_displayed_at) == (MONDAY, MONDAY)
    found = await record(shop, late)
    assert (found.sms_received_at, found.sms_displayed_at) == (MONDAY + WINDOW + TICK, None)


async def test_a_press_that_the_provider_carried_out_has_not_failed(shop: CaseShop) -> None:
    await shop.open_account()
    found = await record(shop, await cancelled(shop, "1", MONDAY + MINUTE))

    assert (found.cancel_attempt_at, found.cancel_failed) == (MONDAY + MINUTE, False)


async def test_a_press_that_the_provider_refused_has_failed_whatever_came_later(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    at = MONDAY + MINUTE
    await shop.store.activations.press_cancel(id_, now=at)
    assert (await record(shop, id_)).cancel_failed is None, "nobody knows yet"
    (due,) = await shop.store.settlements.lease_cancels(SIM, 10, HOUR, now=at)
    later = Postponed(id_, due.epoch, MINUTE, answer="unavailable")
    await shop.store.settlements.postpone([later], now=at)
    await shop.settle_cancel(id_, at + MINUTE)

    found = await record(shop, id_)
    assert (found.cancel_attempt_at, found.cancel_failed) == (at, True)


async def test_a_press_that_was_too_early_has_not_failed(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    await shop.store.activations.press_cancel(id_, now=MONDAY)
    (due,) = await shop.store.settlements.lease_cancels(SIM, 10, HOUR, now=MONDAY)
    early = Postponed(id_, due.epoch, MINUTE, too_early=True, answer="early")
    await shop.store.settlements.postpone([early], now=MONDAY)

    assert (await record(shop, id_)).cancel_failed is None


async def test_a_press_that_the_provider_did_not_follow_by_the_credit_has_failed(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    ending = {"provider_state": ProviderState.CANCELLING, "act_after": MINUTE, "exposure": True}
    found = await record(shop, await cancelled(shop, "1", MONDAY + MINUTE, **ending))

    assert found.cancel_failed is True


async def test_what_a_claim_gave_is_credited_or_paid_out_as_it_was_decided(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    kept = await shop.closed_activation("P1", "1")
    gone = await shop.closed_activation("P1", "2", charge=Charge.EXTERNAL)
    await shop.open_claim(kept)
    claim = await shop.open_claim(gone, payment_method="card", destination="original_method")

    found = await record(shop, kept)
    assert (found.credited_minor, found.paid_out_minor) == (PRICE, 0)
    assert claim.state.value == "approved"
    found = await record(shop, gone)
    assert (found.credited_minor, found.paid_out_minor) == (0, PRICE), "what is promised is given"


async def test_what_was_credited_is_there_as_long_as_the_balance_never_was_lower(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=PRICE)
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.REFUNDED)
    assert (await record(shop, id_)).credit_available_minor == PRICE

    await shop.rent_number("P3", "2", price_minor=PRICE - 50)
    await shop.top_up("later", 1000, MONDAY)

    found = await record(shop, id_)
    assert (found.credited_minor, found.credit_available_minor) == (PRICE, 50)


async def test_a_rental_says_what_its_outages_and_blocks_gave_and_from_when(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await shop.book_rental(order_facts={"operator": "mts"}, order_ref="A-1")
    shop.set_time(MONDAY + DAY)
    await shop.report_outage()
    shop.set_time(MONDAY + 5 * DAY)
    await shop.restore_rental()

    found = await record(shop, rental.id)
    assert (found.rental, found.settled, found.purchased_at) == (True, True, MONDAY)
    assert (found.credited_minor, found.unused_returned_minor) == (400, 0)
    assert found.first_refund_from == MONDAY + DAY
    assert found.allocation_failed is None, "only a human can say whether it was provided"
    shop.set_time(MONDAY + 6 * DAY)
    await shop.open_rental_claim(rental, client_caused=False)
    blocked = await record(shop, rental.id)
    assert (blocked.credited_minor, blocked.unused_returned_minor) == (800, 400)
    assert blocked.first_refund_from == MONDAY + DAY
    assert (found.order_ref, found.order_facts) == ("A-1", {"operator": "mts"})


async def test_only_the_first_order_of_an_account_is_its_first(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    await shop.failed_order("P3")
    first = await shop.rent_number("P3", "1")
    second = await shop.rent_number("P3", "2", rented_at=MONDAY + TICK)
    shop.set_time(MONDAY + DAY)
    rental = await shop.book_rental(start=MONDAY + HOUR)

    assert [(await record(shop, id_)).first_purchase for id_ in (first, second, rental.id)] == [
        True,
        False,
        False,
    ]


async def test_an_account_says_what_was_put_in_spent_and_taken_out(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000, policy="P3")
    await shop.top_up("second", 700, MONDAY + MINUTE / 2)
    delivered = await shop.delivered_activation("P3", "1")
    running = await shop.rent_number("P3", "2", rented_at=MONDAY + MINUTE)
    refunded = await shop.rent_number("P3", "3", rented_at=MONDAY - SECOND)
    await shop.book_rental(price=900, start=MONDAY - HOUR)
    await shop.end_activation(refunded, State.REFUNDED)
    assert delivered != running

    found = await account(shop)
    assert (found.policy, found.state, found.currency) == ("P3", "open", "USD")
    assert (found.balance_minor, found.held_minor) == (5700 - 2 * PRICE - 900, PRICE)
    assert found.topups == (RecordedSum(MONDAY + MINUTE / 2, 700),), "the other one was used"
    assert found.last_deposit_at == MONDAY + MINUTE / 2
    assert found.purchases == (RecordedSum(MONDAY + MINUTE, PRICE),)
    assert found.activations == ((MONDAY, False),), "the last one tells what is unused"
    assert found.spent_minor == PRICE + 900
    assert found.open_order_window_end == MONDAY + MINUTE + WINDOW


async def test_what_another_withdrawal_took_or_set_aside_is_a_payout(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    asked = await shop.open_withdrawal("P3", "w1", amount_minor=600)
    shop.set_time(MONDAY + HOUR)
    await shop.open_withdrawal("P3", "w2", amount_minor=100)
    await shop.give_verdict(asked, grant=True)
    await shop.mark_paid(asked)

    found = await account(shop)
    assert found.payouts == (RecordedSum(MONDAY, 600), RecordedSum(MONDAY + HOUR, 100))
    assert found.withdrawal_open


async def test_what_a_claim_gave_back_is_neither_spent_nor_activated(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    claim = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    await shop.give_verdict(claim, grant=True)

    found = await account(shop)
    assert (found.purchases, found.spent_minor) == ((), 0)
    assert found.activations == ()


async def test_the_history_has_orders_cancels_credits_claims_and_payouts(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    pressed = MONDAY + MINUTE
    await cancelled(shop, "1", pressed)
    silent = await shop.rent_number("P3", "2")
    await shop.end_activation(silent, State.REFUNDED)
    ended = shop.clock.now
    claim = await shop.open_claim(await shop.closed_activation("P1", "3"))
    claimed = claim.decisions[-1].at
    await shop.failed_order("P3")

    found = await account(shop)
    deeds = [deed for deed in found.history if deed.what is not PastKind.ORDER]
    assert deeds == [
        PastDeed(PastKind.CANCEL, pressed, PRICE),
        PastDeed(PastKind.AUTO_CREDIT, ended, PRICE),
        PastDeed(PastKind.CLAIM, claimed, PRICE, "non_receiving"),
    ]
    assert len(found.history) - len(deeds) == 4, "an order that failed is an order, too"


async def test_a_press_that_is_still_carried_out_counts_as_a_cancel(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    await shop.store.activations.press_cancel(id_, now=MONDAY + MINUTE)

    found = await account(shop)
    assert found.history[-1] == PastDeed(PastKind.CANCEL, MONDAY + MINUTE, PRICE)


async def test_cancels_are_counted_among_the_last_orders(shop: CaseShop) -> None:
    await shop.open_account()
    await cancelled(shop, "1", MONDAY + MINUTE)
    for second in range(1, 4):
        await shop.rent_number("P3", f"{second + 1}", rented_at=MONDAY + second * SECOND)

    assert await cancels_among(shop, 10) == (4, 1)
    assert await cancels_among(shop, 3) == (3, 0)


async def test_what_is_older_than_any_limit_looks_is_left_out(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.delivered_activation("P3")

    found = await account(shop, now=MONDAY + 400 * DAY)
    assert (found.history, found.purchases) == ((), ())
    assert found.spent_minor == PRICE


async def test_an_account_is_idle_since_its_last_entry(shop: CaseShop) -> None:
    """A top-up that was paid before the account was opened is no sign that its customer is away."""
    await shop.open_account()
    opened_at = await shop.fetch_value("SELECT opened_at FROM account")
    assert (await account(shop)).idle_since == opened_at

    await shop.admin.execute("UPDATE account SET opened_at = $1", MONDAY - DAY)
    assert (await account(shop)).idle_since == MONDAY


async def test_events_that_stand_are_flags(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.report_account_event("rules_block")

    assert (await account(shop)).account_flags == {"blocked_rules"}
