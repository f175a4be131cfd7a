"""The compose file and the image fit the worker: settings, ports, mounts, limits."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.ops.queries import DEPLOY, ROOT
from worker.settings.model import PREFIX, Settings, is_known, path_of

COMPOSE: Final = DEPLOY / "compose.yaml"
STACK: Final[dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = STACK["services"]
OURS: Final = [name for name, each in SERVICES.items() if each["image"].startswith("activation-")]
DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text()

YAML_RULES: Final = {
    "extends": "default",
    "ignore": ["**/chart/templates/*.yaml"],  # The chart's: YAML only once helm has rendered them.
    "rules": {"line-length": {"max": 100}, "document-start": "disable"},
}


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ports_of(service: str) -> set[int]:
    """The ports inside the container that are published."""
    return {int(port.rpartition(":")[2]) for port in SERVICES[service].get("ports", [])}


def test_compose_follows_its_schema() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    run(str(tool), "--builtin-schema", "vendor.compose-spec", str(COMPOSE))


def test_yaml_is_tidy() -> None:
    run(sys.executable, "-m", "yamllint", "--strict", "-d", json.dumps(YAML_RULES), str(DEPLOY))


@pytest.mark.parametrize("service", SERVICES)
def test_every_port_is_on_loopback(service: str) -> None:
    for port in SERVICES[service].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_hardened_and_sized(service: str) -> None:
    given = SERVICES[service]

    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert set(given["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert "latest" not in given["image"]
    assert ":" in given["image"]


@pytest.mark.parametrize(
    "service", [name for name in SERVICES if name not in ("migrate", "worker")]
)
def test_every_server_says_whether_it_is_well(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_from_the_checkout_exists(service: str) -> None:
    for volume in SERVICES[service].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists()
            assert mode == ["ro"]
        else:
            assert source in STACK["volumes"]
        assert target.startswith("/")


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_waits_for_can_say_that_it_is_there(service: str) -> None:
    for other, how in SERVICES[service].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]
        else:
            assert (how["condition"], other) == ("service_completed_successfully", "migrate")


@pytest.mark.parametrize("service", OURS)
def test_every_setting_given_to_the_worker_is_one(service: str) -> None:
    names = list(SERVICES[service].get("environment") or {})

    assert [name for name in names if not is_known(path_of(name))] == []
    for name in SERVICES[service]["secrets"]:
        assert name.upper().startswith(PREFIX)
        assert is_known(path_of(name.upper()))


def test_the_worker_finds_the_servers_of_the_stack() -> None:
    given = SERVICES["worker"]["environment"]
    simulator = given["AW_PROVIDERS__SIM__BASE_URL"].removeprefix("http://")

    assert given["AW_REDIS__URL"].startswith("redis://valkey:")
    host, _, port = simulator.partition(":")
    assert f"--listen=0.0.0.0:{port}" in SERVICES[host]["command"]
    assert f"--api-key={given['AW_PROVIDERS__SIM__API_KEY']}" in SERVICES[host]["command"]


def test_the_desk_finds_the_api_and_is_asked_where_it_listens() -> None:
    port, api = Settings().desk.listen.port, Settings().api.listen.port
    given = SERVICES["desk"]["environment"]

    assert given["AW_DESK__LISTEN"] == f"0.0.0.0:{port}"
    assert given["AW_DESK__API"] == f"http://worker:{api}"
    assert ports_of("desk") == {port}
    assert f"http://127.0.0.1:{port}/sign-in" in str(SERVICES["desk"]["healthcheck"])
    assert f"The desk http://127.0.0.1:{port}" in COMPOSE.read_text()


def test_ports_are_the_ones_of_the_settings() -> None:
    api, admin = Settings().api.listen.port, Settings().admin.listen.port
    scrapes = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"]
    [discovered] = scrapes[0]["dns_sd_configs"]

    assert ports_of("worker") == {api}
    assert (discovered["names"], discovered["port"]) == (["worker"], admin)
    assert f"EXPOSE {api} {admin}" in DOCKERFILE
    assert f"http://127.0.0.1:{admin}/livez" in DOCKERFILE


def test_the_monitoring_stack_finds_its_files_and_each_other() -> None:
    mounts = {
        volume.split(":")[1]: DEPLOY / volume.split(":")[0]
        for name in ("prometheus", "alertmanager", "grafana")
        for volume in SERVICES[name]["volumes"]
        if volume.startswith(".")
    }
    for name in ("prometheus", "alertmanager"):
        for option in SERVICES[name]["command"]:
            if option.startswith("--config.file="):
                config = Path(option.partition("=")[2])
                assert any(
                    (host / config.relative_to(inside)).is_file()
                    for inside, host in mounts.items()
                    if config.is_relative_to(inside)
                )
    alerting = (DEPLOY / "prometheus/prometheus.yaml").read_text()
    assert f"alertmanager:{min(ports_of('alertmanager'))}" in alerting
    source = (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    assert f"http://prometheus:{min(ports_of('prometheus'))}" in source
    boards = (DEPLOY / "grafana/provisioning/dashboards/boards.yaml").read_text()
    assert "path: /var/lib/grafana/dashboards" in boards
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts[home.parent.as_posix()] / home.name).is_file()


def test_the_worker_may_end_its_jobs_before_it_is_killed() -> None:
    grace = SERVICES["worker"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > Settings().worker.drain_seconds


def test_redis_keeps_what_it_has() -> None:
    command = SERVICES["valkey"]["command"]

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_no_secret_is_written_down() -> None:
    for name, secret in STACK["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    kept = (DEPLOY / "secrets/.gitignore").read_text().split("\n")
    assert "*" in kept


def test_the_image_runs_as_a_numbered_user_and_stops_on_sigterm() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]

    assert re.search(r"^USER [1-9]\d+$", final, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in final
    assert re.search(r"^ENTRYPOINT \[", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    # `-O` would switch the assertions off that stay on in production.
    assert "PYTHONOPTIMIZE" not in DOCKERFILE
    assert DOCKERFILE.count("COPY --from=build") == 1
    assert final.count("\nCOPY ") == 1


def test_packages_are_installed_by_hash_from_the_files_that_exist() -> None:
    assert "--require-hashes" in DOCKERFILE
    copied = re.findall(r"^COPY ((?!--)[^\n]+) \S+$", DOCKERFILE, re.MULTILINE)

    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n")
    for name in " ".join(copied).split():
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


def test_every_exporter_is_scraped_where_it_says_that_it_is_well() -> None:
    scrapes = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"]
    targets = {
        target
        for job in scrapes
        for given in job.get("static_configs", [])
        for target in given["targets"]
    }
    exporters = [name for name in SERVICES if name.endswith("-exporter")]

    assert len(exporters) == 2
    for name in exporters:
        [port] = re.findall(r"http://127\.0\.0\.1:(\d+)/", str(SERVICES[name]["healthcheck"]))
        assert f"{name}:{port}" in targets
        server = name.removesuffix("-exporter")
        assert server in SERVICES
        assert f"{server}:" in str(SERVICES[name]["environment"])


def test_the_first_start_of_postgres_runs_the_script_for_it_and_no_other() -> None:
    place = "/docker-entrypoint-initdb.d"
    given = [each for each in SERVICES["postgres"]["volumes"] if place in each]

    assert given == [f"./postgres/roles.sh:{place}/roles.sh:ro"]
    # One that may not be executed would be read by the server's own shell, with what it sets.
    assert (DEPLOY / "postgres/roles.sh").stat().st_mode & 0o111


def test_the_roles_are_those_that_the_secrets_and_the_exporter_are_for() -> None:
    made = (DEPLOY / "postgres/roles.sh").read_text()
    begins = COMPOSE.read_text().partition("name:")[0]

    for role in ("worker", "monitor"):
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in made
        assert f"/run/secrets/{role}_password" in made
        assert f"{role}_password" in SERVICES["postgres"]["secrets"]
    assert "postgresql://worker:$password@postgres:5432/activation_worker" in begins
    assert '"$password" > worker_password' in begins
    assert SERVICES["postgres-exporter"]["environment"]["DATA_SOURCE_USER"] == "monitor"
