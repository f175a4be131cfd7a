"""`doctor`: each finding, and what it means for the exit code."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.unit.cli import fake_daemon
from tests.unit.cli.conftest import Cli, a_dev
from worker.adapters.store.layout import LAYOUT
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.doctor import (
    Health,
    Result,
    about_layout,
    about_postgres,
    about_redis,
    account,
    port,
    redis_server,
    running_dev,
    skew,
)
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.provider import Balance
from worker.settings import Settings
from worker.settings.model import RedisSettings
from worker.settings.values import ListenAddress
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import running

ROOT = Path(__file__).parents[3]
GOOD = {"redis_version": "8.0.1", "maxmemory_policy": "noeviction", "aof_enabled": 1}


def healths(checks: list[Result]) -> set[Health]:
    return {check.health for check in checks}


@pytest.mark.parametrize(
    ("info", "worst", "says"),
    [
        (GOOD, Health.OK, "Redis 8.0.1"),
        (GOOD | {"valkey_version": "9.1.0"}, Health.OK, "Valkey 9.1.0"),
        (GOOD | {"redis_version": "6.2.0"}, Health.OK, "6.2.0"),
        (GOOD | {"redis_version": "6.0.16"}, Health.BROKEN, "older than 6.2"),
        (GOOD | {"maxmemory_policy": "allkeys-lru"}, Health.WARNING, "allkeys-lru"),
        (GOOD | {"aof_enabled": 0}, Health.WARNING, "rebuilt from the database"),
    ],
)
def test_redis_is_judged(info: dict[str, Any], worst: Health, says: str) -> None:
    checks = about_redis(info, took=0.001)

    assert worst in healths(checks)
    assert healths(checks) <= {Health.OK, worst}
    assert any(says in check.says for check in checks)


async def test_redis_is_asked_with_the_options_that_the_daemon_takes() -> None:
    url = SecretStr("unix:///nowhere/valkey?timeout=1")  # An option of the pool.

    (check,) = await redis_server(Settings(redis=RedisSettings(url=url)))

    assert (check.health, check.says) == (Health.UNREACHABLE, "its socket or a file is missing")


@pytest.mark.parametrize(
    ("version", "replica", "fsync", "worst"),
    [
        (180_006, False, "on", Health.OK),
        (150_000, False, "on", Health.OK),
        (140_009, False, "on", Health.WARNING),
        (180_006, True, "on", Health.BROKEN),
        (180_006, False, "off", Health.WARNING),
    ],
)
def test_postgresql_is_judged(version: int, *, replica: bool, fsync: str, worst: Health) -> None:
    assert healths(about_postgres(version, 0.001, replica=replica, fsync=fsync)) == {
        Health.OK,
        worst,
    }


@pytest.mark.parametrize(("off", "health"), [(0.2, Health.OK), (-30, Health.WARNING)])
def test_clocks_are_compared(off: float, health: Health) -> None:
    check = skew("database", datetime.now(UTC) + timedelta(seconds=off))

    assert (check.name, check.health) == ("clock of the database", health)


class Account:
    """A provider that only knows its balance."""

    name = "hero"

    def __init__(self, balance: Balance | ProviderError) -> None:
        self.left = balance
        self.closed = False

    async def balance(self) -> Balance:
        if isinstance(self.left, ProviderError):
            raise self.left
        return self.left

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("balance", "health", "says"),
    [
        (Balance(1234, "USD"), Health.OK, "12.34 USD"),
        (Balance(0, "USD"), Health.WARNING, "0.00 USD"),
        (ProviderUnavailable("hero", "HTTP 503"), Health.UNREACHABLE, "HTTP 503"),
        (ProviderRefused("hero", "BAD_KEY"), Health.BROKEN, "BAD_KEY"),
        (UnknownReply("hero", "HTML"), Health.BROKEN, "HTML"),
    ],
)
async def test_a_provider_is_judged_by_its_balance(
    balance: Balance | ProviderError, health: Health, says: str
) -> None:
    provider = Account(balance)

    (check,) = await account(provider)  # type: ignore[arg-type]  # only what is asked of it

    assert (check.name, check.health, says in check.says) == ("provider hero", health, True)
    assert provider.closed


@dataclass
class DevDaemon(fake_daemon.FakeDaemon):
    state: str = "taking"

    def app(self) -> web.Application:
        app = super().app()
        app.router.add_get("/v1/providers", self._providers)
        return app

    async def _providers(self, _: web.Request) -> web.Response:
        why = None if self.state == "taking" else "somebody"
        found = [{"name": "sim", "state": self.state, "why": why}]
        return web.json_response({"items": found, "next_cursor": None})


@pytest.mark.parametrize(("state", "worst"), [("taking", Health.OK), ("paused", Health.WARNING)])
async def test_beside_dev_its_daemon_tells_of_its_providers(
    nothing_around: Path, state: str, worst: Health
) -> None:
    async with fake_daemon.running(DevDaemon(state=state)) as daemon:
        a_dev(nothing_around, daemon.url)
        loaded = configured(None)
        assert not [each for each in loaded.warnings if each.startswith("providers")]

        answers, provider = await running_dev(loaded)

    assert (answers.health, provider.name, provider.health) == (Health.OK, "provider sim", worst)


async def test_a_dev_that_ended_cannot_be_reached(nothing_around: Path) -> None:
    a_dev(nothing_around)

    (dev,) = await running_dev(configured(None))

    assert (dev.name, dev.health) == ("dev", Health.UNREACHABLE)


def test_a_port_is_free_or_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ListenAddress("127.0.0.1", server.getsockname()[1])
        taken = port("api", address)

    assert (taken.health, port("api", address).health) == (Health.WARNING, Health.OK)


@pytest.fixture
def provider_url(background: Any) -> Iterator[str]:
    simulator = running(SimulatorConfig())
    yield background.run(simulator.__aenter__()).url
    background.run(simulator.__aexit__(None, None, None))


@pytest.fixture
def everything(database_url: str, redis_url: str, provider_url: str) -> dict[str, str]:
    return {
        "AW_DATABASE__URL": database_url,
        "AW_REDIS__URL": redis_url,
        "AW_API__LISTEN": "127.0.0.1:0",
        "AW_ADMIN__LISTEN": "127.0.0.1:0",
        "AW_PROVIDERS__PRETEND__FAMILY": "handler_api",
        "AW_PROVIDERS__PRETEND__BASE_URL": provider_url,
        "AW_PROVIDERS__PRETEND__API_KEY": "sim-key",
    }


def test_all_that_runs_is_found_healthy(cli: Cli, everything: dict[str, str]) -> None:
    result = cli("doctor", "-o", "json", env=everything)

    document = json.loads(result.stdout)
    assert (result.exit_code, document["healthy"]) == (0, True), document
    names = {check["name"] for check in document["checks"] if check["result"] == "ok"}
    assert names >= {
        "configuration",
        "database",
        "clock of the database",
        "redis",
        "clock of the redis",
        "provider pretend",
        "api.listen",
    }


def test_a_wrong_key_ends_with_1_and_is_not_shown(cli: Cli, everything: dict[str, str]) -> None:
    env = everything | {"AW_PROVIDERS__PRETEND__API_KEY": "canary-key"}

    result = cli("doctor", env=env)

    (line,) = [line for line in result.stdout.splitlines() if "provider pretend" in line]
    assert (result.exit_code, line.split()[0]) == (1, "broken")
    assert "canary" not in result.output


def test_what_cannot_be_reached_ends_with_5(
    cli: Cli, everything: dict[str, str], closed_url: str
) -> None:
    address = closed_url.removeprefix("http://")
    env = everything | {
        "AW_DATABASE__URL": f"postgresql://u:canary@{address}/db",
        "AW_REDIS__URL": f"redis://:canary@{address}/0",
    }

    result = cli("doctor", "-o", "ndjson", env=env)

    found = {each["name"]: each["result"] for each in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 5
    assert (found["database"], found["redis"]) == ("unreachable", "unreachable")
    assert found["provider pretend"] == "ok"
    assert "canary" not in result.output


def test_a_missing_schema_is_found(
    cli: Cli, everything: dict[str, str], empty_database_url: str
) -> None:
    result = cli("doctor", env=everything | {"AW_DATABASE__URL": empty_database_url})

    assert (result.exit_code, "try: activation-worker migrate" in result.stdout) == (1, True)


def test_an_upgrade_that_waits_for_its_end_is_told_in_one_line() -> None:
    assert about_layout(LAYOUT) == []
    (told,) = about_layout(LAYOUT - 1)

    assert told.health is Health.WARNING
    assert "migrate --finish" in told.hint


def test_a_closed_pipe_ends_it_in_silence(database_url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "doctor", "-o", "ndjson"],
        env={"PATH": os.environ["PATH"], "AW_DATABASE__URL": database_url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None

    assert any('"database"' in line for line in process.stdout)
    process.stdout.close()

    assert (process.stderr.read(), process.wait(timeout=30)) == ("", 1)
    process.stderr.close()
