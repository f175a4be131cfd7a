"""The buckets of durations fit the longest there can be."""

from worker.adapters.telemetry.metric_rows import JOB_BUCKETS
from worker.jobs import WORK_SECONDS


def test_a_job_that_is_cut_off_is_told_from_every_other() -> None:
    assert JOB_BUCKETS[-2] < WORK_SECONDS <= JOB_BUCKETS[-1] < WORK_SECONDS + 5
