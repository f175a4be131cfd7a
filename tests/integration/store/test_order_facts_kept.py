"""What was told with an order is stored with it, in every way in which an order comes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from tests.integration.store.shop import ALICE, DEADLINE, RENTED, SIM, TICK, WINDOW, Shop, intake
from worker.domain.ids import ProviderRef, purchase_id
from worker.domain.transfer import Charge
from worker.entrypoints.http.webhooks import EVENT_DATA
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.outbox import EventFilter
from worker.ports.store.purchases import Bought, PurchaseState
from worker.ports.store.rentals import Rental, rental_id

TOLD: Final = {"labels": ["telegram"], "terms": {"version": "3", "accepted_at": "2026-01-01"}}
ORDER = PurchaseOrder(
    idempotency_key="k",
    account=ALICE,
    provider=SIM,
    service="any",
    country="1",
    price_minor=25,
    order_ref="A-1",
    order_facts=TOLD,
)


async def accepted(shop: Shop, ref: str, **told: Any) -> AcceptOutcome:
    (result,) = await shop.store.activations.accept([intake(ref, **told)], now=RENTED)
    return result.how


async def test_an_accepted_number_keeps_what_was_told_with_it(shop: Shop) -> None:
    await shop.open()
    told = await shop.rent("1", order_ref="A-1", order_facts=TOLD)
    untold = await shop.rent("2")

    number = await shop.number(told)
    assert (number.order_ref, number.order_facts) == ("A-1", TOLD)
    number = await shop.number(untold)
    assert (number.order_ref, number.order_facts) == (None, None)


async def test_other_facts_for_a_known_number_are_other_content(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1", order_facts=TOLD)
    await shop.rent("2")

    assert await accepted(shop, "1", order_facts=TOLD) is AcceptOutcome.SAME
    assert await accepted(shop, "1") is AcceptOutcome.SAME
    assert await accepted(shop, "1", order_facts={"labels": []}) is AcceptOutcome.OTHER_CONTENT
    assert await accepted(shop, "1", order_ref="B") is AcceptOutcome.OTHER_CONTENT
    assert await accepted(shop, "2", order_facts=TOLD) is AcceptOutcome.OTHER_CONTENT


async def test_the_events_of_an_order_name_it_as_the_shop_does(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1", order_ref="A-1")
    id_ = await shop.rent("2", order_ref="A-2")
    await shop.rent("3")
    await shop.code("1", "1234", RENTED)
    await shop.code("3", "5678", RENTED)
    await shop.expire()
    await shop.refund(id_, now=DEADLINE + TICK)

    feed = await shop.store.outbox.events_after(EventFilter(), after=0, limit=10)
    assert [(one.event.type, one.event.payload.get("order_ref")) for one in feed.items] == [
        ("activation.code_received", "A-1"),
        ("activation.code_received", None),
        ("activation.refunded", "A-2"),
    ]
    for one in feed.items:  # As the description of the webhooks has them.
        EVENT_DATA[one.event.type].model_validate(one.event.payload)


async def begun(shop: Shop, order: PurchaseOrder) -> PurchaseState:
    id_ = purchase_id(ALICE, "k")
    started = await shop.store.purchases.begin_purchase(id_, order, "default", "1", WINDOW)
    return started.how


async def test_a_bought_number_has_what_was_told_with_its_order(shop: Shop) -> None:
    await shop.open()
    await begun(shop, ORDER)
    bought = Bought(ref=ProviderRef("7"), phone="1")
    number = await shop.store.purchases.purchase_bought(
        purchase_id(ALICE, "k"), bought, timedelta(0)
    )

    assert number is not None
    assert (number.order_ref, number.order_facts) == ("A-1", TOLD)
    assert await begun(shop, ORDER) is PurchaseState.RENTED
    assert await begun(shop, replace(ORDER, order_facts=None)) is PurchaseState.OTHER_CONTENT


async def test_an_order_without_facts_is_the_one_it_was_before_facts_could_be_told(
    shop: Shop,
) -> None:
    await shop.open()
    await begun(shop, replace(ORDER, order_ref=None, order_facts=None))

    (content,) = await shop.rows(
        "SELECT \"order\" ? 'order_ref', \"order\" ? 'order_facts' FROM purchase"
    )
    assert content == (False, False)


async def test_a_rental_keeps_what_was_told_with_it(shop: Shop) -> None:
    await shop.open()
    rental = Rental(
        id=rental_id(SIM, ProviderRef("9"), RENTED),
        provider=SIM,
        ref=ProviderRef("9"),
        account=ALICE,
        phone="1",
        service="any",
        country="1",
        price_minor=25,
        currency="",
        charge=Charge.HOLD,
        policy="default",
        policy_version="1",
        rented_at=RENTED,
        ends_at=RENTED + timedelta(days=3),
        order_ref="A-3",
        order_facts=TOLD,
    )
    booked = await shop.store.cases.book_rental(rental)
    assert booked.rental is not None
    assert (booked.rental.order_ref, booked.rental.order_facts) == ("A-3", TOLD)

    async def again(**changes: Any) -> CaseOpenOutcome:
        return (await shop.store.cases.book_rental(replace(rental, **changes))).how

    assert await again() is CaseOpenOutcome.SAME
    assert await again(order_ref=None, order_facts=None) is CaseOpenOutcome.SAME
    assert await again(order_facts={"labels": []}) is CaseOpenOutcome.OTHER_CONTENT
