"""The provider's axis after the customer was settled: pursued, fenced, its exposure ended."""

from datetime import timedelta

import pytest

from tests.integration.store.shop import (
    DEADLINE,
    GRACE,
    LEASE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    ending,
)
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.ports.store.settlements import DueNumber, Postponed, Resolved

NOW = DEADLINE + GRACE + TICK
SECOND = timedelta(seconds=1)


async def graced(shop: Shop) -> ActivationId:
    """Credited when the grace was over: the cancel goes on."""
    await shop.open()
    id_ = await shop.rent(cost_minor=11, cost_currency="EUR")
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_)], now=NOW)
    return id_


async def pursue(shop: Shop, after: timedelta = SECOND) -> list[DueNumber]:
    return await shop.store.settlements.lease_pursuits(SIM, 10, LEASE, now=NOW + after)


async def exposure(shop: Shop) -> list[tuple[object, ...]]:
    return await shop.rows("SELECT amount_minor, currency, state, ended_at FROM exposure")


async def test_a_credit_after_the_grace_opens_an_exposure_of_the_cost(shop: Shop) -> None:
    await graced(shop)

    assert await shop.money() == (100_000, 0)
    assert await exposure(shop) == [(11, "EUR", "open", None)]


async def test_without_a_known_cost_the_exposure_is_the_price(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_)], now=NOW)

    assert await exposure(shop) == [(PRICE, "USD", "open", None)]


async def test_a_pursuit_is_claimed_when_due_and_comes_back_after_its_lease(shop: Shop) -> None:
    id_ = await graced(shop)

    assert await pursue(shop, SECOND - TICK) == []
    (first,) = await pursue(shop)
    assert await pursue(shop, SECOND + LEASE - TICK) == []
    (second,) = await pursue(shop, SECOND + LEASE)

    assert first.id == second.id == id_
    assert (second.attempts, second.epoch) == (first.attempts + 1, first.epoch + 1)


@pytest.mark.parametrize(
    ("found", "ended"), [(ProviderState.CANCELLED, "resolved"), (ProviderState.CHARGED, "loss")]
)
async def test_an_exposure_ends_as_the_provider_does(
    shop: Shop, found: ProviderState, ended: str
) -> None:
    id_ = await graced(shop)
    (due,) = await pursue(shop)
    later = NOW + timedelta(minutes=1)

    await shop.store.settlements.resolve([Resolved(id_, due.epoch, found)], now=later)

    assert await exposure(shop) == [(11, "EUR", ended, later)]
    assert (await shop.number(id_)).provider_state is found
    assert await pursue(shop, timedelta(days=1)) == []
    assert await shop.money() == (100_000, 0)


async def test_a_number_the_provider_forgot_leaves_its_exposure_to_a_human(shop: Shop) -> None:
    id_ = await graced(shop)
    (due,) = await pursue(shop)

    await shop.store.settlements.resolve([Resolved(id_, due.epoch, ProviderState.GONE)], now=NOW)

    assert await exposure(shop) == [(11, "EUR", "open", None)]


async def test_a_refund_of_a_charged_number_is_a_loss_at_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    await shop.refund(id_, NOW, provider_state=ProviderState.CHARGED, exposure=True)

    assert await exposure(shop) == [(PRICE, "USD", "loss", NOW)]


async def test_a_closed_number_that_is_charged_costs_us_nothing(shop: Shop) -> None:
    """Its hold was captured: the customer pays for what the provider keeps."""
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    grace = after_grace(id_)
    await shop.store.settlements.settle(
        [ending(id_, outcome=State.CLOSED, provider_state=grace.provider_state, act_after=SECOND)],
        now=NOW,
    )
    (due,) = await pursue(shop)

    await shop.store.settlements.resolve([Resolved(id_, due.epoch, ProviderState.CHARGED)], now=NOW)

    assert await exposure(shop) == []


