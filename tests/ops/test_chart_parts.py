"""What the chart's pods are given, may reach and wait for, against the worker and its servers."""

import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from tests.ops.helm import (
    CHART,
    Json,
    helm,
    helm_program,
    labels_of_pods,
    one,
    rendered,
    worker_of,
)
from tests.ops.queries import ALERTS, DEPLOY
from tests.ops.releases import EVERYTHING, HERO, SETS
from worker.entrypoints.cli.desk import desk_config
from worker.entrypoints.desk import build_desk
from worker.settings import ConfigError, load_settings
from worker.settings.model import Settings

TEMPLATES: Final = {path: path.read_text() for path in (CHART / "templates").iterdir()}
#: Where containers have their secrets; read like the directory of systemd's credentials.
RUN_SECRETS: Final = "/run/secrets"
SECRETS: Final = {
    "aw_database__url": "postgresql://worker:from-the-secret@db/activation_worker",
    "aw_redis__url": "redis://from-the-secret:6379/0",
    "aw_api__tokens": "shop:operate:a-token-of-enough-characters-to-be-safe",
    "aw_providers__hero__api_key": "from-the-secret",
}


def settings_in(
    pod: Json, maps: Mapping[str, Json], directory: Path, secrets: Mapping[str, str] = SECRETS
) -> Settings:
    """What the pod's one container reads."""
    return load_settings(None, environ=environ_in(pod, maps, directory, secrets))


def environ_in(
    pod: Json, maps: Mapping[str, Json], directory: Path, secrets: Mapping[str, str] = SECRETS
) -> dict[str, str]:
    """The environment of the pod's one container, with its mounts laid out below *directory*."""
    [container] = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    environ = {each["name"]: each["value"] for each in container.get("env", [])}
    for mount in container["volumeMounts"]:
        volume, place = volumes[mount["name"]], directory / mount["name"]
        if "configMap" in volume:
            given = maps[volume["configMap"]["name"]]["data"]
            items = volume["configMap"]["items"]
            environ["AW_CONFIG"] = environ["AW_CONFIG"].replace(mount["mountPath"], str(place))
        elif "secret" in volume:
            assert mount["mountPath"] == RUN_SECRETS
            given = secrets
            items = volume["secret"].get("items") or [{"key": k, "path": k} for k in secrets]
            environ["CREDENTIALS_DIRECTORY"] = str(place)
        else:
            continue
        for item in items:
            (place / item["path"]).parent.mkdir(parents=True, exist_ok=True)
            text = given[item["key"]].replace(mount["mountPath"], str(place))
            (place / item["path"]).write_text(text)
    return environ


def maps_of(objects: list[Json]) -> dict[str, Json]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == "ConfigMap"}


def files_of(objects: list[Json]) -> list[tuple[str, str]]:
    return [named for each in maps_of(objects).values() for named in each["data"].items()]


def service_of(objects: list[Json]) -> Json:
    [found] = [o for o in objects if (o["kind"], o["metadata"]["name"]) == ("Service", "shop")]
    return found


@pytest.mark.parametrize("part", ["worker", "doctor"])
def test_the_configuration_is_one_the_worker_takes(part: str, tmp_path: Path) -> None:
    objects = rendered(EVERYTHING)
    pods = {
        "worker": worker_of(objects)["spec"]["template"]["spec"],
        "doctor": one(objects, "Pod")["spec"],
    }

    settings = settings_in(pods[part], maps_of(objects), tmp_path)

    assert settings.providers["hero"].base_url == HERO["base_url"]
    assert settings.providers["hero"].api_key.get_secret_value() == "from-the-secret"
    assert settings.database.url.get_secret_value() == SECRETS["aw_database__url"]
    assert settings.defaults.credit_grace_seconds == 30


@pytest.mark.parametrize("name", ["everything", "staffed"])
def test_what_migrates_needs_no_provider_and_sees_no_key_of_one(name: str, tmp_path: Path) -> None:
    objects = rendered(SETS[name])
    pod = one(objects, "Job")["spec"]["template"]["spec"]

    settings = settings_in(pod, {}, tmp_path)

    assert settings.database.url.get_secret_value() == SECRETS["aw_database__url"]
    assert [file.name for file in (tmp_path / "secrets").iterdir()] == ["aw_database__url"]


