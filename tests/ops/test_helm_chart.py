"""The chart, rendered by helm: valid to Kubernetes, closed, and fitting the worker it starts."""

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import typer.testing
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from tests.ops.helm import CHART, KUBERNETES, Json, errors, helm, one, pods, rendered, worker_of
from tests.ops.queries import ALERTS, DASHBOARDS, DEPLOY, RULES, selectors
from tests.ops.releases import EVERYTHING, HERO, OWN, SETS
from tests.ops.test_chart_parts import environ_in, maps_of
from tests.ops.vocabulary import BY_PROMETHEUS, scraped
from worker.domain.policy.clauses import load_clauses
from worker.domain.policy.language.loading import load_profile, policy_names
from worker.entrypoints.cli.app import app
from worker.settings import load_settings
from worker.settings.model import COMMAND_LINE_NAMES, Settings, is_known, path_of

CLAUSES: Final = """# A code, or the money back: "at once".
[[clause]]
id = "own.01"
says = "{{ no code }}: the price is returned."
reasons = ["no_sms_in_window"]
"""
AFTER_DRAIN_SECONDS: Final = 20  #: For what the worker does when its jobs have ended.


@pytest.fixture(params=SETS)
def objects(request: pytest.FixtureRequest) -> list[Json]:
    return rendered(SETS[request.param])


@pytest.fixture
def everything() -> list[Json]:
    return rendered(EVERYTHING)


@pytest.mark.parametrize("name", ["as it is", "everything"])
def test_helm_finds_nothing_wrong_with_the_chart(name: str) -> None:
    done = helm("lint", "--strict", CHART, values=SETS[name])

    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_knows_every_field_of_every_object(objects: list[Json]) -> None:
    assert [errors(each) for each in objects] == [[] for _ in objects]


def test_the_oldest_kubernetes_that_the_chart_takes_knows_them_too(everything: list[Json]) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == f">={KUBERNETES[0].removeprefix('v')}-0"
    assert [errors(each, KUBERNETES[0]) for each in everything] == [[] for _ in everything]


@pytest.mark.parametrize("kind", ["StatefulSet", "ScaledObject", "ServiceMonitor"])
def test_a_misspelt_field_would_be_found(kind: str, everything: list[Json]) -> None:
    wrong = copy.deepcopy(next(each for each in everything if each["kind"] == kind))
    wrong["spec"]["jobLable"] = "name"

    assert "jobLable" in " ".join(errors(wrong))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": 1}, "replicas"),
        ({"terminationGracePeriodSeconds": 49}, "terminationGracePeriodSeconds"),
        ({"migrate": {"secretKeys": ["a/b"]}}, "secretKeys"),
        ({"policies": {"a/b": "[sms]"}}, "a/b"),
        ({"policies": {"own": {"sms": {}}}}, "policies"),
        ({"clauses": {"a/b": CLAUSES}}, "a/b"),
        ({"policies": OWN, "clauses": {"P2": CLAUSES}}, "clauses.P2"),
        (
            {"policies": OWN, "config": {"policies": {"directory": "x"}}},
            "config.policies.directory",
        ),
        ({"providers": {"hero": {**HERO, "api_key": "in-clear"}}}, "api_key"),
        ({"config": {"database": {"url": "postgresql://u:in-clear@db/x"}}}, "database"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"autoscaling": {"lagSeconds": 0}}, "lagSeconds"),
        ({"autoscaling": {"enabled": True, "maxReplicas": 2}, "replicas": 3}, "maxReplicas"),
        ({"networkPolicy": {"api": [{"podSelectors": {}}]}}, "podSelectors"),
        ({"monitoring": {"runbooksUrl": "https://pages.example/"}}, "runbooksUrl"),
    ],
)
def test_values_that_are_wrong_are_refused_by_name(values: dict[str, Any], named: str) -> None:
    done = helm("template", "shop", CHART, values=values)

    assert done.returncode != 0
    assert named in done.stderr
    assert "in-clear" not in done.stderr


