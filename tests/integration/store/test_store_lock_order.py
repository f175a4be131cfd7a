"""Whoever changes many numbers locks them in one order, however the caller lists them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import pytest

from tests.integration.store.pausing import Rival
from tests.integration.store.shop import (
    DEADLINE,
    GRACE,
    LEASE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
)
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import ProviderState
from worker.domain.ids import ActivationId
from worker.ports.store.settlements import Postponed, Resolved

NOW = DEADLINE + TICK
Numbers: TypeAlias = Sequence[tuple[ActivationId, int]]  #: With their epochs.


async def postpone(store: PostgresStore, numbers: Numbers) -> None:
    await store.settlements.postpone(
        [Postponed(id_, epoch, GRACE) for id_, epoch in numbers], now=NOW
    )


async def resolve(store: PostgresStore, numbers: Numbers) -> None:
    ended = [Resolved(id_, epoch, ProviderState.CANCELLED) for id_, epoch in numbers]
    await store.settlements.resolve(ended, now=NOW)


async def provider_ended(store: PostgresStore, numbers: Numbers) -> None:
    await store.settlements.provider_ended([id_ for id_, _ in numbers], now=RENTED)


async def waiting(shop: Shop) -> None:
    await shop.rent_many(20)


async def expiring(shop: Shop) -> None:
    await waiting(shop)
    await shop.expire()


async def pursued(shop: Shop) -> None:
    await expiring(shop)
    ids = [ActivationId(id_) for (id_,) in await shop.rows("SELECT id FROM activation")]
    await shop.store.settlements.settle([after_grace(id_) for id_ in ids], now=NOW)
    await shop.store.settlements.lease_pursuits(SIM, 20, LEASE, now=NOW + LEASE)


@pytest.mark.parametrize(
    ("before", "change"),
    [(waiting, provider_ended), (expiring, postpone), (pursued, postpone), (pursued, resolve)],
)
async def test_many_are_locked_in_id_order_however_they_are_given(
    shop: Shop,
    rival: Rival,
    before: Callable[[Shop], Coroutine[Any, Any, None]],
    change: Callable[[PostgresStore, Numbers], Coroutine[Any, Any, None]],
) -> None:
    """As settlements are: of two batches that overlap one waits, and none is cut off."""
    await shop.open()
    await before(shop)
    found = await shop.rows("SELECT id, epoch FROM activation ORDER BY id DESC")
    numbers = [(ActivationId(id_), epoch) for id_, epoch in found]
    first = await rival.start(rival.store.activations.press_cancel(numbers[-1][0], now=RENTED))
    second = await rival.run_into(change(shop.store, numbers))

    free = await shop.rows("SELECT id FROM activation FOR NO KEY UPDATE SKIP LOCKED")
    rival.gate.go.set()
    await asyncio.gather(first, second)

    assert len(free) == len(numbers) - 1