def test_what_migrates_has_the_certificates_that_the_url_of_the_database_names(
    tmp_path: Path,
) -> None:
    url = f"{SECRETS['aw_database__url']}?sslrootcert={tmp_path}/secrets/ca.crt"
    secrets = {**SECRETS, "ca.crt": "a CA", "aw_database__url": url}
    without, given = (
        one(rendered({"migrate": {"secretKeys": keys}}), "Job")["spec"]["template"]["spec"]
        for keys in ([], ["ca.crt"])
    )

    with pytest.raises(ConfigError, match="sslrootcert names no file"):
        settings_in(without, {}, tmp_path, secrets)
    settings = settings_in(given, {}, tmp_path, secrets)

    assert settings.database.url.get_secret_value() == url


def test_what_migrates_may_have_a_secret_of_its_own_with_the_login_that_owns_the_tables() -> None:
    objects = rendered({"migrate": {"existingSecret": "owner", "secretKeys": ["ca.crt"]}})
    worker = worker_of(objects)["spec"]["template"]["spec"]
    [of_job] = one(objects, "Job")["spec"]["template"]["spec"]["volumes"]
    [of_worker] = [each["secret"] for each in worker["volumes"] if "secret" in each]

    assert of_job["secret"]["secretName"] == "owner"
    assert [item["key"] for item in of_job["secret"]["items"]] == ["aw_database__url", "ca.crt"]
    assert of_worker["secretName"] == "activation-worker"


def test_the_schema_is_migrated_before_workers_start_unless_its_server_comes_with_them() -> None:
    external, bundled = one(rendered({}), "Job"), one(rendered(EVERYTHING), "Job")

    assert external["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    # What it mounts is there before the release is.
    [volume] = external["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == "activation-worker"
    assert "annotations" not in bundled["metadata"]


@pytest.mark.parametrize("name", ["everything", "staffed"])
async def test_the_desk_finds_the_api_and_is_well_by_its_own_probe(
    name: str, tmp_path: Path
) -> None:
    objects = rendered(SETS[name])
    service = one(objects, "Service", "desk")
    pod = one(objects, "Deployment", "desk")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    settings = settings_in(pod, {}, tmp_path)
    ports = {port["name"]: port["port"] for port in service_of(objects)["spec"]["ports"]}

    assert settings.desk.api == f"http://shop:{ports['api']}"
    assert [port["port"] for port in service["spec"]["ports"]] == [settings.desk.listen.port]
    assert container["ports"] == [{"name": "desk", "containerPort": settings.desk.listen.port}]
    assert settings.desk.behind_tls is True
    config = desk_config(settings, settings.desk.api or "", None)
    async with TestClient(TestServer(build_desk(config))) as client:
        for probe in ("livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", [])}
            async with client.get(asked["path"], headers=headers) as reply:
                assert reply.status == 200


def allowed(objects: list[Json], source: Json, target: Json, port: str) -> bool:
    """Whether the policies let pods with the labels *source* come to *target*."""
    policies = [o["spec"] for o in objects if o["kind"] == "NetworkPolicy"]
    into = [p for p in policies if "Ingress" in p["policyTypes"] and selects(p, target)]
    out = [p for p in policies if "Egress" in p["policyTypes"] and selects(p, source)]
    return passes(into, "ingress", "from", source, port) and passes(
        out, "egress", "to", target, port
    )


PORTS: Final = {"postgres": 5432, "valkey": 6379}


def passes(policies: list[Json], way: str, whom: str, other: Json, port: str) -> bool:
    return not policies or any(
        (whom not in rule or any(selects(peer, other) for peer in rule[whom]))
        and any(each["port"] in (port, PORTS.get(port)) for each in rule["ports"])
        for policy in policies
        for rule in policy.get(way, [])
    )


def selects(peer: Json, labels: Json) -> bool:
    selector = peer.get("podSelector")
    if selector is None:
        return False
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )


def test_who_may_reach_whom() -> None:
    objects = rendered(EVERYTHING)
    pods = labels_of_pods(objects) | {"shop": {"app": "shop"}, "other": {"app": "other"}}
    ways = {
        (source, target, port)
        for source, labels in pods.items()
        for target, port in [
            ("worker", "api"),
            ("worker", "admin"),
            ("desk", "desk"),
            ("postgres", "postgres"),
            ("valkey", "valkey"),
        ]
        if source != target and allowed(objects, labels, pods[target], port)
    }

    # A policy that a release changes is there only after its migration.
    outgoing = [o["spec"] for o in objects if o["kind"] == "NetworkPolicy"]
    outgoing = [policy for policy in outgoing if "Egress" in policy["policyTypes"]]
    assert not [policy for policy in outgoing if selects(policy, pods["migrate"])]
    assert ways == {
        ("shop", "worker", "api"),
        ("desk", "worker", "api"),
        *(
            (source, server, server)
            for source in ("worker", "migrate", "doctor")
            for server in PORTS
        ),
    }


