"""The buckets of the histograms, in seconds: each has a bound where something is promised."""

from worker.domain.activation import WINDOW

CODE_WAIT_BUCKETS = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1260, 1320)
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# 1.5 is what is promised.
RETURN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 30)
# 60 is the grace and the objective; 90 is the grace with what its sweep and the commit need.
LATENESS_BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 90, 120, 300)
# Jobs for looks and endings go on for 5 s; any job is cut off at 18 s.
JOB_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

assert WINDOW.total_seconds() in CODE_WAIT_BUCKETS
