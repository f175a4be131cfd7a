"""The median of times that are kept as numbers per step lies in the step of the true one."""

from bisect import bisect_right
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.store.provider_figures import STEPS, median_seconds


def _counted(seconds: list[int]) -> list[int]:
    numbers = [0] * (len(STEPS) + 1)
    for each in seconds:
        numbers[bisect_right(STEPS, each)] += 1
    return numbers


def test_nothing_has_no_median() -> None:
    assert median_seconds([]) is None
    assert median_seconds([0] * (len(STEPS) + 1)) is None


@pytest.mark.parametrize(
    ("seconds", "about"), [([7] * 10, 7.0), ([0, 0, 900, 900, 900], 930.0), ([5000], 3600.0)]
)
def test_the_median_is_taken_within_its_step(seconds: list[int], about: float) -> None:
    assert median_seconds(_counted(seconds)) == pytest.approx(about, rel=0.1)


@given(st.lists(st.integers(0, 3599), min_size=1, max_size=50).filter(lambda s: len(s) % 2 == 1))
def test_it_is_never_further_off_than_the_step_is_wide(seconds: list[int]) -> None:
    true = median(seconds)
    step = bisect_right(STEPS, true)
    told = median_seconds(_counted(seconds))

    assert told is not None
    assert (0, *STEPS)[step] <= told <= STEPS[step]
