"""The Inside board, for who looks after the worker: servers, loops, jobs, leases, calls, events."""

from typing import Final

from deploy.grafana.board import Row, board
from deploy.grafana.panels import AMBER, GREEN, RED, Json, Panel, Query, lines, tile, timeline
from deploy.grafana.selectors import COUNTED, SILENT_SECONDS, A, W, counted, quantile, rate
from deploy.grafana.tiles import (
    ZERO_IS_GOOD,
    calls_failing,
    data_age,
    deliveries,
    look_lag,
    workers_up,
)
from worker.jobs import WORK_SECONDS

UID: Final = "activation-worker-inside"
BUSY: Final = f'{W}, state="busy"'
FAILING: Final = f'{W}, result=~"failed|again"'


def inside() -> Json:
    return board(
        uid=UID,
        title="Activation worker: inside",
        says="Where in the worker is it stuck?",
        rows=[
            Row("Now. Grey: nobody knows", _now()),
            Row("Servers and leases", _servers()),
            Row("Loops, lanes and jobs", _loops()),
            Row("Is a process starved?", _starved()),
            Row("API and events", _outside(), collapsed=True),
            Row("Processes", _processes(), collapsed=True),
        ],
    )


def _now() -> list[Panel]:
    return [
        workers_up(),
        data_age(),
        look_lag(),
        tile(
            "Event loop lag",
            quantile(0.99, "loop_lag_seconds"),
            "s",
            normal="under 50 ms",
            otherwise="the process has too much to do; start another",
            thresholds=((None, GREEN), (0.1, AMBER), (0.5, RED)),
        ),
        tile(
            "Busiest process",
            f"max(rate(process_cpu_seconds_total{{{W}}}[$__rate_interval]))",
            "percentunit",
            normal="under 60 % of the one core it can use",
            otherwise="start another process",
            thresholds=((None, GREEN), (0.7, AMBER), (0.9, RED)),
        ),
        tile(
            "Connections busy",
            f"sum({A}db_connections{{{BUSY}}}) / (sum({A}db_connections{{{W}}}) > 0)",
            "percentunit",
            normal="under 50 %",
            otherwise="transactions are slow or wait; look at the database first",
            thresholds=((None, GREEN), (0.7, AMBER), (0.95, RED)),
            runbook="ActivationWorkerDatabaseDown",
        ),
        tile(
            "Failed jobs per min",
            f"{rate('jobs_total', FAILING)} * 60",
            "none",
            normal="0",
            otherwise="see below which one, and its error in the journal",
            thresholds=ZERO_IS_GOOD,
            runbook="ActivationWorkerJobsFailing",
        ),
        calls_failing(),
    ]


def _servers() -> list[Panel]:
    return [
        timeline(
            "Servers, by worker",
            [
                Query(
                    f"min by (instance, dependency) ({A}dependency_up{{{W}}})",
                    "{{dependency}} {{instance}}",
                ),
                Query(
                    f"time() - max by (instance) ({COUNTED}) < bool {SILENT_SECONDS}",
                    "read by {{instance}}",
                ),
            ],
            {0: ("away", RED), 1: ("works", GREEN)},
            width=8,
            normal="all green, and the database read by each",
            otherwise="red for one worker is its network, red for all is the server",
            runbook="ActivationWorkerCutOff",
        ),
        lines(
            "Transactions",
            [
                Query(quantile(0.5, "db_transaction_seconds"), "median"),
                Query(quantile(0.95, "db_transaction_seconds"), "95 of 100"),
            ],
            "s",
            width=8,
            normal="under 50 ms, with the wait for a connection",
            otherwise="look for locks, disk and CPU at the database",
            limit=1,
            runbook="ActivationWorkerDatabaseDown",
        ),
        timeline(
            "Leads, where arq does not",
            # One that is cut off cannot know that another one leads.
            [
                Query(
                    f"max by (instance, provider) ({counted('leader')})",
                    "{{provider}} {{instance}}",
                )
            ],
            {0: ("no", "blue"), 1: ("leads", GREEN)},
            width=8,
            normal="one band that is green for each provider",
            otherwise="none for longer than 10 s means that no process can take the lease",
            runbook="ActivationWorkerRedisDown",
        ),
    ]


