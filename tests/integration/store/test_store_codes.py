"""Codes: shown in time, once, to the customer whose number it was, and to nobody else."""

from datetime import datetime, timedelta

import pytest

from tests.integration.store.shop import (
    ALICE,
    DEADLINE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    sms,
)
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ActivationId
from worker.ports.store.settlements import Resolved

NOW = DEADLINE + TICK
LATER = DEADLINE + timedelta(hours=1)


async def shown(shop: Shop, id_: ActivationId) -> list[str]:
    return [code.code for code in (await shop.number(id_)).codes]


async def test_a_code_in_time_is_shown_with_its_text_and_told(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    seen = sms("1", "1234", "Your code: 1234")

    (recorded,) = await shop.store.activations.record_codes(
        [seen], now=RENTED + timedelta(seconds=9)
    )

    assert recorded == (id_, SIM, CodeFate.SHOWN, timedelta(seconds=9), seen)
    number = await shop.number(id_)
    assert number.state is State.RECEIVED
    assert [(c.code, c.text, c.received_at) for c in number.codes] == [
        ("1234", "Your code: 1234", RENTED + timedelta(seconds=9))
    ]
    assert [line.what for line in number.timeline] == ["accepted", "code"]
    assert await shop.rows("SELECT type, subject, number FROM event") == [
        ("activation.code_received", str(id_), 1)
    ]
    assert await shop.money() == (100_000 - PRICE, PRICE)


@pytest.mark.parametrize(
    ("seen", "fate", "state"),
    [
        (DEADLINE - TICK, CodeFate.SHOWN, State.RECEIVED),
        (DEADLINE, CodeFate.SHOWN, State.RECEIVED),
        (DEADLINE + TICK, CodeFate.LATE, State.WAITING),
    ],
)
async def test_the_last_instant_is_in_time(
    shop: Shop, seen: datetime, fate: CodeFate, state: State
) -> None:
    await shop.open()
    id_ = await shop.rent()

    assert (await shop.code("1", "1234", seen)).fate is fate
    assert await shop.state(id_) is state
    assert await shown(shop, id_) == (["1234"] if fate is CodeFate.SHOWN else [])


async def test_the_same_code_again_is_repeated_and_changes_nothing(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    version = await shop.store.activations.versions([id_])

    assert (await shop.code("1", "1234", DEADLINE)).fate is CodeFate.REPEATED
    assert (await shop.code("1", "1234", LATER)).fate is CodeFate.REPEATED
    assert await shop.store.activations.versions([id_]) == version
    assert await shop.one("SELECT count(*) FROM event") == 1


async def test_more_codes_are_shown_in_order_and_charged_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    fates = [(await shop.code("1", code, RENTED)).fate for code in ("1", "2", "3")]
    (due,) = await shop.store.settlements.due_deliveries(10, now=NOW)
    await shop.store.settlements.settle([delivery(due.id)], now=NOW)

    assert fates == [CodeFate.SHOWN, CodeFate.MORE, CodeFate.MORE]
    assert await shown(shop, id_) == ["1", "2", "3"]
    assert await shop.money() == (100_000 - PRICE, 0)


async def test_codes_of_many_numbers_in_one_batch_keep_their_order(shop: Shop) -> None:
    await shop.open()
    ids = await shop.rent_many(40)
    batch = [sms(f"{n:05}", f"{n}-{part}") for part in range(9) for n in reversed(range(40))]

    await shop.store.activations.record_codes(batch, now=RENTED)

    for number, id_ in enumerate(ids):
        assert await shown(shop, id_) == [f"{number}-{part}" for part in range(9)]


async def test_a_code_while_expiring_but_in_time_makes_the_window_count_again(shop: Shop) -> None:
    """Cancel was pressed, the provider refused it because an SMS was there."""
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    (due,) = await shop.expire(RENTED)
    assert due.id == id_

    assert (await shop.code("1", "1234", RENTED + TICK)).fate is CodeFate.SHOWN

    assert (await shop.number(id_)).provider_state is ProviderState.OPEN
    assert await shop.store.settlements.due_deliveries(10, now=DEADLINE) == []
    (due,) = await shop.store.settlements.due_deliveries(10, now=NOW)
    assert due.id == id_


async def test_another_code_does_not_put_off_the_finish_that_was_asked_for(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    await shop.store.activations.ask_finish(id_, now=RENTED + TICK)

    await shop.code("1", "5678", RENTED + TICK)

    settlements = shop.store.settlements
    assert [due.id for due in await settlements.due_delivery(id_, now=RENTED + TICK)] == [id_]
    assert [due.id for due in await settlements.due_deliveries(9, now=RENTED + TICK)] == [id_]
    assert await shown(shop, id_) == ["1234", "5678"]


async def test_a_late_code_on_a_live_number_is_known_but_never_shown(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    assert (await shop.code("1", "1234", NOW)).fate is CodeFate.LATE
    assert (await shop.code("1", "1234", NOW)).fate is CodeFate.REPEATED
    await shop.refund(id_)

    assert await shown(shop, id_) == []
    assert await shop.rows("SELECT code, text FROM code") == [(None, None)]
    assert await shop.money() == (100_000, 0)


async def test_a_late_code_on_a_settled_number_moves_no_money(shop: Shop) -> None:
    """The customer got the price back; a code that comes now is our cost, never the customer's."""
    await shop.open()
    id_ = await shop.rent(cost_minor=11, cost_currency="EUR")
    await shop.expire()
    await shop.refund(id_)
    money, events = await shop.money(), await shop.one("SELECT count(*) FROM event")

    assert (await shop.code("1", "1234", LATER)).fate is CodeFate.LATE

    assert await shop.money() == money
    assert await shop.one("SELECT count(*) FROM event") == events
    assert await shown(shop, id_) == []
    assert await shop.state(id_) is State.REFUNDED


async def test_a_code_after_a_confirmed_cancel_leaves_an_exposure_of_the_cost(shop: Shop) -> None:
    """The provider said cancelled, and shows a code later: it may charge us."""
    await shop.open()
    id_ = await shop.rent(cost_minor=11, cost_currency="EUR")
    await shop.expire()
    await shop.refund(id_)

    await shop.code("1", "1234", LATER)
    await shop.code("1", "5678", LATER)

    assert await shop.rows("SELECT activation_id, amount_minor, currency, state FROM exposure") == [
        (id_, 11, "EUR", "open")
    ]


async def test_a_code_after_a_resolved_exposure_opens_it_again(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_)], now=NOW)
    (due,) = await shop.store.settlements.lease_pursuits(SIM, 10, timedelta(seconds=30), now=LATER)
    await shop.store.settlements.resolve(
        [Resolved(id_, due.epoch, ProviderState.CANCELLED)], now=LATER
    )
    assert await shop.one("SELECT state FROM exposure") == "resolved"

    await shop.code("1", "1234", LATER)

    assert await shop.rows("SELECT state, ended_at FROM exposure") == [("open", None)]


async def test_a_late_code_where_the_charge_was_kept_exposes_nobody(shop: Shop) -> None:
    await shop.open()
    closed, delivered = await shop.rent("1"), await shop.rent("2")
    await shop.code("2", "1", RENTED)
    await shop.expire()
    await shop.refund(closed, outcome=State.CLOSED)
    await shop.store.settlements.settle([delivery(delivered)], now=NOW)

    await shop.code("1", "1234", LATER)
    await shop.code("2", "1234", LATER)

    assert await shop.rows("SELECT * FROM exposure") == []


async def test_a_code_of_an_unknown_ref_is_left_out(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent("1")

    recorded = await shop.store.activations.record_codes([sms("x", "1"), sms("1", "2")], now=RENTED)

    assert [code.id for code in recorded] == [id_]
    assert await shop.store.activations.record_codes([sms("x", "1")], now=RENTED) == []
    assert await shop.store.activations.record_codes([], now=RENTED) == []


async def test_a_reused_ref_gets_no_code_of_the_customer_before(shop: Shop) -> None:
    """A stale list still names the old SMS under the ref that is somebody else's now."""
    await shop.open()
    old = await shop.rent("1")
    await shop.code("1", "old", RENTED)
    await shop.store.settlements.settle([delivery(old)], now=NOW)
    new = await shop.rent("1", rented_at=LATER, now=LATER)

    assert (await shop.code("1", "old", LATER)).fate is CodeFate.REPEATED
    assert await shop.state(new) is State.WAITING
    assert (await shop.code("1", "new", LATER)).fate is CodeFate.SHOWN

    assert await shown(shop, old) == ["old"]
    assert await shown(shop, new) == ["new"]


async def test_a_reused_ref_gets_no_late_code_of_the_customer_before(shop: Shop) -> None:
    await shop.open()
    old = await shop.rent("1")
    await shop.expire()
    await shop.code("1", "old", NOW)
    await shop.refund(old)
    new = await shop.rent("1", rented_at=LATER, now=LATER)

    assert (await shop.code("1", "old", LATER)).fate is CodeFate.REPEATED
    assert await shown(shop, new) == []


async def test_a_code_after_the_cancel_was_confirmed_is_late_even_inside_the_window(
    shop: Shop,
) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    await shop.expire(RENTED)
    await shop.refund(id_, RENTED, reason="cancel")

    assert (await shop.code("1", "1234", RENTED + TICK)).fate is CodeFate.LATE
    assert await shop.money(ALICE) == (100_000, 0)


async def test_a_code_longer_than_any_screen_is_cut(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    await shop.store.activations.record_codes([sms("1", "9" * 10_000, "t" * 10_000)], now=RENTED)

    (code,) = (await shop.number(id_)).codes
    assert (len(code.code), len(code.text or "")) == (500, 2000)


async def test_a_text_is_forgotten_after_its_time_and_the_code_is_not(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    days = timedelta(days=3)
    three_days = RENTED + days
    await shop.store.activations.record_codes([sms("1", "1234", "Your code: 1234")], now=RENTED)

    assert await shop.store.activations.forget_texts(days, 10, now=three_days) == 0
    assert await shop.store.activations.forget_texts(days, 10, now=three_days + TICK) == 1
    assert await shop.store.activations.forget_texts(days, 10, now=three_days + TICK) == 0

    assert [(c.code, c.text) for c in (await shop.number(id_)).codes] == [("1234", None)]
    again = await shop.store.activations.record_codes(
        [sms("1", "1234", "Your code: 1234")], now=RENTED
    )
    assert [recorded.fate for recorded in again] == [CodeFate.REPEATED]
    assert [(c.code, c.text) for c in (await shop.number(id_)).codes] == [("1234", None)]


@pytest.mark.parametrize("length", [12, 500, 501, 2_500])
async def test_a_code_that_is_its_whole_text_is_forgotten_with_it(shop: Shop, length: int) -> None:
    await shop.open()
    id_ = await shop.rent()
    words = ("Dear Alice, \x00" * 200)[:length]
    await shop.store.activations.record_codes([sms("1", words, words)], now=RENTED)
    day, later = timedelta(days=1), RENTED + timedelta(days=4)

    assert await shop.store.activations.forget_texts(day, 10, now=later) == 1

    assert [(c.code, c.text) for c in (await shop.number(id_)).codes] == [("", None)]
    again = await shop.store.activations.record_codes([sms("1", words, words)], now=later)
    assert [recorded.fate for recorded in again] == [CodeFate.REPEATED]
    assert len((await shop.number(id_)).codes) == 1


async def test_so_many_texts_are_forgotten_at_once_the_oldest_first(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    for place, code in enumerate(("1111", "2222", "3333")):
        at = RENTED + place * TICK
        await shop.store.activations.record_codes([sms("1", code, f"Code {code}")], now=at)

    day, later = timedelta(days=1), RENTED + timedelta(days=4)
    assert await shop.store.activations.forget_texts(day, 2, now=later) == 2

    texts = [code.text for code in (await shop.number(id_)).codes]
    assert texts == [None, None, "Code 3333"]
