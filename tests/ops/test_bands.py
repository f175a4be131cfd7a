"""What boards show of what works: red where it fails, grey where nobody asked or nobody knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.grafana import works
from deploy.grafana.overview import overview
from deploy.grafana.selectors import IDLE, NO_DATA
from deploy.grafana.tiles import NO_LOOK
from tests.ops.board_values import SeriesCase, check, finds, queries_of

A: Final = "activation_worker_"
WHEN: Final = "6m"
STEADY, NONE, GROWS, GONE = "1x80", "0x80", "0+15x80", "0x20 stale"


def of(name: str, instance: str = "a", **labels: str) -> str:
    named = {"job": "x", "instance": instance, **labels}
    matchers = ", ".join(f'{label}="{value}"' for label, value in named.items())
    return f"{name}{{{matchers}}}"


def ours(name: str, instance: str = "a", **labels: str) -> str:
    return of(A + name, instance, **labels)


def requests(result: str) -> str:
    return ours("provider_requests_total", provider="sim", operation="look", result=result)


def refused(reason: str) -> str:
    return ours("purchases_refused_total", provider="sim", reason=reason)


def delivered(result: str) -> str:
    return ours("event_deliveries_total", result=result)


def server(name: str, instance: str) -> str:
    return ours("dependency_up", instance, dependency=name)


CIRCUIT: Final = ours("provider_circuit_open", provider="sim")
HALTED: Final = ours("provider_halted", provider="sim", reason="exposure_limit")
DOUBT: Final = ours("purchases_in_doubt", provider="sim")
ACCEPTED: Final = ours("accepted_total", provider="sim")
LIVE: Final = ours("live", provider="sim")
OLDEST: Final = ours("event_oldest_seconds")
LAG: Final = ours("schedule_lag_seconds")
CALLS, BROKEN = (ours("http_requests_total", status=status) for status in ("200", "503"))
READ: Final = {
    instance: ours("stats_last_success_timestamp_seconds", instance) for instance in "ab"
}

#: Two workers and one provider, and all is well.
WELL: Final[Mapping[str, str]] = {
    **{of("up", instance): STEADY for instance in "ab"},
    **{server(name, instance): STEADY for name in ("database", "redis") for instance in "ab"},
    **dict.fromkeys(READ.values(), GROWS),
    ours("build_info"): STEADY,
    ours("canary_every_seconds"): "300x80",
    ours("canary_last_success_timestamp_seconds"): GROWS,
    delivered("sent"): GROWS,
    delivered("retry"): NONE,
    OLDEST: NONE,
    CIRCUIT: NONE,
    requests("ok"): GROWS,
    requests("timeout"): NONE,
    LIVE: "5x80",
    LAG: NONE,
    HALTED: NONE,
    DOUBT: NONE,
    ACCEPTED: GROWS,
    **{
        refused(reason): NONE
        for reason in ("provider_balance_too_low", "provider_unavailable", "no_numbers")
    },
    CALLS: GROWS,
    BROKEN: NONE,
}
BANDS: Final = queries_of(overview(), "What works")
TILES: Final = {
    title: queries_of(overview(), title)["__auto"]
    for title in ("Looks late by", "API calls failing", "Events failed/min")
}
ANSWERS, RENTING = "{{provider}} answers", "{{provider}}: renting allowed"
ENDPOINT, DATABASE, REDIS = "endpoint for events", "database, {{instance}}", "redis, {{instance}}"
SIM: Final = 'provider="sim"'
ON_A, ON_B = ('instance="a"', 'instance="b"')
NOT_RENTED: Final = {**WELL, ACCEPTED: STEADY}


#: What is changed of `WELL`, and what a band is then.
BAND_CASES: Final[Sequence[tuple[Mapping[str, str], str, Mapping[str, float]]]] = [
    ({}, "workers", {"": 1}),
    ({}, DATABASE, {ON_A: 1, ON_B: 1}),
    ({}, REDIS, {ON_A: 1, ON_B: 1}),
    ({}, ENDPOINT, {"": 1}),
    ({}, "canary", {"": 1}),
    ({}, ANSWERS, {SIM: 1}),
    ({}, RENTING, {SIM: 1}),
    ({server("database", "b"): NONE}, DATABASE, {ON_A: 1, ON_B: 0}),
    ({READ["b"]: "0+15x10 150x70"}, DATABASE, {ON_A: 1, ON_B: 0}),
    ({server("redis", "b"): NONE}, REDIS, {ON_A: 1, ON_B: 0}),
    ({of("up", "b"): NONE, server("redis", "b"): GONE}, REDIS, {ON_A: 1, ON_B: NO_DATA}),
    ({delivered("retry"): "0+1485x80"}, ENDPOINT, {"": 0}),
    ({delivered("sent"): STEADY}, ENDPOINT, {"": IDLE}),
    ({delivered("sent"): STEADY, OLDEST: "90x80"}, ENDPOINT, {"": 0}),
    ({requests("ok"): STEADY}, ANSWERS, {SIM: IDLE}),
    ({requests("ok"): STEADY, requests("timeout"): GROWS}, ANSWERS, {SIM: 0}),
    ({requests("timeout"): GROWS}, ANSWERS, {SIM: 0.5}),
    ({requests("ok"): STEADY, CIRCUIT: STEADY}, ANSWERS, {SIM: 0}),
    ({CIRCUIT: GONE, requests("ok"): GONE, requests("timeout"): GONE}, ANSWERS, {SIM: NO_DATA}),
    ({HALTED: STEADY}, RENTING, {SIM: works.LIMIT}),
    ({HALTED: STEADY, DOUBT: "8x80"}, RENTING, {SIM: works.IN_DOUBT}),
    ({refused("no_numbers"): GROWS}, RENTING, {SIM: 1}),
    ({**NOT_RENTED, refused("no_numbers"): GROWS}, RENTING, {SIM: works.NO_NUMBERS}),
    ({**NOT_RENTED, refused("provider_unavailable"): GROWS}, RENTING, {SIM: works.STOPPED}),
    ({**NOT_RENTED, refused("provider_balance_too_low"): GROWS}, RENTING, {SIM: works.BALANCE}),
    (dict.fromkeys(READ.values(), "0+15x10 150x70"), RENTING, {SIM: NO_DATA}),
    (dict.fromkeys(READ.values(), "0+15x10 150x70"), "canary", {"": NO_DATA}),
]
TILE_CASES: Final[Sequence[tuple[Mapping[str, str], str, float]]] = [
    ({}, "Looks late by", 0),
    ({requests("ok"): STEADY}, "Looks late by", NO_LOOK),
    ({requests("ok"): STEADY, LAG: "7x80"}, "Looks late by", 7),
    ({requests("ok"): STEADY, LIVE: NONE}, "Looks late by", IDLE),
    # One that was rented this minute is not looked at yet.
    ({requests("ok"): STEADY, LIVE: "0x22 1x58"}, "Looks late by", IDLE),
    ({}, "API calls failing", 0),
    ({BROKEN: GROWS}, "API calls failing", 0.5),
    ({CALLS: STEADY}, "API calls failing", IDLE),
    ({}, "Events failed/min", 0),
    ({delivered("sent"): STEADY, delivered("retry"): GROWS}, "Events failed/min", 60),
    ({delivered("sent"): STEADY}, "Events failed/min", IDLE),
]
ALERT_CASES: Final[Sequence[tuple[Mapping[str, str], Mapping[str, float]]]] = [
    ({}, {'alertname="none"': 0}),
    (
        {"ProviderDown": "warning", "EndpointFails": "critical", "Aftermath": "info"},
        {'alertname="ProviderDown"': 1, 'alertname="EndpointFails"': 2},
    ),
]


def case(changed: Mapping[str, str], expr: str, found: Mapping[str, float]) -> SeriesCase:
    return SeriesCase({**WELL, **changed}, [finds(expr, WHEN, found)])


def test_a_band_is_never_green_by_silence(promtool: Path, tmp_path: Path) -> None:
    cases = [case(changed, BANDS[band], found) for changed, band, found in BAND_CASES]

    check(promtool, tmp_path, cases)

    assert {band for _, band, _ in BAND_CASES} == set(BANDS)


def test_a_tile_without_activity_is_not_green(promtool: Path, tmp_path: Path) -> None:
    cases = [case(changed, TILES[title], {"": value}) for changed, title, value in TILE_CASES]

    check(promtool, tmp_path, cases)


def test_the_alerts_that_fire_are_named(promtool: Path, tmp_path: Path) -> None:
    [expr] = queries_of(overview(), "Which alerts").values()
    cases = [
        case({alert(name, grade): STEADY for name, grade in firing.items()}, expr, found)
        for firing, found in ALERT_CASES
    ]

    check(promtool, tmp_path, cases)


def alert(name: str, severity: str) -> str:
    labels = f'alertname="ActivationWorker{name}", alertstate="firing", severity="{severity}"'
    return f"ALERTS{{{labels}}}"


def test_a_provider_without_codes_has_a_wait_of_zero(promtool: Path, tmp_path: Path) -> None:
    [expr] = queries_of(overview(), "Time to the first code, 9 of 10").values()
    buckets = {
        ours("code_wait_seconds_bucket", provider=provider, le=edge): values
        for provider, values in (("sim", NONE), ("other", GROWS))
        for edge in ("10.0", "+Inf")
    }
    live = {ours("live", provider="other"): STEADY}

    check(promtool, tmp_path, [case(buckets | live, expr, {SIM: 0.0, 'provider="other"': 9.0})])