def _loops() -> list[Panel]:
    return [
        lines(
            "Jobs by result",
            [Query(f"{rate('jobs_total', W, 'result')} > 0", "{{result}}")],
            "ops",
            width=8,
            normal="done, and busy where a tick met one that still ran",
            otherwise="failed and again have their error in the journal",
            stacked=True,
            runbook=("ActivationWorkerJobsFailing", "ActivationWorkerReconcileFails"),
        ),
        lines(
            "Job duration, 95 of 100",
            [Query(quantile(0.95, "job_seconds", W, "job_name"), "{{job_name}}")],
            "s",
            width=8,
            normal="5 to 10 s for watch and expire, which go on while there is work",
            otherwise=f"see what it waits for; it is cut off at {WORK_SECONDS} s",
            limit=WORK_SECONDS,
            runbook="ActivationWorkerJobsFailing",
        ),
        lines(
            "Looks begun late, by provider",
            [Query(quantile(0.95, "look_lateness_seconds", W, "provider"), "{{provider}}")],
            "s",
            width=8,
            normal="under 1 s for 95 of 100",
            otherwise="one late is its rate limit, all late are too few processes",
            limit=5,
            runbook="ActivationWorkerLookBurn",
        ),
    ]


def _starved() -> list[Panel]:
    return [
        lines(
            "Event loop lag, by worker",
            [Query(quantile(0.99, "loop_lag_seconds", W, "instance"), "{{instance}}")],
            "s",
            width=12,
            normal="under 50 ms for 99 of 100 in each worker; all its calls wait as long",
            otherwise="with little CPU beside it its host gives it none; with much, start another",
            limits=((0.05, AMBER), (0.5, RED)),
        ),
        lines(
            "CPU, by worker",
            [Query(f"rate(process_cpu_seconds_total{{{W}}}[$__rate_interval])", "{{instance}}")],
            "percentunit",
            width=12,
            normal="under 60 % of the one core a process can use, even among all",
            otherwise="near 100 %, start another; a fall with lag beside it is a host too busy",
            limit=0.9,
        ),
    ]


def _outside() -> list[Panel]:
    return [
        lines(
            "API calls",
            [Query(rate("http_requests_total", W, "status"), "{{status}}")],
            "reqps",
            normal="2xx, some 4xx of callers",
            otherwise="5xx is a provider, the database or a bug, 429 a caller over its limit",
            stacked=True,
            runbook="ActivationWorkerApiErrors",
        ),
        lines(
            "API duration, 95 of 100",
            [Query(quantile(0.95, "http_request_seconds", W, "route"), "{{route}}")],
            "s",
            normal="under 100 ms; routes that wait for a change wait on purpose",
            otherwise="slow for all is the event loop or the database",
        ),
        deliveries(),
        lines(
            "Codes told",
            [
                Query(quantile(0.5, "code_told_seconds"), "median"),
                Query(quantile(0.95, "code_told_seconds"), "95 of 100"),
            ],
            "s",
            normal="under 2 s from the code's record until the endpoint took it",
            otherwise="the endpoint is slow, or older events wait before it",
            runbook="ActivationWorkerEventsStuck",
        ),
    ]


def _processes() -> list[Panel]:
    return [
        lines(
            "Database connections",
            [Query(f"sum by (pool, state) ({A}db_connections{{{W}}})", "{{pool}} {{state}}")],
            "none",
            normal="mostly idle",
            otherwise="all busy for long means that transactions wait for one",
            stacked=True,
            runbook="ActivationWorkerDatabaseDown",
        ),
        lines(
            "Memory",
            [Query(f"process_resident_memory_bytes{{{W}}}", "{{instance}}")],
            "bytes",
            normal="level, some hundred MB",
            otherwise="a climb over days wants a restart and a report",
        ),
        lines(
            "File descriptors",
            [
                Query(
                    f"process_open_fds{{{W}}} / process_max_fds{{{W}}}",
                    "{{instance}}",
                )
            ],
            "percentunit",
            normal="under 50 % of what the process may open",
            otherwise="raise its limit, or look for callers that keep connections",
            limit=0.9,
        ),
        lines(
            "Age of the gauges",
            [
                Query(
                    f"time() - max by (instance) ({COUNTED})",
                    "{{instance}}",
                )
            ],
            "s",
            normal="under 10 s for each worker",
            otherwise="what it says of live and overdue numbers is as old as this",
            limit=120,
            runbook="ActivationWorkerBlind",
        ),
        lines(
            "Looks per second",
            [Query(rate("looks_total", W, "provider"), "{{provider}}")],
            "ops",
            normal="live numbers divided by poll_seconds",
            otherwise="fewer are late looks or an open circuit",
            stacked=True,
        ),
        lines(
            "Numbers taken over per minute",
            [Query(f"{rate('accepted_total', W, 'provider')} * 60", "{{provider}}")],
            "cpm",
            normal="what the shop sells",
            otherwise="none while it sells: see API calls and purchases refused",
            stacked=True,
        ),
        lines(
            "Forgetting failed per minute",
            [Query(f"{rate('retention_failures_total', W, 'kind')} * 60", "{{kind}}")],
            "cpm",
            normal="0",
            otherwise="what is past its time of [retention] stays: its error is in the journal",
            runbook="ActivationWorkerRetentionFails",
        ),
    ]
