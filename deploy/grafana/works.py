"""What works, in bands: workers, servers by worker, the endpoint, providers, and rentings there.

No band goes on as green where nothing was tried, or where nobody knows: it is grey then.
"""

from collections.abc import Mapping
from typing import Final

from deploy.grafana.panels import AMBER, GREEN, RED, Panel, Query, timeline
from deploy.grafana.selectors import (
    COUNTED,
    IDLE,
    NO_DATA,
    SILENT_SECONDS,
    A,
    P,
    W,
    counted,
    or_no_data,
    rate,
)

EVENTS_OLD_SECONDS: Final = 60
TAKEN_MIN: Final = 0.5  #: Of what is sent to an endpoint that works; as in the alert.
ANSWERED_MIN: Final = 0.75  #: As in the alert about failing requests.
#: Why nothing is rented at a provider, by the value that stands for it.
BALANCE, STOPPED, NO_NUMBERS, IN_DOUBT, LIMIT = range(2, 7)
RENTING: Final[Mapping[float, tuple[str, str]]] = {
    1: ("yes", GREEN),
    LIMIT: ("at its limit", RED),
    BALANCE: ("balance too low", RED),
    STOPPED: ("stopped or away", RED),
    NO_NUMBERS: ("no numbers", AMBER),
    IN_DOUBT: ("limit, in doubt", RED),
}


def what_works() -> Panel:
    return timeline(
        "What works",
        [
            Query(or_no_data('avg(up{job=~"$job", instance=~"$instance"})'), "workers"),
            Query(_server("database", f" * {_reads()}"), "database, {{instance}}"),
            Query(_server("redis"), "redis, {{instance}}"),
            Query(or_no_data(_endpoint()), "endpoint for events"),
            Query(_canary(), "canary"),
            Query(_answers(), "{{provider}} answers"),
            Query(renting_allowed(), "{{provider}}: renting allowed"),
        ],
        {**RENTING, 0: ("away", RED), 1: ("works", GREEN)},
        normal="green; amber fails in part, grey is not known or not asked for",
        otherwise="the topmost red band causes most below it; one worker's alone is its network",
        runbook=(
            "ActivationWorkerNoWorker",
            "ActivationWorkerRedisDown",
            "ActivationWorkerCutOff",
            "ActivationWorkerCanaryStale",
            "ActivationWorkerProviderDown",
        ),
        width=14,
        height=13,
    )


def _server(dependency: str, more: str = "") -> str:
    """By worker; one that is not scraped cannot say."""
    up = f'min by (instance) ({A}dependency_up{{{W}, dependency="{dependency}"}})'
    return f"{up}{more} or {NO_DATA} * max by (instance) (up{{{W}}} >= bool 0)"


def _reads() -> str:
    return f"(time() - max by (instance) ({COUNTED}) < bool {SILENT_SECONDS})"


def _endpoint() -> str:
    """Where it takes no more than half it does not work, however young the oldest event is."""
    sent = rate("event_deliveries_total", f'{W}, result="sent"')
    taken = f"({sent} / ({rate('event_deliveries_total', W)} > 0))"
    young = f"(max({counted('event_oldest_seconds')}) < bool {EVENTS_OLD_SECONDS})"
    share = f"({taken} > {TAKEN_MIN} or {taken} * 0) * ({young} or vector(1))"
    return f"{share} or {young} == 0 or {young} * 0 + {IDLE}"


def _canary() -> str:
    every = f"(max({A}canary_every_seconds{{{W}}}) > 0)"
    told = f"max(({counted('canary_last_success_timestamp_seconds')}) > 0)"
    return f"time() - {told} < bool 3 * {every} or {every} * 0 + {NO_DATA}"


def _answers() -> str:
    """By provider; one that is asked for nothing cannot show that it answers."""
    closed = f"(1 - avg by (provider) ({A}provider_circuit_open{{{P}}}))"
    asked = rate("provider_requests_total", P, "provider")
    silent = f'{P}, result=~"timeout|unavailable"'
    share = f"(1 - {rate('provider_requests_total', silent, 'provider')} / ({asked} > 0))"
    return (
        f"{closed} < 1 or {share} < {ANSWERED_MIN} or {share} >= bool {ANSWERED_MIN}"
        f" or {closed} * 0 + {IDLE} or {_unknown()}"
    )


def renting_allowed() -> str:
    """By provider: 1, or the value of `RENTING` that says why nothing is rented there."""
    halted = f"max by (provider) ({counted('provider_halted', P)})"
    doubt = f"max by (provider) ({counted('purchases_in_doubt', P)})"
    return " or ".join(
        (
            f"({halted} == 1 and {doubt} > 0) * 0 + {IN_DOUBT}",
            f"({halted} == 1) * 0 + {LIMIT}",
            _refused("provider_balance_too_low", BALANCE),
            _refused("provider_unavailable", STOPPED),
            _refused("no_numbers", NO_NUMBERS),
            f"({halted} == 0) + 1",
            _unknown(),
        )
    )


def _refused(reason: str, value: int) -> str:
    """Where purchases fail for this, and nothing is rented."""
    refused = rate("purchases_refused_total", f'{P}, reason="{reason}"', "provider")
    return f"({refused} > 0 unless {rate('accepted_total', P, 'provider')} > 0) * 0 + {value}"


def _unknown() -> str:
    """By provider that was there an hour ago, so that its band does not vanish with its workers."""
    there = "provider:activation_worker_provider_circuit_open:present1h"
    return f'{NO_DATA} * max by (provider) ({there}{{job=~"$job", provider=~"$provider"}})'
