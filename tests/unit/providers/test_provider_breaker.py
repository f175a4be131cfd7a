"""A provider that fails is left alone until it answers."""

from datetime import timedelta
from random import Random

import pytest

from tests.unit.providers.adapter_world import NAME, World
from worker.adapters.providers.breaker import (
    FAILURES_TO_OPEN,
    FEW_LAST_S,
    FEW_TO_OPEN,
    OPERATION_RETRY_S,
    PROBE_EVERY_S,
    Breaker,
)
from worker.ports.errors import CircuitOpen
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation

HOUR_S = 3600.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def turns() -> list[Circuit]:
    return []


@pytest.fixture
def breaker(world: World, turns: list[Circuit]) -> Breaker:
    return Breaker(NAME, monotonic=world.monotonic, changed=turns.append, probed=True)


@pytest.fixture
def unprobed(world: World, turns: list[Circuit]) -> Breaker:
    return Breaker(NAME, monotonic=world.monotonic, changed=turns.append, probed=False)


def circuit_of(breaker: Breaker) -> Circuit:
    """As a call, because a property read twice must not be taken for unchanged."""
    return breaker.circuit


def doubted(breaker: Breaker) -> bool:
    return breaker.doubted


def fail(breaker: Breaker, times: int, operation: Operation = Operation.LOOK) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit(operation))


def answer(breaker: Breaker, operation: Operation) -> None:
    breaker.answered(breaker.admit(operation))


def calls_in(seconds: float, breaker: Breaker, world: World, operation: Operation) -> int:
    """How many calls go out, and fail, when somebody wants one every hundredth of a second."""
    sent = 0
    for _ in range(int(seconds * 100)):
        world.now += 0.01
        try:
            breaker.failed(breaker.admit(operation))
        except CircuitOpen:
            pass
        else:
            sent += 1
    return sent


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
    breaker.answered(breaker.admit(Operation.LOOK))
    fail(breaker, 1)
    world.now += FEW_LAST_S / 2

    fail(breaker, FEW_TO_OPEN)

    assert circuit_of(breaker) is Circuit.CLOSED


def test_a_brown_out_does_not_open_it(breaker: Breaker, world: World) -> None:
    dice = Random(1)
    for _ in range(20_000):
        ticket = breaker.admit(Operation.LOOK)
        if dice.random() < 0.5:
            breaker.failed(ticket)
        else:
            breaker.answered(ticket)
        world.now += 0.02

    assert circuit_of(breaker) is Circuit.CLOSED


def test_an_answer_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.answered(breaker.admit(Operation.LOOK))

    fail(breaker, FAILURES_TO_OPEN - 1)

    assert circuit_of(breaker) is Circuit.CLOSED


@pytest.mark.parametrize("passed", [0.0, PROBE_EVERY_S, HOUR_S])
def test_while_open_no_customers_call_is_admitted_however_long_it_lasts(
    breaker: Breaker, world: World, passed: float
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += passed

    with pytest.raises(CircuitOpen) as raised:
        breaker.admit(Operation.LOOK)

    assert circuit_of(breaker) is Circuit.OPEN
    assert raised.value.retry_after is None
    assert not raised.value.sent


@pytest.mark.parametrize("passed", [0.0, HOUR_S])
def test_the_first_answered_probe_closes_it_however_long_it_lasted(
    breaker: Breaker, world: World, turns: list[Circuit], passed: float
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    world.now += passed
    breaker.failed(breaker.ticket)
    assert circuit_of(breaker) is Circuit.OPEN

    breaker.answered(breaker.ticket)

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED]


def test_the_answer_another_process_had_closes_it_once(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN)

    breaker.close()
    breaker.close()

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED]


def test_after_it_closed_it_takes_as_many_failures_again(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    breaker.answered(breaker.ticket)

    fail(breaker, FAILURES_TO_OPEN - 1)

    assert circuit_of(breaker) is Circuit.CLOSED


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker) -> None:
    early, earlier = breaker.admit(Operation.LOOK), breaker.admit(Operation.LOOK)
    fail(breaker, FAILURES_TO_OPEN)

    breaker.answered(early)
    breaker.failed(earlier)

    assert circuit_of(breaker) is Circuit.OPEN


def test_a_call_given_up_while_closed_says_nothing(breaker: Breaker) -> None:
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.admit(Operation.LOOK)

    fail(breaker, 1)

    assert circuit_of(breaker) is Circuit.OPEN


