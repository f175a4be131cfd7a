"""The buckets of durations fit the longest there can be, and what is promised."""

from itertools import pairwise

import pytest

from worker.adapters.telemetry.metric_rows import JOB_BUCKETS, LATENESS_BUCKETS
from worker.jobs import WORK_SECONDS


def quantile(share: float, durations: list[float]) -> float:
    """As `histogram_quantile` makes it from our buckets."""
    rank = share * len(durations)
    for low, high in pairwise((0.0, *LATENESS_BUCKETS)):
        below = sum(each <= low for each in durations)
        within = sum(low < each <= high for each in durations)
        if below + within >= rank:
            return low + (high - low) * (rank - below) / within
    return LATENESS_BUCKETS[-1]


def test_a_job_that_is_cut_off_is_told_from_every_other() -> None:
    assert JOB_BUCKETS[-2] < WORK_SECONDS <= JOB_BUCKETS[-1] < WORK_SECONDS + 5


@pytest.mark.parametrize(
    "durations",
    [
        [60 + n / 1000 for n in range(1, 1000)],
        [*[0.4] * 900, *[60.97] * 100],
        [*[1.5] * 980, *[61.5] * 20],
        [64.0] * 50,
    ],
    ids=["within a second", "one in ten", "two in a hundred", "all are late"],
)
def test_the_p99_of_credits_around_the_end_of_the_grace_is_right_to_a_second(
    durations: list[float],
) -> None:
    really = sorted(durations)[int(0.99 * len(durations))]

    assert abs(quantile(0.99, durations) - really) <= 1
