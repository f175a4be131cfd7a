"""The Overview board: are customers whole, what is broken, what waits."""

from typing import Final

from deploy.grafana.board import Row, board, provider
from deploy.grafana.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Json,
    Panel,
    Query,
    alert_list,
    lines,
    names,
    tile,
)
from deploy.grafana.selectors import (
    NO_DATA,
    P,
    W,
    asked_of,
    counted,
    quantile,
    rate,
    while_counted,
    zero_without_codes,
)
from deploy.grafana.tiles import (
    audit_violations,
    calls_failing,
    data_age,
    deliveries,
    late_credits,
    look_lag,
    verdicts_late,
)
from deploy.grafana.works import what_works

UID: Final = "activation-worker-overview"
PAGED: Final = 100  #: Added to the count of alerts where one of them is a page.
COUNTED_MOST: Final = 31
FAILED: Final = f'{W}, result!="sent"'


def overview() -> Json:
    return board(
        uid=UID,
        title="Activation worker: overview",
        says="Are customers whole, what is broken, what waits?",
        variables=[provider()],
        rows=[
            Row("Are customers whole? Grey: nobody knows", _verdict()),
            Row("What is broken?", [_alerts(), what_works()]),
            Row("What waits?", _waits()),
        ],
    )


def _verdict() -> list[Panel]:
    return [
        _firing(),
        data_age(),
        _overdue(),
        late_credits(),
        calls_failing(),
        look_lag(),
        _oldest_event(),
        _events_failed(),
        _names(),
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
        # Long before the alert: of a hundred events one may get through, and be young.
        thresholds=((None, GREEN), (10, AMBER), (30, RED)),
        runbook="ActivationWorkerEventsStuck",
        desk="/events",
    )


def _events_failed() -> Panel:
    failed = rate("event_deliveries_total", FAILED)
    return tile(
        "Events failed/min",
        while_counted(f"({asked_of(f'{failed} * 60', rate('event_deliveries_total', W))})"),
        "none",
        normal="0 deliveries that the shop's endpoint did not take",
        otherwise="ask the shop; `events list` says what it answered",
        thresholds=((None, GREEN), (0.5, AMBER), (10, RED)),
        runbook="ActivationWorkerEndpointFails",
        desk="/events",
    )


def _names() -> Panel:
    def firing(severity: str) -> str:
        alerts = f'alertname=~"ActivationWorker.+", alertstate="firing", severity="{severity}"'
        name = '"alertname", "$1", "alertname", "ActivationWorker(.+)"'
        return f"max by (alertname) (label_replace(ALERTS{{{alerts}}}, {name}))"

    none = f'label_replace({while_counted("vector(0)")}, "alertname", "none", "", "")'
    unknown = f'label_replace(vector({NO_DATA}), "alertname", "no fresh data", "", "")'
    return names(
        "Which alerts",
        Query(
            f"2 * {firing('critical')} or {firing('warning')} or on () {none} or on () {unknown}",
            "{{alertname}}",
        ),
        {0: ("none", GREEN), 1: ("warns", AMBER), 2: ("pages", RED), NO_DATA: ("not known", GREY)},
        width=18,
        normal="none",
        otherwise="red is a page; begin with the one that names the cause, its runbook is below",
        runbook="ActivationWorkerAftermath",
    )


def _alerts() -> Panel:
    return alert_list(
        "Alerts",
        normal="none",
        otherwise="begin with the first; its runbook says what to do",
        runbook="ActivationWorkerAftermath",
        width=10,
        height=13,
    )


def _waits() -> list[Panel]:
    return [
        lines(
            "Live numbers",
            [Query(f"max by (provider) ({counted('live', P)})", "{{provider}}")],
            "none",
            width=6,
            normal="as many as are sold in twenty minutes",
            otherwise="where it falls to nothing, see whether that provider rents",
            stacked=True,
        ),
        lines(
            "Endings per minute",
            [Query(f"{rate('settled_total', P, 'outcome')} * 60", "{{outcome}}")],
            "cpm",
            width=6,
            normal="delivered (code kept), refunded, closed in their usual shares",
            otherwise="look at the provider whose codes have become fewer",
            stacked=True,
        ),
        lines(
            "Oldest number past its deadline",
            [Query(f"max({counted('oldest_overdue_seconds')})", "oldest")],
            "s",
            width=6,
            normal="a saw of some seconds, to 60 s while a provider is silent",
            otherwise="a steady climb means that nothing ends",
            limit=60,
            runbook="ActivationWorkerOverdue",
        ),
        lines(
            "Time to the first code, 9 of 10",
            [
                Query(
                    zero_without_codes(quantile(0.9, "code_wait_seconds", P, "provider")),
                    "{{provider}}",
                )
            ],
            "s",
            width=6,
            normal="what its services need, steady over the day",
            otherwise="at 0 no code comes there at all; see if it answers, and if looks are late",
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
        deliveries(),
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
