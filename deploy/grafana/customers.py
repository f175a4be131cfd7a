"""Panels that say whether customers are whole."""

from deploy.grafana.panels import AMBER, GREEN, RED, Panel, Query, heatmap, lines, stat
from deploy.grafana.selectors import A, P, W


def verdict() -> list[Panel]:
    """One line that answers the question: all green, or go to the runbook of what is not."""
    zero_is_good = ((None, GREEN), (1, RED))
    return [
        stat(
            "Alerts firing",
            "Alerts of the worker that fire now, of any severity.",
            'count(ALERTS{alertname=~"ActivationWorker.+", alertstate="firing"}) or vector(0)',
            "none",
            thresholds=zero_is_good,
        ),
        stat(
            "Overdue",
            "Activations past deadline and grace without an ending. Anything above 0 is a promise "
            "broken now.",
            f"max({A}overdue{{{W}}})",
            "none",
            thresholds=zero_is_good,
            runbook="ActivationWorkerOverdue",
        ),
        stat(
            "Oldest past its deadline",
            "Age past its deadline of the oldest activation without an ending.",
            f"max({A}oldest_overdue_seconds{{{W}}})",
            "s",
            thresholds=((None, GREEN), (10, AMBER), (60, RED)),
            runbook="ActivationWorkerOverdue",
        ),
        stat(
            "Late credits, 5 min",
            "Credits booked more than 90 s after their deadline in the last five minutes.",
            f'round(sum({A}late_credits:increase5m{{job=~"$job"}}))',
            "none",
            thresholds=zero_is_good,
            runbook="ActivationWorkerCreditLate",
        ),
        stat(
            "Audit violations",
            "What the newest audit found, over all invariants of money and state.",
            f'sum(invariant:{A}audit_violations:newest{{job=~"$job"}})',
            "none",
            thresholds=zero_is_good,
            runbook="ActivationWorkerAuditViolation",
        ),
        stat(
            "Last audit",
            "How long ago an audit last ran to its end; one is due every five minutes.",
            f"time() - max({A}audit_last_success_timestamp_seconds{{{W}}})",
            "s",
            thresholds=((None, GREEN), (900, AMBER), (1800, RED)),
            runbook="ActivationWorkerAuditStale",
        ),
        stat(
            "Events waiting",
            "Outgoing events that the shop's endpoint has not taken yet.",
            f"max({A}events_pending{{{W}}})",
            "none",
            thresholds=((None, GREEN), (100, AMBER), (1000, RED)),
            runbook="ActivationWorkerEventsStuck",
        ),
        stat(
            "Workers up",
            "Workers that answer the scrape. One can do all of the work; two survive a restart.",
            'sum(up{job=~"$job", instance=~"$instance"})',
            "none",
            thresholds=((None, RED), (1, GREEN)),
            runbook="ActivationWorkerNoWorker",
        ),
    ]


def customers() -> list[Panel]:
    lateness = f"sum by (le) (rate({A}credit_lateness_seconds_bucket{{{W}}}[$__rate_interval]))"
    wait = f"sum by (le) (rate({A}code_wait_seconds_bucket{{{P}}}[$__rate_interval]))"
    return [
        lines(
            "Endings by outcome",
            "Activations settled per minute: delivered (code shown, charge kept), refunded (money "
            "given back), closed (no code; credited on a claim only).",
            [
                Query(
                    f"sum by (outcome) (rate({A}settled_total{{{P}}}[$__rate_interval])) * 60",
                    "{{outcome}}",
                )
            ],
            "cpm",
            stacked=True,
        ),
        lines(
            "Credit lateness",
            "From the deadline to the credit. The promise is 60 s; without a provider in the way "
            "it is about one.",
            [
                Query(f"histogram_quantile(0.5, {lateness})", "median"),
                Query(f"histogram_quantile(0.99, {lateness})", "99 of 100"),
            ],
            "s",
            limit=60,
            runbook="ActivationWorkerCreditLate",
        ),
        heatmap(
            "Credit lateness, all credits",
            "How many credits were how late. A band at 60 s is a provider that does not answer: "
            "its customers are credited when the grace is over.",
            f"sum by (le) (increase({A}credit_lateness_seconds_bucket{{{W}}}[$__rate_interval]))",
            "s",
            runbook="ActivationWorkerCreditLate",
        ),
        lines(
            "Live numbers",
            "Activations without an ending, by provider.",
            [Query(f"max by (provider) ({A}live{{{P}}})", "{{provider}}")],
            "none",
            stacked=True,
        ),
        lines(
            "Oldest number past its deadline",
            "A saw of a few seconds is normal: numbers end in batches. A steady climb means that "
            "nothing ends.",
            [Query(f"max({A}oldest_overdue_seconds{{{W}}})", "oldest")],
            "s",
            limit=60,
            runbook="ActivationWorkerOverdue",
        ),
        lines(
            "Time to the first code",
            "From rental to code, of numbers that got one. Numbers without a code are not in it.",
            [
                Query(f"histogram_quantile(0.5, {wait})", "median"),
                Query(f"histogram_quantile(0.9, {wait})", "9 of 10"),
            ],
            "s",
        ),
    ]