def test_shut_is_shut_and_leaves_only_by_the_ports_that_were_named() -> None:
    objects = rendered(SETS["shut"])
    incoming = one(objects, "NetworkPolicy", "in")["spec"]
    outgoing = one(objects, "NetworkPolicy", "out")["spec"]

    # A rule without senders would let everybody in.
    assert "ingress" not in incoming
    assert [each["port"] for rule in outgoing["egress"] for each in rule["ports"]] == [53, 53, 8443]
    assert not [o for o in rendered({}) if o["kind"] == "NetworkPolicy"]


def test_links_of_alerts_and_boards_lead_where_they_are_told() -> None:
    links = {"runbooksUrl": "https://pages.example/runbooks", "grafanaUrl": "https://g.example"}
    objects = rendered(
        {"monitoring": {"prometheusRule": True, "boards": True, **links}},
    )
    rules = [
        rule
        for group in one(objects, "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]

    assert len(rules) == ALERTS.read_text().count("- alert: ")
    for rule in rules:
        told = rule["annotations"]
        assert told["runbook_url"] == f"https://pages.example/runbooks/{rule['alert']}.md"
        assert told["dashboard_url"].startswith("https://g.example/d/")
        assert (DEPLOY / f"runbooks/{rule['alert']}.md").exists()
    boards = [json.loads(text) for name, text in files_of(objects) if name.endswith(".json")]
    variables = [each for board in boards for each in board["templating"]["list"]]
    runbooks = [each["query"] for each in variables if each["name"] == "runbooks"]
    assert len(runbooks) == len(boards)
    assert set(runbooks) == {links["runbooksUrl"]}


def test_bundled_servers_are_those_of_compose_with_its_roles() -> None:
    objects = rendered(EVERYTHING)
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for server in PORTS:
        [container] = one(objects, "StatefulSet", server)["spec"]["template"]["spec"]["containers"]
        assert container["image"] == compose[server]["image"]
    [postgres] = one(objects, "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each["value"] for each in postgres["env"]}
    roles = maps_of(objects)["shop-roles"]["data"]["roles.sh"]

    assert roles == (DEPLOY / "postgres/roles.sh").read_text()
    assert environ["POSTGRES_USER"] == compose["postgres"]["environment"]["POSTGRES_USER"]
    assert environ["POSTGRES_DB"] == compose["postgres"]["environment"]["POSTGRES_DB"]
    volumes = one(objects, "StatefulSet", "postgres")["spec"]["template"]["spec"]["volumes"]
    [secret] = [each["secret"] for each in volumes if "secret" in each]
    given = {f"{RUN_SECRETS}/{item['path']}" for item in secret["items"]}
    assert (
        set(re.findall(r"/run/secrets/\w+", roles)) | {environ["POSTGRES_PASSWORD_FILE"]} == given
    )


def test_the_schema_knows_the_values_that_there_are_and_templates_read_each() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    used = set(re.findall(r"\.Values\.([\w.]+)", "\n".join(TEMPLATES.values())))

    assert schema["properties"].keys() - {"global"} == values.keys()
    for name, value in values.items():
        told = schema["properties"][name].get("properties", {})
        if schema["properties"][name].get("additionalProperties") is False:
            assert told.keys() == value.keys()
            assert {f"{name}.{key}" for key in value} <= used
        else:
            assert name in used
    assert {each.partition(".")[0] for each in used} == values.keys()


@pytest.mark.parametrize("name", ["as it is", "everything"])
def test_the_same_values_render_the_same_text(name: str) -> None:
    command = ("template", "shop", CHART)

    first, second = (helm(*command, values=SETS[name]).stdout for _ in range(2))
    assert first == second


def test_the_packaged_chart_needs_nothing_of_the_checkout(tmp_path: Path) -> None:
    subprocess.run(
        [helm_program(), "package", CHART, f"--destination={tmp_path}"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    [archive] = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")

    elsewhere = helm("template", "shop", tmp_path / "activation-worker", values=EVERYTHING)
    assert elsewhere.stdout == helm("template", "shop", CHART, values=EVERYTHING).stdout
