"""What fails is tried later and later, and told when its failure changes."""

from datetime import timedelta

import pytest

from worker.domain.backoff import QUARANTINE
from worker.lifecycle.failure_backoff import (
    REMEMBERED,
    FailureBackoff,
    describe_safely,
)

START = 1_000.0
FIRST, LAST = QUARANTINE.first, QUARANTINE.longest


def test_what_never_failed_may_be_tried() -> None:
    setbacks: FailureBackoff[str] = FailureBackoff()

    assert setbacks.over("a", START)
    assert setbacks.wait("a", START) == timedelta(0)


def test_each_failure_waits_twice_as_long_up_to_a_limit() -> None:
    setbacks: FailureBackoff[str] = FailureBackoff()
    waits = []
    for _ in range(40):
        setbacks.add("a", "why", START)
        waits.append(setbacks.wait("a", START))

    assert waits[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert waits[-1] == LAST


def test_it_may_be_tried_again_at_the_end_of_its_wait_and_not_before() -> None:
    setbacks: FailureBackoff[str] = FailureBackoff()
    setbacks.add("a", "why", START)
    end = START + FIRST.total_seconds()

    assert [setbacks.over("a", at) for at in (START, end - 0.001, end)] == [False, False, True]
    assert setbacks.wait("a", end + 1) == timedelta(0)
    assert setbacks.over("b", START), "others are not held back"


def test_a_failure_is_news_when_it_is_the_first_or_another_one() -> None:
    setbacks: FailureBackoff[str] = FailureBackoff()

    assert [setbacks.add("a", why, START) for why in ("x", "x", "y", "y", "x")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_what_went_well_begins_anew() -> None:
    setbacks: FailureBackoff[str] = FailureBackoff()
    setbacks.add("a", "why", START)
    setbacks.add("a", "why", START)
    setbacks.clear("a")

    assert setbacks.over("a", START)
    assert setbacks.add("a", "why", START)
    assert setbacks.wait("a", START) == FIRST


def test_the_memory_is_bounded_and_the_oldest_failure_goes_first() -> None:
    setbacks: FailureBackoff[int] = FailureBackoff()
    for key in range(REMEMBERED):
        setbacks.add(key, "why", START)
    setbacks.add(0, "why", START)
    setbacks.add(REMEMBERED, "why", START)

    assert setbacks.over(1, START)
    assert not setbacks.over(0, START)


def test_an_error_is_told_by_its_kind_and_place_without_its_message() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        raise ExceptionGroup("many", [ValueError("79001234567")])

    assert describe_safely(raised.value) == "ValueError"

    empty: dict[str, str] = {}
    with pytest.raises(KeyError) as found:
        empty["79001234567"]
    assert describe_safely(found.value).startswith(f"KeyError at {__name__}:")
