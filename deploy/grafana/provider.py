"""The Provider board: one of them, chosen at the top."""

from typing import Final

from deploy.grafana.board import Row, board, provider
from deploy.grafana.panels import (
    AMBER,
    GREEN,
    PROVIDER_BOARD,
    RED,
    Json,
    Panel,
    Query,
    lines,
    tile,
)
from deploy.grafana.selectors import A, P, counted, quantile, rate, zero_without_codes
from deploy.grafana.works import RENTING, renting_allowed

FAILED: Final = f'{P}, result!="ok"'
DELIVERED: Final = f'{P}, outcome="delivered"'


def one_provider() -> Json:
    return board(
        uid=PROVIDER_BOARD,
        title="Activation worker: provider",
        says="Does it answer, does it bring codes, what does it cost?",
        variables=[provider(single=True)],
        rows=[
            Row("Now. Grey: nobody knows", _now()),
            Row("Does it answer?", _answers()),
            Row("Does it bring codes?", _codes()),
            Row("Money there", _money()),
            Row("Looks, purchases, endings", _more(), collapsed=True),
        ],
    )


def _now() -> list[Panel]:
    exposure = f"max({counted('provider_exposure_minor', P)})"
    limit = f"max({A}provider_exposure_limit_minor{{{P}}})"
    return [
        tile(
            "Answers",
            f"1 - avg({A}provider_circuit_open{{{P}}})",
            "percentunit",
            words={1: ("yes", GREEN), 0: ("no", RED)},
            normal="yes",
            otherwise="it failed too often; wait, customers are credited after the grace",
            thresholds=((None, RED), (0.001, AMBER), (1, GREEN)),
            runbook="ActivationWorkerProviderDown",
            desk="/providers",
        ),
        tile(
            "Renting allowed",
            f"max({renting_allowed()})",
            "none",
            words=RENTING,
            normal="yes",
            otherwise="at its limit, end what is open there; balance, top it up; stopped, ask who",
            runbook="ActivationWorkerProviderHalted",
            desk="/providers",
        ),
        tile(
            "Failed requests",
            f"{rate('provider_requests_total', FAILED)} / "
            f"({rate('provider_requests_total', P)} > 0)",
            "percentunit",
            normal="under 1 %",
            otherwise="see below which operation fails, and how",
            thresholds=((None, GREEN), (0.05, AMBER), (0.25, RED)),
            runbook="ActivationWorkerProviderErrors",
        ),
        tile(
            "Live numbers",
            f"max({counted('live', P)})",
            "none",
            normal="as many as are sold in twenty minutes",
            otherwise="see whether it answers and rents",
        ),
        tile(
            "Exposure of its limit",
            f"{exposure} / ({limit} > 0)",
            "percentunit",
            normal="under 20 % of what may be at risk there",
            otherwise="claim it at the provider, then end it; at 100 % nothing is rented",
            thresholds=((None, GREEN), (0.5, AMBER), (0.8, RED)),
            runbook="ActivationWorkerExposureNearLimit",
            desk="/providers",
        ),
        tile(
            "In doubt",
            f"max({counted('purchases_in_doubt', P)})",
            "none",
            normal="0, or some for minutes after an outage",
            otherwise="look at its list and history, then say sold or unsold",
            thresholds=((None, GREEN), (1, AMBER), (20, RED)),
            runbook="ActivationWorkerPurchasesInDoubt",
            desk="/providers",
        ),
        tile(
            "Balance, minor units",
            f"max({counted('provider_balance_minor', P)})",
            "short",
            normal="enough for days of sales; it is read every hour",
            otherwise="top it up at the provider",
            runbook="ActivationWorkerProviderBalanceLow",
        ),
        tile(
            "Cancelled, 1 h",
            f"max({counted('provider_cancel_ratio', P)})",
            "percentunit",
            normal="the share of numbers that get no code, well under 90 %",
            otherwise="it may block the account; sell less of what brings no code",
            thresholds=((None, GREEN), (0.75, AMBER), (0.9, RED)),
            runbook="ActivationWorkerCancelRatio",
        ),
    ]


def _answers() -> list[Panel]:
    return [
        lines(
            "Requests by result",
            [Query(rate("provider_requests_total", P, "result"), "{{result}}")],
            "reqps",
            normal="ok alone",
            otherwise="refused is our key or account, unknown an answer nobody could read",
            stacked=True,
            runbook="ActivationWorkerProviderRefuses",
        ),
        lines(
            "Failed requests by operation",
            [Query(f"{rate('provider_requests_total', FAILED, 'operation')} > 0", "{{operation}}")],
            "reqps",
            normal="empty",
            otherwise="one operation alone is its change or ours, all of them an outage",
            runbook=("ActivationWorkerProviderErrors", "ActivationWorkerLooksFail"),
        ),
        lines(
            "Request duration, 95 of 100",
            [Query(quantile(0.95, "provider_request_seconds", P, "operation"), "{{operation}}")],
            "s",
            normal="under 1 s",
            otherwise="it is slow; after 10 s a request is given up and counts as failed",
            limit=10,
        ),
    ]


