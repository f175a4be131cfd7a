"""What metrics know beforehand is what the worker says: an unknown job would count as `other`."""

from worker.adapters.providers.transport import Operation
from worker.adapters.telemetry.label_sets import OPERATIONS
from worker.adapters.telemetry.metrics import JOB_BUCKETS
from worker.jobs import WORK_SECONDS


def test_every_operation_at_a_provider_is_known() -> None:
    assert set(OPERATIONS) == {operation.value for operation in Operation}


def test_a_job_that_is_cut_off_is_told_from_every_other() -> None:
    assert JOB_BUCKETS[-2] < WORK_SECONDS <= JOB_BUCKETS[-1] < WORK_SECONDS + 5
