"""The chart, rendered by helm: valid to Kubernetes, closed, and fitting the worker it starts."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from tests.ops.helm import CHART, Json, errors, helm, is_builtin, one, pods, rendered
from tests.ops.queries import ALERTS, DASHBOARDS, DEPLOY, RULES, selectors
from tests.ops.vocabulary import scraped
from worker.entrypoints.cli.app import app
from worker.settings import load_settings
from worker.settings.model import COMMAND_LINE_NAMES, Settings, is_known, path_of

HERO: Final = {"family": "handler_api", "dialect": "hero", "base_url": "https://hero.example"}
EVERYTHING: Final[Json] = {
    "config": {"defaults": {"credit_grace_seconds": 30}, "worker": {"drain_seconds": 20}},
    "providers": {"hero": HERO},
    "autoscaling": {"enabled": True, "maxReplicas": 5},
    "monitoring": {
        "serviceMonitor": True,
        "prometheusRule": True,
        "boards": True,
        "labels": {"release": "prometheus"},
    },
    "servers": {"bundled": True},
    "image": {"repository": "registry.example/worker", "digest": "sha256:" + "0" * 64},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "shop", "operator": "Exists"}],
}
SETS: Final[dict[str, Json]] = {
    "as it is": {},
    "everything": EVERYTHING,
    "scaled": {"autoscaling": {"enabled": True}, "replicas": 3},
}
#: Kinds of the operators' own, whose schemas no package has.
CUSTOM: Final = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}


@pytest.fixture(scope="module", params=SETS)
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    return rendered(SETS[request.param], tmp_path_factory.mktemp("values"))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    return rendered(EVERYTHING, tmp_path_factory.mktemp("values"))


def test_helm_finds_nothing_wrong_with_the_chart() -> None:
    done = helm("lint", "--strict", CHART)

    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_knows_every_field_of_every_object(objects: list[Json]) -> None:
    assert {each["kind"] for each in objects if not is_builtin(each)} <= CUSTOM
    assert [errors(each) for each in objects if is_builtin(each)] == [
        [] for each in objects if is_builtin(each)
    ]


def test_a_misspelt_field_would_be_found(everything: list[Json]) -> None:
    wrong = copy.deepcopy(one(everything, "Deployment"))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}

    assert "livenesProbe" in " ".join(errors(wrong))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": 1}, "replicas"),
        ({"providers": {"hero": {**HERO, "api_key": "in-clear"}}}, "api_key"),
        ({"config": {"database": {"url": "postgresql://u:in-clear@db/x"}}}, "database"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"autoscaling": {"lagSeconds": 0}}, "lagSeconds"),
    ],
)
def test_values_that_are_wrong_are_refused_by_name(
    values: dict[str, Any], named: str, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))

    done = helm("template", "shop", CHART, f"--values={file}")

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
    assert len(ours) == 2
    for container in ours:
        [command] = container["args"]
        assert known.get_command(typer.Context(known), command) is not None
        for variable in container.get("env", []):
            name = variable["name"]
            assert name in COMMAND_LINE_NAMES or is_known(path_of(name))


def test_ports_probes_and_time_to_stop_are_those_of_the_worker(everything: list[Json]) -> None:
    pod = one(everything, "Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = Settings()

    assert ports == {"api": settings.api.listen.port, "admin": settings.admin.listen.port}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "admin"}
    for probe in ("readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert pod["terminationGracePeriodSeconds"] > settings.worker.drain_seconds


def test_two_are_there_while_one_is_moved_and_none_is_gone_during_a_deploy(
    objects: list[Json],
) -> None:
    spec = one(objects, "Deployment")["spec"]
    budget = one(objects, "PodDisruptionBudget")["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert all(each["labelSelector"] == spec["selector"] for each in spread)
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_the_configuration_is_one_the_worker_takes(everything: list[Json], tmp_path: Path) -> None:
    pod = one(everything, "Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    told = one(everything, "ConfigMap", "config")["data"]
    for item in volumes["config"]["configMap"]["items"]:
        file = tmp_path / item["path"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(told[item["key"]])
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "aw_providers__hero__api_key").write_text("from-the-secret")
    # What containers have at /run/secrets is read like systemd's credentials.
    environ = {"CREDENTIALS_DIRECTORY": str(secrets)}

    settings = load_settings(tmp_path / "worker.toml", environ=environ)

    assert settings.providers["hero"].base_url == "https://hero.example"
    assert settings.providers["hero"].api_key.get_secret_value() == "from-the-secret"
    assert settings.defaults.credit_grace_seconds == 30
    [container] = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["secrets"] == "/run/secrets"
    assert {"name": "AW_CONFIG", "value": f"{mounts['config']}/worker.toml"} in container["env"]


def test_workers_are_added_by_the_lag_and_never_all_taken_away(everything: list[Json]) -> None:
    spec = one(everything, "ScaledObject")["spec"]
    [trigger] = spec["triggers"]

    assert spec["scaleTargetRef"]["name"] == one(everything, "Deployment")["metadata"]["name"]
    assert spec["minReplicaCount"] >= 2
    assert spec["fallback"]["replicas"] >= 2
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    [read] = selectors(trigger["metadata"]["query"])
    assert read.name in scraped()
    assert "replicas" not in one(everything, "Deployment")["spec"]


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


def test_the_schema_is_migrated_before_workers_start_unless_its_server_comes_with_them(
    tmp_path: Path, everything: list[Json]
) -> None:
    external = one(rendered({}, tmp_path), "Job")

    assert external["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "annotations" not in one(everything, "Job")["metadata"]
