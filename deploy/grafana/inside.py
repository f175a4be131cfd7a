"""Panels about money, events and the worker itself: where to look when something is late."""

from deploy.grafana.panels import GREEN, RED, Panel, Query, lines, timeline
from deploy.grafana.selectors import A, P, W
from worker.jobs import WORK_SECONDS


def money() -> list[Panel]:
    return [
        lines(
            "Credited",
            "Money given back per hour, in minor units of its currency, by reason.",
            [
                Query(
                    "sum by (currency, reason) "
                    f"(rate({A}credited_minor_total{{{W}}}[$__rate_interval])) * 3600",
                    "{{currency}} {{reason}}",
                )
            ],
            "short",
            stacked=True,
        ),
        lines(
            "Credits in time",
            "The objective: share of credits within the grace and 5 s of the deadline, over an "
            "hour. 99.9 % or more is normal.",
            [Query(f'1 - {A}credits_late:ratio_rate1h{{job=~"$job"}}', "in time")],
            "percentunit",
            runbook="ActivationWorkerCreditLate",
        ),
        lines(
            "Endings at the provider",
            "What became of settled numbers there, per minute. `charged`, `gone` and `disputed` "
            "are money to ask for.",
            [
                Query(
                    "sum by (provider_state) "
                    f"(rate({A}resolved_total{{{P}}}[$__rate_interval])) * 60",
                    "{{provider_state}}",
                )
            ],
            "cpm",
            stacked=True,
        ),
        lines(
            "Late codes",
            "Codes per hour that came after the window or the cancel: not shown, not charged.",
            [
                Query(
                    "sum by (provider) "
                    f"(rate({A}late_codes_total{{{P}}}[$__rate_interval])) * 3600",
                    "{{provider}}",
                )
            ],
            "short",
            runbook="ActivationWorkerLateCode",
        ),
        lines(
            "Purchases refused",
            "Attempts per minute to rent at a provider with which certainly nothing was bought.",
            [
                Query(
                    "sum by (provider, reason) "
                    f"(rate({A}purchases_refused_total{{{P}}}[$__rate_interval])) * 60",
                    "{{provider}} {{reason}}",
                )
            ],
            "cpm",
        ),
        lines(
            "Refused intake",
            "Numbers per hour that were handed over through arq and are watched by nobody.",
            [
                Query(
                    "sum by (reason) "
                    f"(rate({A}intake_refused_total{{{W}}}[$__rate_interval])) * 3600",
                    "{{reason}}",
                )
            ],
            "short",
            runbook="ActivationWorkerIntakeRefused",
        ),
        lines(
            "Event deliveries",
            "Attempts per minute to hand events to the shop's endpoint.",
            [
                Query(
                    "sum by (result) "
                    f"(rate({A}event_deliveries_total{{{W}}}[$__rate_interval])) * 60",
                    "{{result}}",
                )
            ],
            "cpm",
            stacked=True,
            runbook="ActivationWorkerEventsStuck",
        ),
        lines(
            "Codes told, 95 of 100",
            "From when a code was recorded until the endpoint took its event.",
            [
                Query(
                    "histogram_quantile(0.95, sum by (le) "
                    f"(rate({A}code_told_seconds_bucket{{{W}}}[$__rate_interval])))",
                    "told",
                )
            ],
            "s",
            runbook="ActivationWorkerEventsStuck",
        ),
        lines(
            "Oldest that waits",
            "The oldest event for the endpoint, and the oldest case or number for a person.",
            [
                Query(f"max({A}event_oldest_seconds{{{W}}})", "event"),
                Query(f"max({A}oldest_review_seconds{{{W}}})", "review"),
            ],
            "s",
            runbook="ActivationWorkerEventsStuck",
        ),
        lines(
            "Waiting for a person",
            "Cases and numbers that wait for a verdict, by kind.",
            [Query(f"max by (kind) ({A}reviews_waiting{{{W}}})", "{{kind}}")],
            "none",
            stacked=True,
            runbook="ActivationWorkerReviewsLate",
        ),
        lines(
            "Numbers taken over",
            "Rented through the worker or handed over to it, per minute.",
            [
                Query(
                    f"sum by (provider) (rate({A}accepted_total{{{P}}}[$__rate_interval])) * 60",
                    "{{provider}}",
                )
            ],
            "cpm",
            stacked=True,
        ),
    ]


