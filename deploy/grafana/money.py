"""The Money board: holds, credits, payouts, cases, exposure, the audit."""

from typing import Final

from deploy.grafana.board import Row, board, provider
from deploy.grafana.panels import AMBER, GREEN, RED, Json, Panel, Query, heatmap, lines, tile
from deploy.grafana.selectors import A, P, W, counted, rate, while_counted
from deploy.grafana.tiles import ZERO_IS_GOOD, audit_violations, late_credits, verdicts_late

UID: Final = "activation-worker-money"
_EXPOSURE: Final = (
    f"max by (provider, currency) ({counted('provider_exposure_minor', P)})"
    f" / (max by (provider, currency) ({A}provider_exposure_limit_minor{{{P}}}) > 0)"
)


def money() -> Json:
    return board(
        uid=UID,
        title="Activation worker: money",
        says="Does the money add up, who waits for some, what is at risk?",
        variables=[provider()],
        rows=[
            Row("Now. Grey: nobody knows", _now()),
            Row("Customers' money", _customers()),
            Row("Cases and providers", _others()),
            Row("Books", _books(), collapsed=True),
        ],
    )


def _now() -> list[Panel]:
    audited = f"{A}audit_last_success_timestamp_seconds{{{W}}}"
    return [
        audit_violations(),
        tile(
            "Last audit",
            while_counted(f"time() - max({audited} > 0)"),
            "s",
            normal="under 6 min; one is due every five",
            otherwise="see on Inside whether the audit job fails or takes too long",
            thresholds=((None, GREEN), (900, AMBER), (1800, RED)),
            runbook="ActivationWorkerAuditStale",
        ),
        late_credits(),
        verdicts_late(),
        tile(
            "Oldest review",
            f"max({counted('oldest_review_seconds')})",
            "s",
            normal="under a day",
            otherwise="decide it at the desk before its date is over",
            thresholds=((None, GREEN), (86_400, AMBER)),
            runbook="ActivationWorkerReviewsLate",
            desk="/",
        ),
        tile(
            "Timers overdue",
            f"max({counted('timers_overdue')})",
            "none",
            normal="0",
            otherwise="the dates that policies promise pass unheeded; see the timers job on Inside",
            thresholds=ZERO_IS_GOOD,
            runbook="ActivationWorkerTimersOverdue",
        ),
        tile(
            "Highest exposure",
            f"max({_EXPOSURE})",
            "percentunit",
            normal="under 20 % of what may be at risk with a provider",
            otherwise="find the provider below, and end what is open there",
            thresholds=((None, GREEN), (0.5, AMBER), (0.8, RED)),
            runbook="ActivationWorkerExposureNearLimit",
            desk="/providers",
        ),
        tile(
            "Purchases in doubt",
            f"max({counted('purchases_in_doubt', P)})",
            "none",
            normal="0, or some for minutes after an outage",
            otherwise="look at the provider's list and history, then say sold or unsold",
            thresholds=((None, GREEN), (1, AMBER), (20, RED)),
            runbook="ActivationWorkerPurchasesInDoubt",
            desk="/providers",
        ),
    ]


def _customers() -> list[Panel]:
    return [
        lines(
            "Holds",
            [Query(f"max by (provider) ({counted('live', P)})", "{{provider}}")],
            "none",
            normal="one for each live number, gone with its ending",
            otherwise="a climb without sales means that numbers do not end",
            stacked=True,
            runbook="ActivationWorkerOverdue",
        ),
        lines(
            "Credited per hour, minor units",
            [
                Query(
                    f"{rate('credited_minor_total', W, 'currency, reason')} * 3600 > 0",
                    "{{currency}} {{reason}}",
                )
            ],
            "short",
            normal="timeout and cancel, in the share of numbers without a code",
            otherwise="much of another reason is a provider or a service that went wrong",
            stacked=True,
        ),
        lines(
            "Endings by outcome",
            [Query(f"{rate('settled_total', P, 'outcome')} * 60", "{{outcome}}")],
            "cpm",
            normal="delivered is charged, refunded given back, closed credited on a claim",
            otherwise="find the provider that brings fewer codes on its board",
            stacked=True,
        ),
        heatmap(
            "Credits by lateness",
            f"sum by (le) (increase({A}credit_lateness_seconds_bucket{{{W}}}[$__rate_interval]))",
            "suffix: s",
            normal="a band at 1 s, at 60 s while a provider is silent",
            otherwise="above 65 s the objective is missed, above 90 s it pages",
            width=24,
            runbook="ActivationWorkerCreditLate",
        ),
    ]


def _others() -> list[Panel]:
    return [
        lines(
            "Cases and payouts that wait",
            [Query(f"max by (kind) ({counted('reviews_waiting')})", "{{kind}}")],
            "none",
            normal="what is decided in a day; withdrawal is a payout",
            otherwise="decide the oldest at the desk",
            stacked=True,
            width=12,
            runbook="ActivationWorkerReviewsLate",
            desk="/",
        ),
        lines(
            "Exposure of its limit, by provider",
            [Query(_EXPOSURE, "{{provider}} {{currency}}")],
            "percentunit",
            normal="near 0, up in an outage and down after it",
            otherwise="at 100 % nothing is rented; end what the provider does not",
            limits=((0.8, AMBER), (1, RED)),
            width=12,
            runbook="ActivationWorkerExposureNearLimit",
            desk="/providers",
        ),
    ]


def _books() -> list[Panel]:
    newest = f'invariant:{A}audit_violations:newest{{job=~"$job"}}'
    checked = f"{A}audit_checked_timestamp_seconds{{{W}}}"
    return [
        lines(
            "Violated invariants",
            [Query(f"{newest} > 0", "{{invariant}}")],
            "none",
            normal="empty",
            otherwise="follow the runbook before anybody mends the books",
            runbook="ActivationWorkerAuditViolation",
        ),
        lines(
            "Longest not checked",
            [Query(f"topk(5, time() - max by (invariant) ({checked} > 0))", "{{invariant}}")],
            "s",
            normal="under 6 min; a violation pages as soon as its invariant is checked",
            otherwise="one that climbs alone does not come to its end: `audit.cut_off` says why",
            runbook="ActivationWorkerAuditStale",
        ),
        lines(
            "Timers overdue, by kind",
            [Query(f"max by (kind) ({counted('timers_overdue')}) > 0", "{{kind}}")],
            "none",
            normal="empty",
            otherwise="see the timers job on Inside",
            runbook="ActivationWorkerTimersOverdue",
        ),
        lines(
            "Refused intake per hour",
            [Query(f"{rate('intake_refused_total', W, 'reason')} * 3600", "{{reason}}")],
            "short",
            normal="0: numbers handed over through arq are watched",
            otherwise="nobody watches these; tell the shop what it sent wrong",
            stacked=True,
            runbook="ActivationWorkerIntakeRefused",
        ),
    ]