def _codes() -> list[Panel]:
    by_service = "max by (service, outcome)"
    ended = f"sum by (service) ({by_service} ({counted('service_endings', P)}))"
    coded = f"sum by (service) ({by_service} ({counted('service_endings', DELIVERED)}))"
    return [
        lines(
            "Time to the first code, here",
            [
                Query(zero_without_codes(quantile(share, "code_wait_seconds", P, "provider")), name)
                for share, name in ((0.5, "median"), (0.9, "9 of 10"))
            ],
            "s",
            normal="steady over the day",
            otherwise="its operators are slow, at 0 no code comes; prefer another provider",
        ),
        lines(
            "Numbers with a code",
            [
                Query(
                    f"{rate('settled_total', DELIVERED)} / ({rate('settled_total', P)} > 0)",
                    "of all that ended",
                )
            ],
            "percentunit",
            normal="what its services bring, steady over days",
            otherwise="let other providers be asked first: rent with `prefer` by success",
        ),
        lines(
            "Numbers with a code, by service",
            [Query(f"{coded} / ({ended} > 0)", "{{service}}")],
            "percentunit",
            normal="each its own, steady over days; of what was rented since yesterday",
            otherwise="a service at 0 brings nothing here: sell it from another provider",
        ),
    ]


def _money() -> list[Panel]:
    return [
        lines(
            "Exposure and its limit, minor units",
            [
                Query(f"max by (currency) ({counted('provider_exposure_minor', P)})", "at risk"),
                Query(f"max by (currency) ({A}provider_exposure_limit_minor{{{P}}})", "limit"),
            ],
            "short",
            normal="far below the limit, and falling after an outage",
            otherwise="claim at the provider what it kept, then end it",
            width=12,
            runbook="ActivationWorkerExposureNearLimit",
            desk="/providers",
        ),
        lines(
            "Balance there, minor units",
            [Query(f"max by (currency) ({counted('provider_balance_minor', P)})", "{{currency}}")],
            "short",
            normal="it falls as numbers are sold and jumps with each top-up",
            otherwise="falling faster than sales is money kept for cancelled numbers",
            width=12,
            runbook="ActivationWorkerProviderBalanceLow",
        ),
    ]


def _more() -> list[Panel]:
    again = "provider_answers_again_seconds"
    return [
        lines(
            "Looks begun late, 95 of 100",
            [Query(quantile(0.95, "look_lateness_seconds", P), "late by")],
            "s",
            normal="under 1 s, also with thousands of numbers",
            otherwise="raise requests_per_second if the provider allows more",
            limit=5,
            runbook="ActivationWorkerLookBurn",
        ),
        lines(
            "Purchases refused per minute",
            [Query(f"{rate('purchases_refused_total', P, 'reason')} * 60", "{{reason}}")],
            "cpm",
            normal="no_numbers now and then",
            otherwise="provider_balance_too_low wants a top-up, bad_service a change of ours",
            stacked=True,
        ),
        lines(
            "Purchases in doubt",
            [Query(f"max({counted('purchases_in_doubt', P)})", "in doubt")],
            "none",
            normal="0, or some for minutes after an outage",
            otherwise="look at its list and history, then say sold or unsold",
            runbook="ActivationWorkerPurchasesInDoubt",
        ),
        lines(
            "Endings there per minute",
            [Query(f"{rate('resolved_total', P, 'provider_state')} * 60", "{{provider_state}}")],
            "cpm",
            normal="cancelled and finished",
            otherwise="charged, gone and disputed are money to ask for there",
            stacked=True,
            desk="/providers",
        ),
        lines(
            "Late codes per hour",
            [Query(f"{rate('late_codes_total', P)} * 3600", "late")],
            "short",
            normal="0, or some that came after the window or a cancel",
            otherwise="they are not shown, not charged, and their price is ours",
            runbook="ActivationWorkerLateCode",
        ),
        lines(
            "Late first answers per hour",
            [
                Query(
                    f"({rate(f'{again}_count', P)} - "
                    f"""{rate(f"{again}_bucket", f'{P}, le="1.5"')}) * 3600""",
                    "later than 1.5 s",
                )
            ],
            "short",
            normal="0: after an outage the first look or ending is within 1.5 s",
            otherwise="see the journal for what the worker did at that time",
        ),
    ]
