"""The Overview board: are customers whole, what is broken, what waits."""

from typing import Final

from deploy.grafana.board import Row, board, provider
from deploy.grafana.panels import (
    AMBER,
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    alert_list,
    lines,
    tile,
    timeline,
)
from deploy.grafana.selectors import (
    COUNTED,
    SILENT_SECONDS,
    A,
    P,
    W,
    counted,
    quantile,
    rate,
    while_counted,
)
from deploy.grafana.tiles import (
    audit_violations,
    data_age,
    late_credits,
    look_lag,
    verdicts_late,
)

UID: Final = "activation-worker-overview"
PAGED: Final = 100  #: Added to the count of alerts where one of them is a page.
COUNTED_MOST: Final = 31
EVENTS_OLD_SECONDS: Final = 60
TAKEN_MIN: Final = 0.5  #: Of what is sent to an endpoint that works; as in the alert.


def overview() -> Json:
    return board(
        uid=UID,
        title="Activation worker: overview",
        says="Are customers whole, what is broken, what waits?",
        variables=[provider()],
        rows=[
            Row("Are customers whole? Grey: nobody knows", _verdict()),
            Row("What is broken?", [_alerts(), _works()]),
            Row("What waits?", _waits()),
        ],
    )


def _verdict() -> list[Panel]:
    return [
        _firing(),
        data_age(),
        _overdue(),
        late_credits(),
        look_lag(),
        _oldest_event(),
        verdicts_late(),
        audit_violations(),
    ]


def _firing() -> Panel:
    firing = 'ALERTS{alertname=~"ActivationWorker.+", alertstate="firing", severity!="info"}'
    pages = firing.replace('!="info"', '="critical"')
    return tile(
        "Alerts firing",
        f"count({firing}) + {PAGED} * ((count({pages}) > bool 0) or vector(0))"
        f" or {while_counted('vector(0)')}",
        "none",
        words={PAGED + count: (f"{count}, paged", RED) for count in range(1, COUNTED_MOST)},
        normal="0; red where at least one of them is a page",
        otherwise="open the runbook of the one that names the cause, below",
        thresholds=((None, GREEN), (1, AMBER), (PAGED, RED)),
    )


def _overdue() -> Panel:
    return tile(
        "Numbers overdue",
        f"max({counted('overdue')})",
        "none",
        normal="0, or some for a second when a grace ends",
        otherwise="nothing ends them; see below what is away",
        thresholds=((None, GREEN), (1, AMBER), (10, RED)),
        runbook="ActivationWorkerOverdue",
    )


def _oldest_event() -> Panel:
    return tile(
        "Oldest event",
        f"max({counted('event_oldest_seconds')})",
        "s",
        normal="under 5 s until the shop's endpoint has taken an event",
        otherwise="ask the shop whether its endpoint works",
        thresholds=((None, GREEN), (30, AMBER), (300, RED)),
        runbook="ActivationWorkerEventsStuck",
        desk="/events",
    )


def _alerts() -> Panel:
    return alert_list(
        "Alerts",
        normal="none",
        otherwise="begin with the first; its runbook says what to do",
        runbook="ActivationWorkerAftermath",
        width=12,
        height=10,
    )


def _works() -> Panel:
    canary = counted("canary_last_success_timestamp_seconds")
    database = (
        f'avg({A}dependency_up{{{W}, dependency="database"}})'
        f" * avg(time() - {COUNTED} < bool {SILENT_SECONDS})"
    )
    every = f"{A}canary_every_seconds{{{W}}}"
    sent = f'{W}, result="sent"'
    taken = (
        f"{rate('event_deliveries_total', sent)} / ({rate('event_deliveries_total', W)} > 0)"
        " or vector(1)"
    )
    endpoint = (
        # Where it takes no more than half it does not work, however young the oldest event is.
        f"(({taken}) > {TAKEN_MIN} or vector(0))"
        f" * (max({counted('event_oldest_seconds')}) < bool {EVENTS_OLD_SECONDS})"
    )
    return timeline(
        "What works",
        [
            Query('avg(up{job=~"$job", instance=~"$instance"})', "workers"),
            Query(database, "database"),
            Query(f'avg({A}dependency_up{{{W}, dependency="redis"}})', "redis"),
            Query(endpoint, "endpoint for events"),
            Query(f"time() - max(({canary}) > 0) < bool 3 * max({every} > 0)", "canary"),
            Query(
                f"1 - avg by (provider) ({A}provider_circuit_open{{{P}}})", "{{provider}} answers"
            ),
            Query(
                f"1 - max by (provider) ({counted('provider_halted', P)})",
                "{{provider}}: renting allowed",
            ),
        ],
        {0: ("away", RED), 1: ("works", GREEN)},
        normal="all green; amber is away for some workers, a gap is not known",
        otherwise="the topmost band that is not green causes most below it",
        runbook=(
            "ActivationWorkerNoWorker",
            "ActivationWorkerRedisDown",
            "ActivationWorkerCutOff",
            "ActivationWorkerCanaryStale",
            "ActivationWorkerProviderDown",
        ),
        width=12,
        height=10,
    )


def _waits() -> list[Panel]:
    return [
        lines(
            "Live numbers",
            [Query(f"max by (provider) ({counted('live', P)})", "{{provider}}")],
            "none",
            normal="as many as are sold in twenty minutes",
            otherwise="where it falls to nothing, see whether that provider rents",
            stacked=True,
        ),
        lines(
            "Endings per minute",
            [Query(f"{rate('settled_total', P, 'outcome')} * 60", "{{outcome}}")],
            "cpm",
            normal="delivered (code kept), refunded, closed in their usual shares",
            otherwise="look at the provider whose codes have become fewer",
            stacked=True,
        ),
        lines(
            "Oldest number past its deadline",
            [Query(f"max({counted('oldest_overdue_seconds')})", "oldest")],
            "s",
            normal="a saw of some seconds, to 60 s while a provider is silent",
            otherwise="a steady climb means that nothing ends",
            limit=60,
            runbook="ActivationWorkerOverdue",
        ),
        lines(
            "Time to the first code",
            [
                Query(quantile(0.5, "code_wait_seconds", P), "median"),
                Query(quantile(0.9, "code_wait_seconds", P), "9 of 10"),
            ],
            "s",
            normal="what each service needs, steady over the day",
            otherwise="see whether looks are late or one provider is slow",
        ),
        lines(
            "Events waiting",
            [Query(f"max({counted('events_pending')})", "events")],
            "none",
            normal="near 0",
            otherwise="the endpoint refuses or is slow; nothing is lost, it is told later",
            runbook="ActivationWorkerEventsStuck",
            desk="/events",
        ),
        lines(
            "Waiting for a person",
            [Query(f"max by (kind) ({counted('reviews_waiting')})", "{{kind}}")],
            "none",
            normal="as many as are decided in a day",
            otherwise="decide the oldest at the desk",
            stacked=True,
            runbook="ActivationWorkerReviewsLate",
            desk="/",
        ),
    ]
