"""The edges that durations are counted by: where something is promised, there is one."""

from worker.domain.activation import WINDOW

# The last look is half a second before the window's end; a code after it is not shown.
CODE_WAIT_BUCKETS = (
    *(5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1140, 1195, 1200, 1260, 1320),
)
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# 1.5 is what is promised.
RETURN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 30)
# Who is credited at the end of the grace is so within a second or two after 60; the objective is
# the grace and five seconds; later than 90 is an incident.
LATENESS_BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 30, 58, 60, 61, 62, 65, 75, 90, 120, 300)
# The jobs for looks and endings go on for 5 s while there is work; any job is cut off at 18 s.
JOB_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
# Five seconds after it is due is the objective of a look.
LOOK_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
TOLD_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# The server ends a statement after 30 s.
TRANSACTION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

assert WINDOW.total_seconds() in CODE_WAIT_BUCKETS
