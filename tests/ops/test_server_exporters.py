"""The exporters of the compose file, as Debian has them, with what it gives them: they see both."""

import contextlib
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.store.test_compose_roles import roles_of_compose
from tests.ops.conftest import tool
from tests.ops.prometheus_server import free_port
from tests.ops.queries import DEPLOY
from worker.adapters.store.migrate import upgrade

SERVICES: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
START_SECONDS: Final = 15.0
Series: TypeAlias = dict[tuple[str, ...], float]  #: By name and values of labels.

pytestmark = pytest.mark.nightly


@pytest.fixture
async def made(empty_database_url: str) -> AsyncIterator[str]:
    async with roles_of_compose(empty_database_url) as url:
        await upgrade(url)
        yield url


@contextlib.contextmanager
def exported(program: Path, environment: Mapping[str, str], log: Path) -> Iterator[Series]:
    """What one scrape gives."""
    address = f"127.0.0.1:{free_port()}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, f"--web.listen-address={address}"],
            env=dict(environment),
            stdout=output,
            stderr=output,
        )
        try:
            yield {
                (sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(scraped(address, process))
                for sample in family.samples
            }
        finally:
            process.terminate()
            process.wait(timeout=20)


def scraped(address: str, process: "subprocess.Popen[bytes]") -> str:
    """Its first answer; nothing is tried once it has ended."""
    for _ in range(int(START_SECONDS / 0.1)):
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply,
        ):
            return str(reply.read().decode())
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"ended with {process.wait(timeout=0.1)}")
    raise AssertionError(f"no answer within {START_SECONDS} s")


def test_the_one_of_postgres_sees_the_database_with_its_own_role(made: str, tmp_path: Path) -> None:
    given = SERVICES["postgres-exporter"]["environment"]
    at = {name: values[0] for name, values in parse_qs(urlsplit(made).query).items()}
    database = urlsplit(made).path.lstrip("/")
    password = tmp_path / "monitor_password"
    password.write_text("secret-of-monitor\n")
    # The server of the tests listens on a socket in a directory, not on a port.
    uri = f"/{database}?host={at['host']}&port={at.get('port', 5432)}&sslmode=disable"
    values = {"DATA_SOURCE_URI": uri, "DATA_SOURCE_PASS_FILE": str(password)}
    program = tool("prometheus-postgres-exporter", "prometheus-postgres-exporter")

    with exported(program, {**given, **values}, tmp_path / "log") as seen:
        assert seen["pg_up",] == 1
        assert seen["pg_exporter_last_scrape_error",] == 0
        assert [each for each in seen if each[0] == "pg_database_size_bytes" and database in each]
        assert [each for each in seen if each[0].startswith("pg_stat_database_xact_commit")]
        # Only with pg_monitor is it told of what others do.
        assert [each for each in seen if each[0] == "pg_stat_activity_count" and database in each]


def test_the_one_of_valkey_sees_its_memory_and_keys(redis_url: str, tmp_path: Path) -> None:
    given = SERVICES["valkey-exporter"]["environment"]
    program = tool("prometheus-redis-exporter", "prometheus-redis-exporter")

    with exported(program, {**given, "REDIS_ADDR": redis_url}, tmp_path / "log") as seen:
        assert seen["redis_up",] == 1
        assert seen["redis_memory_used_bytes",] > 0
        assert seen["redis_exporter_last_scrape_error", ""] == 0