async def test_a_finish_is_resolved_without_any_exposure(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    await shop.store.settlements.settle([delivery(id_)], now=NOW)
    (due,) = await pursue(shop, timedelta(0))

    await shop.store.settlements.resolve(
        [Resolved(id_, due.epoch, ProviderState.FINISHED)], now=NOW
    )

    assert (await shop.number(id_)).provider_state is ProviderState.FINISHED
    assert await exposure(shop) == []


async def test_a_number_in_review_is_pursued_like_any_other(shop: Shop) -> None:
    """The customer waits for a human; the provider is still owed a cancel."""
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    review = {"outcome": State.IN_REVIEW, "provider_state": ProviderState.CANCELLING}
    await shop.refund(id_, NOW, act_after=SECOND, **review)
    (due,) = await pursue(shop)
    assert due.id == id_

    await shop.store.settlements.postpone(
        [Postponed(id_, due.epoch, timedelta(minutes=5))], now=NOW + SECOND
    )
    assert await pursue(shop, SECOND + timedelta(minutes=5) - TICK) == []
    (again,) = await pursue(shop, SECOND + timedelta(minutes=5))
    await shop.store.settlements.resolve(
        [Resolved(id_, again.epoch, ProviderState.CANCELLED)], now=NOW
    )

    assert (await shop.number(id_)).provider_state is ProviderState.CANCELLED
    assert await pursue(shop, timedelta(days=1)) == []
    assert await shop.state(id_) is State.IN_REVIEW


async def test_a_postponed_pursuit_is_due_after_its_delay(shop: Shop) -> None:
    id_ = await graced(shop)
    (due,) = await pursue(shop)

    await shop.store.settlements.postpone(
        [Postponed(id_, due.epoch, SECOND, unknown_reads=1)], now=NOW
    )

    (again,) = await pursue(shop)
    assert again.unknown_reads == 1


async def test_a_postponed_ending_is_due_after_its_delay(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    (due,) = await shop.expire(NOW)

    await shop.store.settlements.postpone([Postponed(id_, due.epoch, SECOND)], now=NOW)

    assert await shop.expire(NOW + SECOND - TICK) == []
    assert len(await shop.expire(NOW + SECOND)) == 1


async def test_too_early_tells_when_a_cancel_is_allowed(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    (due,) = await shop.expire(RENTED)

    await shop.store.settlements.postpone(
        [Postponed(id_, due.epoch, SECOND, too_early=True)], now=RENTED
    )

    pressed = await shop.store.activations.press_cancel(id_, now=RENTED)
    assert pressed is not None
    assert pressed.not_before == RENTED + SECOND


async def test_an_answer_to_an_older_attempt_changes_nothing(shop: Shop) -> None:
    id_ = await graced(shop)
    (stale,) = await pursue(shop)
    (current,) = await pursue(shop, SECOND + LEASE)
    before = await shop.rows("SELECT * FROM activation")

    await shop.store.settlements.postpone([Postponed(id_, stale.epoch, timedelta(0))], now=NOW)
    await shop.store.settlements.resolve(
        [Resolved(id_, stale.epoch, ProviderState.CHARGED)], now=NOW
    )
    assert await shop.rows("SELECT * FROM activation") == before

    await shop.store.settlements.resolve(
        [Resolved(id_, current.epoch, ProviderState.CANCELLED)], now=NOW
    )
    await shop.store.settlements.resolve(
        [Resolved(id_, current.epoch, ProviderState.CHARGED)], now=NOW
    )
    assert (await shop.number(id_)).provider_state is ProviderState.CANCELLED
    assert await exposure(shop) == [(11, "EUR", "resolved", NOW)]


async def test_a_stale_answer_does_not_shorten_the_lease_of_the_next_attempt(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    (stale,) = await shop.expire(NOW)
    await shop.expire(NOW + LEASE)

    await shop.store.settlements.postpone(
        [Postponed(id_, stale.epoch, timedelta(0))], now=NOW + LEASE
    )

    assert await shop.expire(NOW + LEASE + SECOND) == []


async def test_nothing_to_do_is_done_without_a_word(shop: Shop) -> None:
    await shop.store.settlements.postpone([])
    await shop.store.settlements.resolve([])
    assert await shop.store.settlements.provider_ended([]) == []
    assert (await shop.store.settlements.settle([])).settled == []
