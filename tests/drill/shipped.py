"""The shipped rules, alerts and routes, with every time in them shortened by one factor.

Ranges, offsets, `for`, and how long notifications are gathered are `FACTOR` times shorter than in
production; Prometheus evaluates each second, and scrapes every other. The worker, its servers and
all thresholds are as in production. A larger factor would make `for` shorter than the worker's
gauges are old.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.ops.queries import ALERTS, DEPLOY, RULES

FACTOR: Final = 10
#: Also how long a worker may take to answer: of a busy machine one second is too little.
SCRAPE_SECONDS: Final = 2
EVALUATE_SECONDS: Final = 1
PROMETHEUS: Final = DEPLOY / "prometheus/prometheus.yaml"
ALERTMANAGER: Final = DEPLOY / "prometheus/alertmanager.yaml"
LOOKBACK: Final = "5m"  #: Prometheus's own default.
RESEND: Final = "1m"  #: The same.
TARGETS: Final = "targets.json"
RECEIVERS: Final = ("page", "ticket", "nobody")
_UNITS: Final[Mapping[str, float]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME: Final = r"\d+[smhd]"
#: A range, the step of a subquery, an offset.
_IN_QUERY: Final = re.compile(rf"(?<=[\[:]){_TIME}(?=[\]:])|(?<=offset ){_TIME}")


def seconds_of(time: str) -> float:
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhd])", time))


def shorter(time: str) -> str:
    return f"{round(seconds_of(time) * 1000 / FACTOR)}ms"


def shorter_query(expr: str) -> str:
    return _IN_QUERY.sub(lambda found: shorter(found[0]), expr)


def shorter_rules(rules: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(rules.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["expr"] = shorter_query(rule["expr"])
            if "annotations" in rule:  # A description may ask a query of its own.
                said = rule["annotations"]
                said["description"] = shorter_query(said["description"])
            rule |= {key: shorter(rule[key]) for key in ("for", "keep_firing_for") if key in rule}
    return document


def waits_of(alert: str) -> float:
    """How long an alert waits as shipped once it is true, in seconds: `for`, and for others."""
    document = yaml.safe_load(ALERTS.read_text())
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    [first, *_] = [rule for rule in rules if rule["alert"] == alert]
    gathers = yaml.safe_load(ALERTMANAGER.read_text())["route"]["group_wait"]
    return seconds_of(first.get("for", "0s")) + seconds_of(gathers)


def seen_later() -> float:
    """A fault is seen by the next scrape, and judged by the next evaluation: both come later."""
    given = yaml.safe_load(PROMETHEUS.read_text())["global"]
    shipped = seconds_of(given["scrape_interval"]) + seconds_of(given["evaluation_interval"])
    return shipped - SCRAPE_SECONDS - EVALUATE_SECONDS


def as_shipped(alert: str, measured: float) -> float:
    """When a notification that came here after so many seconds comes in production, at the latest.

    Where a range has to fill first it comes later still: nothing here knows by how much.
    """
    return measured + waits_of(alert) * (1 - 1 / FACTOR) + seen_later()


def write_prometheus(directory: Path, alertmanager: str) -> Path:
    """The configuration with its rules; its targets are in `TARGETS` beside it."""
    config: dict[str, Any] = yaml.safe_load(PROMETHEUS.read_text())
    config["global"]["scrape_interval"] = f"{SCRAPE_SECONDS}s"
    config["global"]["evaluation_interval"] = f"{EVALUATE_SECONDS}s"
    for name, rules in (("rules.yaml", RULES), ("alerts.yaml", ALERTS)):
        (directory / name).write_text(yaml.safe_dump(shorter_rules(rules)))
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    [worker] = [job for job in config["scrape_configs"] if job["job_name"] == "activation-worker"]
    # Discovery is a file here, which a row can change.
    del worker["dns_sd_configs"]
    worker["file_sd_configs"] = [{"files": [TARGETS], "refresh_interval": "1s"}]
    config["scrape_configs"] = [worker]
    written = directory / "prometheus.yaml"
    written.write_text(yaml.safe_dump(config))
    return written


def write_targets(directory: Path, targets: list[str]) -> None:
    """Whole or not at all: Prometheus reads it at any time."""
    half = directory / "targets.half"
    half.write_text(json.dumps([{"targets": targets}]))
    half.rename(directory / TARGETS)


def write_alertmanager(directory: Path, inbox: str) -> Path:
    """The routes and inhibitions as shipped; each receiver is an address of the inbox."""
    config: dict[str, Any] = yaml.safe_load(ALERTMANAGER.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        for wait in ("group_wait", "group_interval", "repeat_interval"):
            if wait in route:
                route[wait] = shorter(route[wait])
    assert [receiver["name"] for receiver in config["receivers"]] == list(RECEIVERS)
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [
            {"url": f"{inbox}/{receiver['name']}", "send_resolved": True}
        ]
        # Somebody reads this one: the text as shipped.
        receiver["slack_configs"] = [
            {
                "api_url": f"{inbox}/{receiver['name']}/text",
                "channel": "drill",
                "title": '{{ template "activation-worker.title" . }}',
                "text": '{{ template "activation-worker.text" . }}',
            }
        ]
    [template] = config["templates"]
    (directory / template).write_text(ALERTMANAGER.with_name(template).read_text())
    written = directory / "alertmanager.yaml"
    written.write_text(yaml.safe_dump(config))
    return written