def worker() -> list[Panel]:
    jobs = f"rate({A}jobs_total{{{W}}}[$__rate_interval])"
    seconds = f"rate({A}job_seconds_bucket{{{W}}}[$__rate_interval])"
    return [
        timeline(
            "Dependencies",
            "Whether the database and Redis do their work for each worker: Redis only counts while "
            "it takes writes in time. Without Redis all goes on, from the database.",
            Query(
                f"min by (instance, dependency) ({A}dependency_up{{{W}}})",
                "{{instance}} {{dependency}}",
            ),
            [(0, "away", RED), (1, "works", GREEN)],
        ),
        timeline(
            "Who stands in",
            "The worker that looks and ends at a provider while Redis is away. One for each "
            "provider; another takes over within two seconds, ten where the host froze.",
            Query(f"max by (instance, provider) ({A}leader{{{P}}})", "{{provider}} {{instance}}"),
            [(0, "no", GREEN), (1, "leads", GREEN)],
        ),
        lines(
            "Jobs by result",
            "Jobs per second over all workers. `busy`, a tick whose like still ran, is normal.",
            [Query(f"sum by (result) ({jobs})", "{{result}}")],
            "ops",
            stacked=True,
            runbook="ActivationWorkerJobsFailing",
        ),
        lines(
            "Job duration, 95 of 100",
            "`watch` and `expire` go on for 5 s while there is work. A job is cut off at "
            f"{WORK_SECONDS} s.",
            [
                Query(
                    f"histogram_quantile(0.95, sum by (le, job_name) ({seconds}))",
                    "{{job_name}}",
                )
            ],
            "s",
            limit=WORK_SECONDS,
        ),
        lines(
            "Schedule lag",
            "How long ago the oldest due look should have happened. Codes are shown this much "
            "later; endings do not wait for looks.",
            [Query(f"max({A}schedule_lag_seconds{{{W}}})", "lag")],
            "s",
            limit=10,
            runbook="ActivationWorkerScheduleLag",
        ),
        lines(
            "Looks",
            "Numbers looked at per second, in lists or singly.",
            [
                Query(
                    f"sum by (provider) (rate({A}looks_total{{{P}}}[$__rate_interval]))",
                    "{{provider}}",
                )
            ],
            "ops",
            stacked=True,
        ),
        lines(
            "Age of the gauges",
            "How long ago each worker last counted the queue. Beyond two minutes the panels about "
            "live and overdue numbers show the past.",
            [
                Query(
                    f"time() - max by (instance) ({A}stats_last_success_timestamp_seconds{{{W}}})",
                    "{{instance}}",
                )
            ],
            "s",
            limit=120,
            runbook="ActivationWorkerBlind",
        ),
        lines(
            "Age of the last canary",
            "How long ago a number of the worker's own last got its code and ended; empty where no "
            "canary is configured or none has got there yet.",
            [
                Query(
                    f"time() - max({A}canary_last_success_timestamp_seconds{{{W}}} > 0)",
                    "last success",
                )
            ],
            "s",
            runbook="ActivationWorkerCanaryStale",
        ),
        lines(
            "CPU",
            "Cores used by each worker. One process uses one core: near 1, start another.",
            [Query(f"rate(process_cpu_seconds_total{{{W}}}[$__rate_interval])", "{{instance}}")],
            "none",
            limit=0.9,
        ),
        lines(
            "Memory",
            "Resident memory of each worker.",
            [Query(f"process_resident_memory_bytes{{{W}}}", "{{instance}}")],
            "bytes",
        ),
        lines(
            "Event loop, 99 of 100",
            "How late the loop wakes a task: all calls wait as long. Under 50 ms is normal.",
            [
                Query(
                    "histogram_quantile(0.99, sum by (le, instance) "
                    f"(rate({A}loop_lag_seconds_bucket{{{W}}}[$__rate_interval])))",
                    "{{instance}}",
                )
            ],
            "s",
            limit=0.5,
        ),
        lines(
            "Database connections",
            "Of all workers. All busy for long: transactions wait for a connection.",
            [Query(f"sum by (pool, state) ({A}db_connections{{{W}}})", "{{pool}} {{state}}")],
            "none",
            stacked=True,
        ),
        lines(
            "Transactions, 95 of 100",
            "With the wait for a connection. Under 50 ms is normal.",
            [
                Query(
                    "histogram_quantile(0.95, sum by (le) "
                    f"(rate({A}db_transaction_seconds_bucket{{{W}}}[$__rate_interval])))",
                    "transaction",
                )
            ],
            "s",
            limit=1,
            runbook="ActivationWorkerDatabaseDown",
        ),
        lines(
            "API calls",
            "Calls per second, by status. 5xx: the database is away, or a bug.",
            [
                Query(
                    f"sum by (status) (rate({A}http_requests_total{{{W}}}[$__rate_interval]))",
                    "{{status}}",
                )
            ],
            "reqps",
            stacked=True,
        ),
        lines(
            "API duration, 95 of 100",
            "By route. Calls that wait for a change are routes of their own, and wait on purpose.",
            [
                Query(
                    "histogram_quantile(0.95, sum by (le, route) "
                    f"(rate({A}http_request_seconds_bucket{{{W}}}[$__rate_interval])))",
                    "{{route}}",
                )
            ],
            "s",
        ),
        lines(
            "Looks begun late, 95 of 100",
            "From when a look was due until it began. The objective is 5 s.",
            [
                Query(
                    "histogram_quantile(0.95, sum by (le, provider) "
                    f"(rate({A}look_lateness_seconds_bucket{{{P}}}[$__rate_interval])))",
                    "{{provider}}",
                )
            ],
            "s",
            limit=5,
            runbook="ActivationWorkerLookBurn",
        ),
    ]
