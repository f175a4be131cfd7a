"""The table of backoffs: what each waits, how it grows, and when it gives up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.backoff import BACKOFFS, CANCEL, EVENT, Backoff, Steps

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
HALF = 0.5

DOUBLING = {name: backoff for name, backoff in BACKOFFS.items() if isinstance(backoff, Backoff)}
doubling = st.sampled_from(list(DOUBLING.values()))
failures = st.integers(0, 1_000_000)
chances = st.floats(0, 1, exclude_max=True)

#: The longest waits of the first attempts, in milliseconds, and how many attempts there are.
WAITS = {
    "cancel": ([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000], None),
    "away": ([1_000, 1_000, 1_000], None),
    "pursuit": ([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000], None),
    "ban": ([1_000, 2_000, 4_000, 8_000], None),
    "quarantine": ([2_000, 4_000, 8_000, 16_000], None),
    "same_order": ([100, 100, 100], None),
    "keep_bought": ([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000], 90),
    "store_write": ([200, 400, 800], 4),
    "proof": ([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000], None),
    "same_key": ([1_000, 2_000], 3),
    "provider_read": ([750, 1_500], 3),
    "accept_job": ([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000], None),
    "arq_worker": ([200, 400, 800, 1_000, 1_000, 1_000, 1_000], None),
}


def test_every_doubling_backoff_is_in_the_list_of_this_test() -> None:
    assert set(WAITS) == set(DOUBLING)


@pytest.mark.parametrize("name", WAITS)
def test_its_waits_double_up_to_the_longest_and_its_attempts_are_counted(name: str) -> None:
    backoff = DOUBLING[name]
    waits, attempts = WAITS[name]

    assert [backoff.wait(failed, 1.0) / MS for failed in range(len(waits))] == waits
    assert backoff.attempts == attempts


@given(doubling, failures, chances)
def test_a_wait_stays_between_its_share_without_chance_and_its_longest(
    backoff: Backoff, failed: int, chance: float
) -> None:
    wait = backoff.wait(failed, chance)

    assert backoff.first * (1 - backoff.jitter) - MS <= wait <= backoff.longest


@given(doubling, failures, chances)
def test_a_wait_never_shrinks_with_the_failures(
    backoff: Backoff, failed: int, chance: float
) -> None:
    assert backoff.wait(failed, chance) <= backoff.wait(failed + 1, chance)


def test_half_of_a_wait_for_a_cancel_is_chance() -> None:
    waits = [CANCEL.wait(attempt, 0.0) / (SECOND * HALF) for attempt in range(8)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_attempts_end_by_their_number_or_by_their_time() -> None:
    backoff = Backoff(first=SECOND, longest=SECOND, attempts=3, within=10 * SECOND)

    assert not backoff.is_over(2, 10 * SECOND)
    assert backoff.is_over(3, SECOND)
    assert backoff.is_over(1, 10 * SECOND + MS)


def test_a_backoff_without_a_number_goes_on_for_as_long_as_it_takes() -> None:
    assert not CANCEL.is_over(1_000_000, timedelta(days=365))


def test_the_steps_of_an_event_are_those_promised_and_then_it_is_over() -> None:
    hours = [EVENT.wait(failed, 0.0) for failed in range(10)]

    assert hours[:4] == [5 * SECOND, timedelta(minutes=5), timedelta(minutes=30), 7_200 * SECOND]
    assert hours[-1] is None
    assert EVENT.wait(0, 1.0) == 6 * SECOND
    assert isinstance(BACKOFFS["event"], Steps)
