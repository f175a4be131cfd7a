"""A family from outside: the page's package, built, installed and driven where nothing else is.

Runs in `make nightly`: the environment costs more time than a run of the tests may take.
"""

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.world import TOKEN, Process, spawn_command, until
from tests.family_packages import example, written
from worker.entrypoints.cli.client import Daemon, Target, connected
from worker.entrypoints.cli.exit_codes import Exit

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
#: A company whose calls never come back, and hold up the thread that made them.
WILD = """
import threading

from worker.adapters.providers.family import FamilyAdapter
from worker.domain.families import Capabilities
from worker.ports.provider import Circuit, Rented


class Account:
    circuit, rentals_http, refs = Circuit.CLOSED, None, 0

    def __init__(self, config, context): ...

    async def rent(self, request):
        self.refs += 1
        return Rented(f"w{self.refs}", f"7900000000{self.refs}")

    async def close(self): ...

    def __getattr__(self, name):
        async def call(*args):
            if name == "look":
                threading.Event().wait(3600)
            raise SystemExit(name)

        return call


CAPABILITIES = Capabilities(resend=False)
ADAPTER = FamilyAdapter(Account)
"""


@dataclass(frozen=True)
class Site:
    """An environment with the built worker and two packages in it."""

    bin: Path
    home: Path
    environment: dict[str, str]

    def run(self, *command: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd or self.home, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def spawned(self, *arguments: str) -> Process:
        command = [str(self.bin / "activation-worker"), *arguments]
        return spawn_command(command, self.home / f"{arguments[0]}.log", self.environment)


@pytest.fixture
def site(tmp_path: Path, database_url: str, redis_url: str) -> Site:
    made = tmp_path / "site"
    venv.create(made, with_pip=True)
    (packages,) = made.glob("lib/python*/site-packages")
    # What the worker needs is not fetched again: it is where it is for these tests.
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    files, _ = example()
    for folder in (
        ROOT,
        written(tmp_path / "pigeon", files),
        written(
            tmp_path / "wild",
            {
                "pyproject.toml": files["pyproject.toml"].replace("pigeon", "wild"),
                "wild_provider/__init__.py": WILD,
            },
        ),
    ):
        subprocess.run([*build, str(folder)], check=True, capture_output=True)
    wheels = [str(wheel) for wheel in tmp_path.glob("*.whl")]
    pip = [str(made / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, *wheels], check=True)
    return Site(made / "bin", tmp_path, _environment(made / "bin", database_url, redis_url))


def _environment(bin_: Path, database_url: str, redis_url: str) -> dict[str, str]:
    environment = {
        "PATH": os.pathsep.join([str(bin_), os.environ["PATH"]]),
        "HOME": os.environ.get("HOME", "/"),
        "AW_DATABASE__URL": database_url,
        "AW_REDIS__URL": redis_url,
        "AW_API__LISTEN": "127.0.0.1:0",
        "AW_ADMIN__LISTEN": "127.0.0.1:0",
        "AW_API__TOKENS": f"test:operate+decide:{TOKEN}",
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "3",
    }
    for name in ("pigeon", "wild"):
        base = f"AW_PROVIDERS__{name.upper()}__"
        environment |= {
            f"{base}FAMILY": name,
            f"{base}BASE_URL": "http://127.0.0.1:9",
            f"{base}API_KEY": "sim-key",
            f"{base}POLL_SECONDS": "1",
            f"{base}MIN_CANCEL_AGE_SECONDS": "0",
        }
    return environment


@pytest.fixture
async def shop(site: Site) -> AsyncIterator[Daemon]:
    simulator = site.spawned("simulate-provider", "--family", "pigeon")
    try:
        await until(lambda: simulator.line('{"url"') is not None, simulator)
        url = json.loads(simulator.line('{"url"') or "")["url"]
        site.environment["AW_PROVIDERS__PIGEON__BASE_URL"] = url
        daemon = site.spawned("run")
        try:
            await until(lambda: daemon.line("activation-worker: ready") is not None, daemon)
            line = daemon.line("activation-worker: api")
            assert line is not None
            async with connected(Target(line.split()[-1], TOKEN)) as shop:
                yield shop
            assert daemon.terminate() == 0
        finally:
            daemon.end()
    finally:
        simulator.end()


async def rent(shop: Daemon, provider: str, service: str, window: int) -> str:
    body = {
        "account": "acme", "provider": provider, "service": service, "country": "0",
        "price_minor": 100, "window_seconds": window,
    }  # fmt: skip
    rented = await shop.post("/v1/activations", body, key=f"{provider} {service}")
    return str(rented["id"])


async def ended(shop: Daemon, id_: str) -> str:
    async with asyncio.timeout(60):
        while True:
            number = await shop.get(f"/v1/activations/{id_}", wait_seconds=5)
            if number["settlement"] is not None:
                return str(number["state"])


async def test_it_is_built_tested_installed_and_driven_by_a_daemon(site: Site) -> None:
    _, command = example()

    suite = site.run(*command.split(), cwd=site.home / "pigeon")
    table = site.run("python", "-m", "worker.adapters.providers.table")
    checked = site.run("activation-worker", "check-config")
    site.environment["AW_PROVIDERS__WILD__FAMILY"] = "dove"
    unknown = site.run("activation-worker", "check-config")

    assert suite.returncode == 0, suite.stdout[-3000:] + suite.stderr[-1000:]
    assert "| `pigeon` |" in table.stdout
    assert checked.returncode == 0, checked.stderr
    assert unknown.returncode == Exit.BAD_CONFIG
    assert "no such family" in unknown.stdout + unknown.stderr


async def test_numbers_of_a_good_family_end_as_they_should_beside_one_that_hangs(
    site: Site, shop: Daemon
) -> None:
    await shop.put("/v1/accounts/acme", {"currency": "USD"})
    await shop.post("/v1/accounts/acme/topups", {"reference": "t", "amount_minor": 1000})

    hangs = await rent(shop, "wild", "timeout", 4)
    code = await rent(shop, "pigeon", "code-arrives:2", 8)
    none = await rent(shop, "pigeon", "timeout", 6)
    states = [await ended(shop, each) for each in (code, none, hangs)]

    # Nobody told whether the wild one gave the number back: the customer is credited all the same.
    assert states == ["delivered", "refunded", "refunded"]
    (seen,) = (await shop.get(f"/v1/activations/{code}"))["codes"]
    assert seen["code"]
    audit = site.run("activation-worker", "audit")
    assert audit.returncode == 0, audit.stdout
    assert "provider.family_failed" in (site.home / "run.log").read_text()