def test_where_nobody_probes_one_call_a_second_is_the_probe(
    unprobed: Breaker, world: World, turns: list[Circuit]
) -> None:
    fail(unprobed, FAILURES_TO_OPEN)
    with pytest.raises(CircuitOpen):
        unprobed.admit(Operation.LOOK)
    ticket = unprobed.ticket
    for _ in range(100):
        world.now += PROBE_EVERY_S
        assert circuit_of(unprobed) is Circuit.CLOSED
        ticket = unprobed.admit(Operation.LOOK)
        assert circuit_of(unprobed) is Circuit.OPEN
        unprobed.failed(ticket)

    unprobed.answered(ticket)

    assert circuit_of(unprobed) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED]


def test_a_pause_holds_calls_back_without_opening_it(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    breaker.pause(7)
    assert circuit_of(breaker) is Circuit.OPEN
    with pytest.raises(CircuitOpen) as raised:
        breaker.admit(Operation.LOOK)
    assert raised.value.retry_after == timedelta(seconds=7)

    world.now += 7

    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == []


def test_a_shorter_pause_does_not_end_a_longer_one(breaker: Breaker, world: World) -> None:
    breaker.pause(7)
    breaker.pause(1)

    world.now += 6

    assert circuit_of(breaker) is Circuit.OPEN


def test_an_answer_that_asks_for_silence_ends_the_outage_and_keeps_the_silence(
    breaker: Breaker, world: World
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    ticket = breaker.ticket
    breaker.pause(7)
    breaker.answered(ticket)

    assert circuit_of(breaker) is Circuit.OPEN
    world.now += 7
    assert circuit_of(breaker) is Circuit.CLOSED


def test_an_operation_that_always_fails_is_left_alone_while_all_others_go_on(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    for _ in range(FAILURES_TO_OPEN):
        fail(breaker, 1, Operation.CANCEL)
        answer(breaker, Operation.LOOK)

    with pytest.raises(CircuitOpen) as raised:
        breaker.admit(Operation.CANCEL)
    assert raised.value.retry_after == timedelta(seconds=OPERATION_RETRY_S)
    answer(breaker, Operation.LOOK)
    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == []


def test_a_provider_that_answers_its_probe_and_fails_every_cancel_gets_one_a_second(
    breaker: Breaker, world: World, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)
    breaker.answered(breaker.ticket)
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)

    assert calls_in(60, breaker, world, Operation.CANCEL) <= 61
    assert circuit_of(breaker) is Circuit.CLOSED
    assert turns == [Circuit.OPEN, Circuit.CLOSED], "its probe does not make it flap"
    answer(breaker, Operation.LOOK)


def test_the_first_answer_to_an_operation_that_was_left_alone_lets_all_of_them_go_out(
    breaker: Breaker, world: World
) -> None:
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)
    breaker.answered(breaker.ticket)
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)

    world.now += PROBE_EVERY_S
    trial = breaker.admit(Operation.CANCEL)
    with pytest.raises(CircuitOpen):
        breaker.admit(Operation.CANCEL)
    breaker.answered(trial)

    fail(breaker, FAILURES_TO_OPEN - 1, Operation.CANCEL)


def test_what_worked_since_the_outage_opens_the_whole_circuit_when_it_fails_again(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    breaker.answered(breaker.ticket)
    answer(breaker, Operation.LOOK)

    fail(breaker, FAILURES_TO_OPEN)

    assert turns == [Circuit.OPEN, Circuit.CLOSED, Circuit.OPEN]


def test_an_outage_after_a_single_answer_to_a_probe_opens_it_again(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN)
    breaker.answered(breaker.ticket)
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert not doubted(breaker)
    breaker.failed(breaker.ticket)
    assert circuit_of(breaker) is Circuit.CLOSED, "a probe alone is no outage"

    fail(breaker, 1)
    assert doubted(breaker)
    breaker.failed(breaker.ticket)

    assert not doubted(breaker)
    assert turns == [Circuit.OPEN, Circuit.CLOSED, Circuit.OPEN]


def test_a_failed_probe_opens_nothing_where_other_work_is_answered(
    breaker: Breaker, turns: list[Circuit]
) -> None:
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)
    breaker.answered(breaker.ticket)
    fail(breaker, FAILURES_TO_OPEN, Operation.CANCEL)
    answer(breaker, Operation.LOOK)

    breaker.failed(breaker.ticket)

    assert turns == [Circuit.OPEN, Circuit.CLOSED]
