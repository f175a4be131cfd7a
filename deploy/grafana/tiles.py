"""Tiles that stand on more than one board. Each is grey where no worker can read the database."""

from typing import Final

from deploy.grafana.panels import AMBER, GREEN, RED, Panel, tile
from deploy.grafana.selectors import (
    COUNTED,
    FRESH_SECONDS,
    SILENT_SECONDS,
    A,
    W,
    counted,
    while_counted,
)

ZERO_IS_GOOD: Final = ((None, GREEN), (1, RED))


def data_age() -> Panel:
    return tile(
        "Data age",
        f"clamp_min(time() - max({COUNTED}), 0)",
        "s",
        normal="under 10 s since a worker last read the database",
        otherwise="it is paused or away, and what is grey is not known",
        thresholds=((None, GREEN), (SILENT_SECONDS, AMBER), (FRESH_SECONDS, RED)),
        runbook=("ActivationWorkerDatabaseDown", "ActivationWorkerBlind"),
    )


def workers_up() -> Panel:
    return tile(
        "Workers up",
        'sum(up{job=~"$job", instance=~"$instance"})',
        "none",
        normal="as many as you run, two or more",
        otherwise="see which one does not answer, and its journal",
        thresholds=((None, RED), (1, AMBER), (2, GREEN)),
        runbook=(
            "ActivationWorkerNoWorker",
            "ActivationWorkerInstanceDown",
            "ActivationWorkerInstanceGone",
        ),
    )


def late_credits() -> Panel:
    return tile(
        "Late credits, 5 min",
        while_counted(f'round(sum({A}late_credits:increase5m{{job=~"$job"}}))'),
        "none",
        normal="0 credits later than 90 s after their deadline",
        otherwise="see when they came, and what was away then",
        thresholds=ZERO_IS_GOOD,
        runbook="ActivationWorkerCreditLate",
    )


def look_lag() -> Panel:
    return tile(
        "Looks late by",
        while_counted(f"max({A}schedule_lag_seconds{{{W}}})"),
        "s",
        normal="under 2 s; codes are shown this much later",
        otherwise="find what holds the watch job up on Inside",
        thresholds=((None, GREEN), (2, AMBER), (10, RED)),
        runbook="ActivationWorkerScheduleLag",
    )


def verdicts_late() -> Panel:
    return tile(
        "Verdicts late",
        f"max({counted('reviews_late')})",
        "none",
        normal="0 cases past the date for their verdict",
        otherwise="decide them at the desk",
        thresholds=ZERO_IS_GOOD,
        runbook="ActivationWorkerReviewsLate",
        desk="/",
    )


def audit_violations() -> Panel:
    return tile(
        "Audit violations",
        while_counted(f'sum(invariant:{A}audit_violations:newest{{job=~"$job"}})'),
        "none",
        normal="0 found by the newest audit",
        otherwise="follow the runbook before anybody mends the books",
        thresholds=ZERO_IS_GOOD,
        runbook="ActivationWorkerAuditViolation",
    )