def test_every_pod_is_closed(objects: list[Json]) -> None:
    for pod in pods(objects):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            closed = container["securityContext"]
            assert closed["readOnlyRootFilesystem"] is True
            assert closed["allowPrivilegeEscalation"] is False
            assert closed["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert "cpu" not in container["resources"]["limits"]


def test_what_ours_run_are_commands_with_settings_for_an_environment(objects: list[Json]) -> None:
    known = get_command(app)
    assert isinstance(known, TyperGroup)
    ours = [c for pod in pods(objects) for c in pod["containers"] if "worker" in c["image"]]
    assert len(ours) >= 3
    for container in ours:
        [command] = container["args"]
        assert known.get_command(typer.Context(known), command) is not None
        for variable in container.get("env", []):
            name = variable["name"]
            assert name in COMMAND_LINE_NAMES or is_known(path_of(name))


def test_ports_probes_and_time_to_stop_are_those_of_the_worker(everything: list[Json]) -> None:
    pod = worker_of(everything)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = Settings()

    assert ports == {"api": settings.api.listen.port, "admin": settings.admin.listen.port}
    for probe in ("livenessProbe", "startupProbe"):  # Those that restart it ask no dependency.
        assert container[probe]["httpGet"] == {"path": "/livez", "port": "admin"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    [_, waits] = container["lifecycle"]["preStop"]["exec"]["command"]
    least = int(waits) + settings.worker.drain_seconds + AFTER_DRAIN_SECONDS
    assert pod["terminationGracePeriodSeconds"] == least


def test_time_to_stop_is_longer_than_what_drains() -> None:
    longer = {"config": {"worker": {"drain_seconds": 26}}}

    short = helm("template", "shop", CHART, values=longer)

    assert short.returncode != 0
    assert "terminationGracePeriodSeconds must be 51 or more" in short.stderr
    enough = worker_of(rendered({**longer, "terminationGracePeriodSeconds": 51}))
    assert enough["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 51


@pytest.mark.parametrize("part", ["worker", "doctor"])
def test_policies_of_ones_own_are_known_beside_those_that_ship(part: str, tmp_path: Path) -> None:
    values = {"config": {"defaults": {"policy": "own"}}, "providers": {"hero": HERO}}
    objects = rendered({**values, "policies": OWN, "clauses": {"own": CLAUSES}})
    pods = {
        "worker": worker_of(objects)["spec"]["template"]["spec"],
        "doctor": one(objects, "Pod")["spec"],
    }
    environ = environ_in(pods[part], maps_of(objects), tmp_path)

    checked = typer.testing.CliRunner().invoke(app, ["check-config"], env=environ)

    assert checked.exit_code == 0, checked.output
    directory = load_settings(None, environ=environ).policies.directory
    assert set(policy_names(directory)) == {"own", *policy_names()}
    assert load_profile("own", directory).sms.sms_window_s == 900
    assert [clause.id for clause in load_clauses("own", directory)] == ["own.01"]


def test_a_policy_that_changed_starts_the_workers_anew() -> None:
    templates = [
        worker_of(rendered({"policies": {"own": text}}))["spec"]["template"]["metadata"]
        for text in (OWN["own"], f"{OWN['own']}# Seen again.\n")
    ]

    first, second = (each["annotations"]["checksum/config"] for each in templates)
    assert first != second


def test_two_are_there_while_one_is_moved_and_none_is_gone_during_a_deploy(
    objects: list[Json],
) -> None:
    spec = worker_of(objects)["spec"]
    budget = one(objects, "PodDisruptionBudget")["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert all(each["labelSelector"] == spec["selector"] for each in spread)
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_workers_are_added_by_the_lag_and_never_all_taken_away(everything: list[Json]) -> None:
    spec = one(everything, "ScaledObject")["spec"]
    [trigger] = spec["triggers"]

    assert spec["scaleTargetRef"]["name"] == worker_of(everything)["metadata"]["name"]
    assert spec["minReplicaCount"] >= 2
    assert spec["fallback"]["replicas"] >= 2
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    # KEDA before 2.18 refuses a fallback beside any other.
    assert trigger["metricType"] == "AverageValue"
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    known = scraped().keys() | BY_PROMETHEUS.keys()
    asked = selectors(trigger["metadata"]["query"])
    assert {each.name for each in asked} <= known
    # Another installation in the same Prometheus is scaled by its own lag.
    for each in asked:
        assert ("job", "activation-worker") in each.matchers
        assert ("namespace", "default") in each.matchers
    assert "replicas" not in worker_of(everything)["spec"]


def test_the_workers_are_scraped_under_the_name_that_the_rules_know(
    everything: list[Json],
) -> None:
    monitor = one(everything, "ServiceMonitor")["spec"]
    [service] = [
        each
        for each in everything
        if each["kind"] == "Service" and each["metadata"]["name"] == "shop"
    ]
    labels = service["metadata"]["labels"]
    shipped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())

    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == shipped["scrape_configs"][0]["job_name"]
    [endpoint] = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_a_series_is_told_apart_by_its_instance_alone(everything: list[Json]) -> None:
    """The operator adds labels of the pod, and the rules say `without (instance)`."""
    [endpoint] = one(everything, "ServiceMonitor")["spec"]["endpoints"]
    dropped = [each["regex"] for each in endpoint["relabelings"] if each["action"] == "labeldrop"]
    by_the_operator = {"pod", "container", "endpoint", "service", "namespace", "job", "instance"}

    left = {name for name in by_the_operator if not any(re.fullmatch(d, name) for d in dropped)}
    assert left == {"namespace", "job", "instance"}


def test_no_label_of_our_own_metrics_is_dropped(everything: list[Json]) -> None:
    """`relabelings` have dropped what the operator adds; after them, `service` is only ours."""
    [endpoint] = one(everything, "ServiceMonitor")["spec"]["endpoints"]
    steps = endpoint.get("metricRelabelings", [])
    dropped = [each["regex"] for each in steps if each["action"] == "labeldrop"]
    ours = set().union(*scraped().values())

    assert "service" in ours
    assert [name for name in ours if any(re.fullmatch(d, name) for d in dropped)] == []


def test_the_rules_are_those_that_ship(
    everything: list[Json], promtool: Path, tmp_path: Path
) -> None:
    spec = one(everything, "PrometheusRule")["spec"]
    groups = [g for path in (RULES, ALERTS) for g in yaml.safe_load(path.read_text())["groups"]]
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(spec))

    assert spec["groups"] == groups
    subprocess.run([promtool, "check", "rules", rules], check=True, capture_output=True, timeout=60)


def test_the_boards_are_those_that_ship(everything: list[Json]) -> None:
    maps = [
        each for each in everything if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    shown = {name: json.loads(text) for each in maps for name, text in each["data"].items()}

    assert shown == {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
