"""No kind of timer without a test in which it falls due while no daemon runs."""

from tests.acceptance.test_timers_of_each_kind import KINDS
from worker.ports.store.case_view import TimerKind


def test_every_kind_of_timer_falls_due_in_a_test_while_no_daemon_runs() -> None:
    assert set(KINDS) == set(TimerKind)
