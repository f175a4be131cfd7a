"""The servers of the demo: PostgreSQL, Valkey, a provider and the daemon, each a process."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from worker.adapters.store.migrate import upgrade
from worker.entrypoints.children import Child, running
from worker.entrypoints.embedded import Servers, embedded
from worker.entrypoints.simulated import API_KEY, simulated_provider

HOME: Final = Path(".state/demo")
PROVIDER: Final = "sim"
TOKEN: Final = "demo-token-of-a-loopback-daemon"  # noqa: S105 - opens a demo on loopback
GRACE_SECONDS: Final = 5
MIN_CANCEL_AGE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class DemoServers:
    servers: Servers = field(repr=False)
    simulator_url: str
    api_url: str
    config: Path


@asynccontextmanager
async def demo_servers(window: float, seed: int) -> AsyncIterator[DemoServers]:
    """Fresh servers: the files of an earlier demo are removed first."""
    await asyncio.to_thread(shutil.rmtree, HOME, ignore_errors=True)
    async with embedded(HOME / "servers", durable=True) as servers:
        await upgrade(servers.database_url)
        options = [
            "--seed", str(seed), "--window", str(window), "--lifetime", str(window * 4),
            "--min-cancel-age", str(MIN_CANCEL_AGE_SECONDS),
        ]  # fmt: skip
        async with simulated_provider(HOME / "provider", options) as simulator_url:
            config = await asyncio.to_thread(_write_config, servers, simulator_url, window)
            async with _daemon(config) as api_url:
                yield DemoServers(servers, simulator_url, api_url, config)


@asynccontextmanager
async def _daemon(config: Path) -> AsyncIterator[str]:
    async def ready() -> bool:
        return _api(child.log) is not None

    home = config.parent
    command = [sys.executable, "-m", "worker", "run", "--config", str(config)]
    child = Child(name="activation-worker", command=command, home=home, ready=ready)
    async with running(child):
        url = _api(child.log)
        assert url is not None
        yield url


def _api(log: Path) -> str | None:
    """From the lines it prints when it is ready."""
    lines = log.read_text(errors="replace").splitlines()
    if not any(line.startswith("activation-worker: ready") for line in lines):
        return None
    (line,) = (line for line in lines if line.startswith("activation-worker: api"))
    return line.split()[-1]


def _write_config(servers: Servers, simulator_url: str, window: float) -> Path:
    home = (HOME / "daemon").resolve()
    home.mkdir(parents=True)
    config = home / "worker.toml"
    config.write_text(
        f"""\
[database]
url = "{servers.database_url}"
[redis]
url = "{servers.redis_url}"
[api]
listen = "127.0.0.1:0"
tokens = "demo:operate:{TOKEN}"
[admin]
listen = "127.0.0.1:0"
[defaults]
window_seconds = {int(window)}
credit_grace_seconds = {GRACE_SECONDS}
[providers.{PROVIDER}]
family = "handler_api"
base_url = "{simulator_url}"
api_key = "{API_KEY}"
poll_seconds = 1.0
requests_per_second = 200
min_cancel_age_seconds = {MIN_CANCEL_AGE_SECONDS}
exposure_limit_minor = 100000000
"""
    )
    return config
