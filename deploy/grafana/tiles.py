"""Tiles that stand on more than one board. Each is grey where no worker can read the database."""

from typing import Final

from deploy.grafana.panels import AMBER, GREEN, RED, Panel, Query, lines, tile
from deploy.grafana.selectors import (
    COUNTED,
    FRESH_SECONDS,
    IDLE,
    SILENT_SECONDS,
    A,
    W,
    asked_of,
    counted,
    rate,
    while_counted,
)

ZERO_IS_GOOD: Final = ((None, GREEN), (1, RED))
LOOKS_LATE_SECONDS: Final = 2
NO_LOOK: Final = (
    -3
)  #: What the lag of looks gets where a provider has numbers and no look succeeds.
LOOKED: Final = f'{W}, result="ok", operation=~"look|list"'
BROKEN: Final = f'{W}, status=~"5.."'


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


def calls_failing() -> Panel:
    calls = rate("http_requests_total", W)
    return tile(
        "API calls failing",
        asked_of(f"(({rate('http_requests_total', BROKEN)} or vector(0)) / {calls})", calls),
        "percentunit",
        normal="0 % of the shop's calls answered with 5xx",
        otherwise="a provider or the database is away, or it is a bug: see the journal",
        thresholds=((None, GREEN), (0.001, AMBER), (0.01, RED)),
        runbook=("ActivationWorkerApiErrors", "ActivationWorkerDatabaseDown"),
    )


def look_lag() -> Panel:
    lag = f"max({A}schedule_lag_seconds{{{W}}})"
    succeed = rate("provider_requests_total", LOOKED, "provider")
    # For a minute at least: the first look comes after poll_seconds, and its count after a scrape.
    live = (
        f"max by (provider) ({counted('live')}) > 0"
        f" and max by (provider) ({A}live{{{W}}} offset 1m) > 0"
    )
    return tile(
        "Looks late by",
        while_counted(
            f"({lag} > {LOOKS_LATE_SECONDS}"
            # A provider that nobody looks at any more has no look that is late.
            f" or count({live} unless {succeed} > 0) * 0 + {NO_LOOK}"
            f" or {lag} and on () sum({succeed}) > 0"
            f" or {lag} * 0 + {IDLE})"
        ),
        "s",
        words={NO_LOOK: ("no look succeeds", AMBER)},
        normal="under 2 s; codes are shown this much later",
        otherwise="find what holds the watch job up on Inside; see which provider answers none",
        thresholds=((None, GREEN), (LOOKS_LATE_SECONDS, AMBER), (10, RED)),
        runbook=(
            "ActivationWorkerScheduleLag",
            "ActivationWorkerLooksFail",
            "ActivationWorkerProviderDown",
        ),
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


def deliveries() -> Panel:
    return lines(
        "Event deliveries per minute",
        [Query(f"{rate('event_deliveries_total', W, 'result')} * 60", "{{result}}")],
        "cpm",
        normal="sent alone",
        otherwise="retry is a 4xx, a 5xx or no answer (`events list` says which), gone a 410",
        stacked=True,
        runbook="ActivationWorkerEndpointFails",
        desk="/events",
    )
