"""A number that is stored is watched, whoever was gone between its COMMIT and its first look."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.test_rent_keeps_what_it_bought import (
    RENTED,
    Failing,
    with_purchases,
)
from tests.integration.lifecycle.world import (
    ALICE,
    SECOND,
    SIM,
    WINDOW,
    World,
    handed_over,
    order,
    turns,
    utc_now,
)
from worker.adapters.store import database
from worker.domain.activation import State
from worker.domain.ids import purchase_id
from worker.lifecycle import kept_answers
from worker.lifecycle.rent import bought
from worker.ports.errors import CommitUnknown, StoreError
from worker.ports.service import PurchaseOrder, PurchaseOutcome
from worker.ports.store.activations import AcceptOutcome, NumberIntake


async def stored_only(world: World, handed: NumberIntake) -> None:
    """The process is killed between its COMMIT and the schedule."""
    await world.store.activations.accept([world.accept.draft(handed)])
    assert await world.schedule.size(SIM) == 0


async def bought_only(world: World, asked: PurchaseOrder) -> None:
    """The same of a number that the worker bought."""
    name, purchases = world.accept.default_policy, world.store.purchases
    policy = world.accept.intake_policy(name, asked)
    assert policy is not None
    await purchases.begin_purchase(asked.id, asked, name, policy.version, WINDOW, policy.cancel)
    sold = bought(RENTED, world.accept.clock.now())
    assert await purchases.purchase_bought(asked.id, sold, timedelta(0)) is not None
    assert await world.schedule.size(SIM) == 0


async def test_a_number_whose_commit_is_not_answered_is_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = database._commit
    unanswered: list[object] = []

    async def answer_lost(do: Callable[[], Awaitable[None]]) -> None:
        await commit(do)
        if not unanswered and await world.one("SELECT count(*) FROM activation"):
            unanswered.append(do)
            raise CommitUnknown

    monkeypatch.setattr(database, "_commit", answer_lost)

    (result,) = await world.accept([handed_over()])

    assert unanswered
    assert result.activation is not None
    assert await world.schedule.size(SIM) == 1


async def test_a_number_whose_intake_was_killed_is_watched_when_it_is_told_again(
    world: World,
) -> None:
    await stored_only(world, handed_over())

    (result,) = await world.accept([handed_over()])

    assert result.how is AcceptOutcome.SAME
    assert await world.schedule.size(SIM) == 1
    assert world.reporter.of("accepted") == [], "it is counted once, where it is new"


async def test_a_bought_number_that_was_never_scheduled_is_watched_when_it_is_ordered_again(
    world: World,
) -> None:
    await bought_only(world, order())

    again = await world.service.rent(order())

    assert again.how is PurchaseOutcome.SAME
    assert await world.schedule.size(SIM) == 1
    assert world.reporter.of("accepted") == [], "it is counted where it is new"


async def test_a_number_with_a_code_is_watched_for_more_when_it_is_told_again(
    world: World,
) -> None:
    await stored_only(world, handed_over())
    await world.record("1", "1111")

    (result,) = await world.accept([handed_over()])

    assert result.activation is not None
    assert result.activation.state is State.RECEIVED
    assert await world.schedule.size(SIM) == 1


async def test_a_number_whose_window_is_over_is_not_watched_when_it_is_told_again(
    world: World,
) -> None:
    old = handed_over(rented_at=utc_now() - WINDOW - SECOND)
    await stored_only(world, old)

    (result,) = await world.accept([old])

    assert result.how is AcceptOutcome.SAME
    assert await world.schedule.size(SIM) == 0


async def test_a_number_that_has_ended_is_not_watched_when_it_is_told_again(world: World) -> None:
    await stored_only(world, handed_over())
    (result,) = await world.accept([handed_over()])
    assert result.activation is not None
    await world.store.activations.press_cancel(result.activation.id)
    world.schedule.clear()

    await world.accept([handed_over()])

    assert await world.schedule.size(SIM) == 0


async def test_a_number_that_is_told_again_is_looked_at_as_planned(world: World) -> None:
    """Its look is neither made twice nor put off."""
    await world.accept([handed_over()])
    world.skew = world.their_terms.poll / 2
    await world.accept([handed_over()])
    world.skew = world.their_terms.poll

    await world.watch.tick(world.provider, turns(3))

    assert len(world.provider.asked("look")) == 1
    assert await world.schedule.size(SIM) == 1


async def test_a_number_stored_after_its_buyer_stopped_waiting_is_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.provider.will("rent", RENTED)
    monkeypatch.setattr(kept_answers, "PATIENCE", timedelta(0))
    slow = with_purchases(world, Failing(world.store.purchases, times=1))
    with pytest.raises(StoreError):
        await slow(order())

    await asyncio.gather(*slow.answers._storing)

    assert await world.one("SELECT provider_ref FROM activation") == "77"
    assert await world.schedule.size(SIM) == 1


async def test_a_number_stored_after_its_buyer_was_cancelled_is_watched(world: World) -> None:
    world.provider.will("rent", RENTED)
    purchases: Any = Failing(world.store.purchases, times=1)
    refused, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(_seconds: float) -> None:
        refused.set()
        await goes_on.wait()

    slow = with_purchases(world, purchases, sleep=wait)
    buyer = asyncio.ensure_future(slow(order()))
    await asyncio.wait_for(refused.wait(), 10)
    (keeping,) = slow.answers._storing
    buyer.cancel()
    await asyncio.gather(buyer, return_exceptions=True)
    goes_on.set()

    kept = await keeping

    assert kept is not None
    assert kept.id == purchase_id(ALICE, "order-1")
    assert await world.schedule.size(SIM) == 1
