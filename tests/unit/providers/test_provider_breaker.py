"""A provider that fails is left alone, then asked carefully."""

from datetime import timedelta
from random import Random

import pytest

from tests.unit.providers.adapter_world import NAME, World
from worker.adapters.providers.breaker import (
    FAILURES_TO_OPEN,
    FEW_LAST_S,
    FEW_TO_OPEN,
    PROBES,
    PROBES_TO_OPEN,
    WAIT_FIRST_S,
    WAIT_MAX_S,
    Breaker,
)
from worker.ports.errors import CircuitOpen
from worker.ports.provider import Circuit


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def turns() -> list[Circuit]:
    return []


@pytest.fixture
def breaker(world: World, turns: list[Circuit]) -> Breaker:
    return Breaker(NAME, monotonic=world.monotonic, random=world.random, changed=turns.append)


def circuit_of(breaker: Breaker) -> Circuit:
    """As a call, because a property read twice must not be taken for unchanged."""
    return breaker.circuit


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit())


def test_it_opens_after_many_failures_in_a_row_at_once(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert circuit_of(breaker) is Circuit.CLOSED

    fail(breaker, 1)

    assert circuit_of(breaker) is Circuit.OPEN
    assert turns == [Circuit.OPEN]


def test_a_few_failures_open_it_where_nothing_else_came_for_a_while(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    fail(breaker, FEW_TO_OPEN - 1)
    world.now += FEW_LAST_S
    assert circuit_of(breaker) is Circuit.CLOSED

    fail(breaker, 1)

    assert circuit_of(breaker) is Circuit.OPEN
    assert turns == [Circuit.OPEN]


def test_the_while_begins_with_the_first_failure_after_an_answer(
    breaker: Breaker, world: World
) -> None:
    fail(breaker, FEW_TO_OPEN)
    world.now += FEW_LAST_S / 2
    breaker.answered(breaker.admit())
    fail(breaker, 1)
    world.now += FEW_LAST_S / 2

    fail(breaker, FEW_TO_OPEN)

    assert circuit_of(breaker) is Circuit.CLOSED


def test_a_brown_out_does_not_open_it(breaker: Breaker, world: World) -> None:
    dice = Random(1)
    for _ in range(20_000):
        ticket = breaker.admit()
        if dice.random() < 0.5:
            breaker.failed(ticket)
        else:
            breaker.answered(ticket)
        world.now += 0.02

    assert circuit_of(breaker) is Circuit.CLOSED


def test_an_answer_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.answered(breaker.admit())

    fail(breaker, FAILURES_TO_OPEN - 1)

    assert circuit_of(breaker) is Circuit.CLOSED


def test_while_open_nothing_is_admitted_and_the_error_says_for_how_long(
    breaker: Breaker, world: World
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += 2

    with pytest.raises(CircuitOpen) as raised:
        breaker.admit()

    assert raised.value.retry_after == timedelta(seconds=WAIT_FIRST_S - 2)
    assert not raised.value.sent


def test_after_the_wait_a_bounded_number_of_probes_may_go(breaker: Breaker, world: World) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S
    assert circuit_of(breaker) is Circuit.PROBING

    for _ in range(PROBES):
        breaker.admit()

    assert circuit_of(breaker) is Circuit.OPEN
    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_an_answered_probe_closes_it(breaker: Breaker, world: World, turns: list[Circuit]) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S

    breaker.answered(breaker.admit())

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED]


def test_a_lost_probe_proves_nothing_where_the_next_is_answered(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S
    fail(breaker, PROBES_TO_OPEN - 1)
    assert circuit_of(breaker) is Circuit.PROBING

    breaker.answered(breaker.admit())

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED]


def test_a_lost_probe_leaves_its_place_to_one_other(breaker: Breaker, world: World) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S
    tickets = [breaker.admit() for _ in range(PROBES)]

    breaker.failed(tickets[0])

    breaker.admit()
    assert circuit_of(breaker) is Circuit.OPEN


def test_failed_probes_double_the_wait_up_to_its_maximum(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    waits = []
    for _ in range(6):
        with pytest.raises(CircuitOpen) as raised:
            breaker.admit()
        assert raised.value.retry_after is not None
        waits.append(raised.value.retry_after.total_seconds())
        world.now += waits[-1]
        fail(breaker, PROBES_TO_OPEN)

    assert waits == [5, 10, 20, 40, WAIT_MAX_S, WAIT_MAX_S]
    assert turns == [Circuit.OPEN]


def test_after_it_closed_the_next_wait_is_short_again(breaker: Breaker, world: World) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S
    fail(breaker, PROBES_TO_OPEN)
    world.now += 2 * WAIT_FIRST_S
    breaker.answered(breaker.admit())

    fail(breaker, FAILURES_TO_OPEN)

    world.now += WAIT_FIRST_S
    assert circuit_of(breaker) is Circuit.PROBING


def test_waits_are_spread_by_the_dice(world: World, breaker: Breaker) -> None:
    world.dice = 0.5
    fail(breaker, FAILURES_TO_OPEN)

    world.now += WAIT_FIRST_S
    assert circuit_of(breaker) is Circuit.OPEN
    world.now += WAIT_FIRST_S * 0.1
    assert circuit_of(breaker) is Circuit.PROBING


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker, world: World) -> None:
    early, earlier = breaker.admit(), breaker.admit()
    fail(breaker, FAILURES_TO_OPEN)

    breaker.answered(early)
    assert circuit_of(breaker) is Circuit.OPEN
    world.now += WAIT_FIRST_S
    breaker.failed(earlier)
    assert circuit_of(breaker) is Circuit.PROBING


def test_a_probe_given_up_by_us_leaves_its_place_to_another(breaker: Breaker, world: World) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += WAIT_FIRST_S
    tickets = [breaker.admit() for _ in range(PROBES)]

    breaker.abandoned(tickets[0])

    assert circuit_of(breaker) is Circuit.PROBING
    breaker.admit()
    assert circuit_of(breaker) is Circuit.OPEN


def test_a_call_given_up_while_closed_says_nothing(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.abandoned(breaker.admit())

    fail(breaker, 1)

    assert circuit_of(breaker) is Circuit.OPEN


def test_a_pause_holds_calls_back_without_opening_it(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    breaker.pause(7)
    assert circuit_of(breaker) is Circuit.OPEN
    with pytest.raises(CircuitOpen):
        breaker.admit()

    world.now += 7

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == []


def test_a_shorter_pause_does_not_end_a_longer_one(breaker: Breaker, world: World) -> None:
    breaker.pause(7)
    breaker.pause(1)

    world.now += 6

    assert circuit_of(breaker) is Circuit.OPEN
