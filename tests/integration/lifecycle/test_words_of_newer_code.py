"""Rows with words that this version does not know: newer code's to work on, and nobody's cost."""

from datetime import timedelta

import pytest

from tests.integration.lifecycle.test_purchases_proven_unsold import (
    UNSOLD,
    asked_earlier,
    lost,
    read,
    tells,
)
from tests.integration.lifecycle.world import SIM, WINDOW, World
from worker.domain.activation import ProviderState, State
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended
from worker.ports.store.activations import Activation

REASON = "UPDATE activation SET reason = 'of_tomorrow' WHERE id = $1"
PROVIDER_STATE = "UPDATE activation SET provider_state = 'of_tomorrow' WHERE id = $1"
WORDS = pytest.mark.parametrize("word", [REASON, PROVIDER_STATE], ids=["reason", "there"])
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def newer_world(broken_world: World) -> World:
    """Its schema allows what newer code says; so the audit of ours would not like it."""
    await broken_world.admin.execute(
        "ALTER TABLE activation DROP CONSTRAINT activation_provider_state_check"
    )
    return broken_world


async def untouched(world: World, number: Activation) -> object:
    return await world.one("SELECT t::text FROM activation t WHERE id = $1", number.id)


@WORDS
async def test_what_newer_code_says_of_a_number_stops_no_credit(
    newer_world: World, word: str
) -> None:
    world = newer_world
    newer, ours = [await world.take_forgotten(ref) for ref in ("1", "2")]
    await world.store.settlements.mark_expired(timedelta(0), 10)
    await world.admin.execute(word, newer.id)
    before = await untouched(world, newer)

    for _ in range(3):
        await world.sweep.tick()

    assert (await world.number(ours)).state is State.REFUNDED
    assert await untouched(world, newer) == before


@WORDS
async def test_what_newer_code_says_of_a_number_stops_no_cancel(
    newer_world: World, word: str
) -> None:
    world = newer_world
    newer, ours = [await world.take_expired(ref) for ref in ("1", "2")]
    await world.admin.execute(word, newer.id)
    before = await untouched(world, newer)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    for _ in range(3):
        await world.end_all()
        await world.expire.end_now(world.provider, [newer.id])

    assert (await world.number(ours)).state is State.REFUNDED
    assert await untouched(world, newer) == before, "leased again at each tick otherwise"
    assert world.provider.asked("cancel") == ["2"]


