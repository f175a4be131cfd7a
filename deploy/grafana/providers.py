"""Panels about the providers: do they answer, what do they cost us."""

from deploy.grafana.panels import AMBER, GREEN, RED, Panel, Query, bars, lines, timeline
from deploy.grafana.selectors import A, P


def providers() -> list[Panel]:
    requests = f"rate({A}provider_requests_total{{{P}}}[$__rate_interval])"
    failed = f'rate({A}provider_requests_total{{{P}, result!="ok"}}[$__rate_interval])'
    seconds = f"rate({A}provider_request_seconds_bucket{{{P}}}[$__rate_interval])"
    return [
        lines(
            "Failed requests",
            "Share of the requests to a provider that brought no usable answer.",
            [
                Query(
                    f"sum by (provider) ({failed}) / sum by (provider) ({requests})",
                    "{{provider}}",
                )
            ],
            "percentunit",
            limit=0.25,
            runbook="ActivationWorkerProviderErrors",
        ),
        lines(
            "Requests by result",
            "Requests per second over the providers chosen. `unknown` is an answer in words we do "
            "not know, `refused` our key or account.",
            [Query(f"sum by (result) ({requests})", "{{result}}")],
            "reqps",
            stacked=True,
            runbook="ActivationWorkerProviderRefuses",
        ),
        lines(
            "Request duration, 95 of 100",
            "Over all operations. Requests are given up after ten seconds.",
            [
                Query(
                    f"histogram_quantile(0.95, sum by (le, provider) ({seconds}))",
                    "{{provider}}",
                )
            ],
            "s",
        ),
        timeline(
            "Circuits",
            "Red while a worker sends the provider nothing because it failed too often.",
            Query(f"max by (provider) ({A}provider_circuit_open{{{P}}})", "{{provider}}"),
            [(0, "closed", GREEN), (1, "open", RED)],
            runbook="ActivationWorkerProviderDown",
        ),
        lines(
            "Late first answers after an outage",
            "How often an hour a provider answered again and the first look or ending there came "
            "more than 1.5 s later. None is normal.",
            [
                Query(
                    "sum by (provider) "
                    f"(rate({A}provider_answers_again_seconds_count{{{P}}}[$__rate_interval])"
                    " - ignoring (le) "
                    f'rate({A}provider_answers_again_seconds_bucket{{{P}, le="1.5"}}'
                    "[$__rate_interval])) * 3600",
                    "{{provider}}",
                )
            ],
            "short",
        ),
        bars(
            "Exposure",
            "Money that customers have back and the provider may still keep, as a share of the "
            "limit from which nothing more is rented there.",
            Query(
                f"max by (provider, currency) ({A}provider_exposure_minor{{{P}}})"
                f" / max by (provider, currency) ({A}provider_exposure_limit_minor{{{P}}})",
                "{{provider}}, {{currency}}",
            ),
            "percentunit",
            thresholds=((None, GREEN), (0.8, AMBER), (1, RED)),
            defaults={"min": 0, "max": 1},
            runbook="ActivationWorkerExposureNearLimit",
        ),
        lines(
            "Purchases in doubt",
            "Nobody knows whether they were sold. Where a provider has a list and a history, they "
            "are proven sold or unsold within minutes.",
            [Query(f"max by (provider) ({A}purchases_in_doubt{{{P}}})", "{{provider}}")],
            "none",
            runbook="ActivationWorkerPurchasesInDoubt",
        ),
        timeline(
            "Halted",
            "Red while nothing is rented there because too much money is at risk.",
            Query(
                f"max by (provider, reason) ({A}provider_halted{{{P}}})", "{{provider}}, {{reason}}"
            ),
            [(0, "taking", GREEN), (1, "halted", RED)],
            runbook="ActivationWorkerProviderHalted",
        ),
        lines(
            "Cancelled of all ended, one hour",
            "Providers block accounts that cancel nearly everything.",
            [Query(f"max by (provider) ({A}provider_cancel_ratio{{{P}}})", "{{provider}}")],
            "percentunit",
            limit=0.9,
            runbook="ActivationWorkerCancelRatio",
        ),
        lines(
            "Balance",
            "What we have at each provider by its own word, read every hour, in minor units.",
            [
                Query(
                    f"max by (provider, currency) ({A}provider_balance_minor{{{P}}})",
                    "{{provider}}, {{currency}}",
                )
            ],
            "short",
        ),
    ]