@WORDS
async def test_many_numbers_of_newer_code_do_not_stand_in_front_of_ours(
    newer_world: World, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr("worker.lifecycle.sweep.BATCH", 2)
    world = newer_world
    for ref in range(5):
        newer = await world.take_forgotten(f"newer {ref}")
        await world.admin.execute(word, newer.id)
    ours = [await world.take_forgotten(str(ref)) for ref in range(3)]

    await world.sweep.tick()

    assert {(await world.number(one)).state for one in ours} == {State.REFUNDED}


@WORDS
async def test_what_newer_code_says_of_a_number_stops_no_delivery(
    newer_world: World, word: str
) -> None:
    world = newer_world
    newer, ours = [await world.take(ref) for ref in ("1", "2")]
    for one in (newer, ours):
        await world.record(str(one.ref), "1234")
        await world.age(one, WINDOW)
    await world.admin.execute(word, newer.id)

    await world.sweep.tick()

    assert (await world.number(ours)).state is State.DELIVERED
    assert await world.store.settlements.due_delivery(newer.id) == []
    assert await world.one("SELECT state FROM activation WHERE id = $1", newer.id) == "received"


@WORDS
async def test_what_newer_code_says_of_a_number_stops_no_pursuit(
    newer_world: World, word: str
) -> None:
    world = newer_world
    newer, ours = [await world.take_forgotten(ref) for ref in ("1", "2")]
    await world.sweep.tick()
    await world.admin.execute(word, newer.id)
    await world.forget_leases()
    before = await untouched(world, newer)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.pursue.tick(world.provider)

    assert (await world.number(ours)).provider_state is ProviderState.CANCELLED
    assert await untouched(world, newer) == before


async def test_a_state_of_newer_code_stops_no_pursuit(newer_world: World) -> None:
    world = newer_world
    newer, ours = [await world.take_forgotten(ref) for ref in ("1", "2")]
    await world.sweep.tick()
    await world.forget_leases()
    await world.admin.execute(
        "ALTER TABLE activation DROP CONSTRAINT activation_state_check,"
        " DROP CONSTRAINT activation_check"
    )
    await world.admin.execute("UPDATE activation SET state = 'paused' WHERE id = $1", newer.id)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.pursue.tick(world.provider)

    assert (await world.number(ours)).provider_state is ProviderState.CANCELLED


async def test_a_provider_is_given_up_around_the_numbers_of_newer_code(newer_world: World) -> None:
    world = newer_world
    newer, ours = [await world.take(ref) for ref in ("1", "2")]
    await world.admin.execute(REASON, newer.id)
    before = await untouched(world, newer)

    assert [len(batch) async for batch in world.drain.now(SIM)] == [1]

    assert (await world.number(ours)).state is State.REFUNDED
    assert await untouched(world, newer) == before


@WORDS
async def test_numbers_of_newer_code_do_not_prove_that_nobody_ticks(
    newer_world: World, word: str
) -> None:
    number = await newer_world.take_forgotten()
    assert await newer_world.store.settlements.behind(SIM, timedelta(seconds=5))

    await newer_world.admin.execute(word, number.id)

    assert not await newer_world.store.settlements.behind(SIM, timedelta(seconds=5))


# --- and they are told


@pytest.mark.parametrize(
    ("word", "column"),
    [(REASON, "reason"), (PROVIDER_STATE, "provider_state")],
    ids=["reason", "there"],
)
async def test_a_number_that_newer_code_leaves_lying_is_told_once_and_counted_every_minute(
    newer_world: World, word: str, column: str
) -> None:
    world = newer_world
    newer = await world.take_forgotten()
    await world.admin.execute(word, newer.id)

    for _ in range(121):
        await world.sweep.tick()
        world.elapsed += 1

    assert world.reporter.of("quarantined") == [(newer.id, f"unread: {column}")]
    assert world.reporter.of("trouble") == [("activation.unread", SIM, "1")] * 3


async def test_a_pursuit_that_newer_code_leaves_lying_is_told(newer_world: World) -> None:
    world = newer_world
    newer = await world.take_forgotten()
    await world.sweep.tick()
    await world.admin.execute(REASON, newer.id)
    await world.admin.execute(
        "UPDATE activation SET pursue_at = now() - interval '2 minutes' WHERE id = $1", newer.id
    )
    world.elapsed += 60

    await world.sweep.tick()

    assert world.reporter.of("quarantined") == [(newer.id, "unread: reason")]


async def test_a_number_that_newer_code_may_be_working_on_is_not_told(newer_world: World) -> None:
    world = newer_world
    due = await world.take_expired("1")
    leased = await world.take_forgotten("2")
    for one in (due, leased):
        await world.admin.execute(REASON, one.id)
    await world.admin.execute(
        "UPDATE activation SET lease_until = now() + interval '30 s' WHERE id = $1", leased.id
    )

    await world.sweep.tick()

    assert world.reporter.of("quarantined") == []
    assert world.reporter.troubles == []


async def test_our_own_numbers_are_never_told_as_newer_codes(world: World) -> None:
    waiting = await world.take("1")
    settled = await world.take_forgotten("2")
    await world.sweep.tick()
    await world.age(waiting, 2 * WINDOW)
    await world.admin.execute(
        "UPDATE activation SET pursue_at = now() - interval '1 hour' WHERE id = $1", settled.id
    )

    assert await world.store.settlements.foreign_rows(MINUTE, 10) == []


@WORDS
async def test_what_newer_code_says_of_a_purchase_in_doubt_is_no_proofs_to_end(
    newer_world: World, word: str
) -> None:
    world = newer_world
    newer, ours = [await lost(world, key) for key in ("order-1", "order-2")]
    await world.admin.execute(word, newer.id)
    before = await untouched(world, newer)
    await asked_earlier(world)
    tells(world)

    await read(world, 2)

    assert await world.ended(ours) == UNSOLD
    assert await untouched(world, newer) == before
