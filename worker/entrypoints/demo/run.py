"""One demo on servers of its own: rent, cancel, cause the outage, wait for every end, report."""

import asyncio
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from worker.adapters.store.migrate import upgrade
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import FINAL, PROVIDER_OWED
from worker.entrypoints.children import Child, running
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, Target, connected, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.output import say
from worker.entrypoints.demo import report
from worker.entrypoints.demo.report import LATEST_CODE, PRICE_MINOR, PlannedNumber, plan_numbers
from worker.entrypoints.embedded import Servers, embedded
from worker.entrypoints.simulated import API_KEY, simulated_provider
from worker.ports.store.books import Finding
from worker.settings.load import SIGNS_IN

HOME: Final = Path(".state/demo")
PROVIDER: Final = "sim"
TOKEN: Final = "demo-token-of-a-loopback-daemon"  # noqa: S105 - opens a demo on loopback
GRACE_SECONDS: Final = 5
MIN_CANCEL_AGE_SECONDS: Final = 2
USERNAME: Final = "shop@example.com"  #: Where a family wants one beside the key.


@dataclass(frozen=True, slots=True)
class DemoServers:
    servers: Servers = field(repr=False)
    simulator_url: str
    api_url: str
    config: Path


class Spoken(NamedTuple):
    """The protocol of the demo's provider."""

    family: str
    dialect: str | None

    @property
    def options(self) -> list[str]:
        """For `simulate-provider`."""
        dialect = [] if self.dialect is None else ["--dialect", self.dialect]
        return ["--family", self.family, *dialect]

    @property
    def settings(self) -> str:
        """The same for the daemon."""
        lines = [f'family = "{self.family}"']
        lines += [] if self.dialect is None else [f'dialect = "{self.dialect}"']
        lines += [f'api_username = "{USERNAME}"'] if self.family == SIGNS_IN else []
        return "\n".join(lines)


@asynccontextmanager
async def demo_servers(window: float, seed: int, spoken: Spoken) -> AsyncIterator[DemoServers]:
    """Fresh servers: the files of an earlier demo are removed first."""
    await asyncio.to_thread(shutil.rmtree, HOME, ignore_errors=True)
    async with embedded(HOME / "servers", durable=True) as servers:
        await upgrade(servers.database_url)
        options = [
            "--seed", str(seed), "--window", str(window), "--lifetime", str(window * 4),
            "--min-cancel-age", str(MIN_CANCEL_AGE_SECONDS), *spoken.options,
        ]  # fmt: skip
        async with simulated_provider(HOME / "provider", options) as simulator_url:
            of = (window, spoken)
            config = await asyncio.to_thread(_write_config, servers, simulator_url, of)
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


def _write_config(servers: Servers, simulator_url: str, of: tuple[float, Spoken]) -> Path:
    window, spoken = of
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
tokens = "demo:operate+decide:{TOKEN}"
[admin]
listen = "127.0.0.1:0"
[defaults]
window_seconds = {int(window)}
credit_grace_seconds = {GRACE_SECONDS}
[providers.{PROVIDER}]
{spoken.settings}
base_url = "{simulator_url}"
api_key = "{API_KEY}"
poll_seconds = 1.0
requests_per_second = 200
min_cancel_age_seconds = {MIN_CANCEL_AGE_SECONDS}
exposure_limit_minor = 100000000
"""
    )
    return config


BOOKS_PAGE: Final = 1000
RENTS_AT_ONCE: Final = 16
OUTAGE_BEFORE: Final = 2.0  #: Seconds before the first deadline.
OUTAGE_AFTER: Final = GRACE_SECONDS + 4.0  #: After it, so that some credits come by the grace.
READ_WITHIN: Final = 4.0  #: Seconds until we read a code; the outage begins after that.
PATIENCE: Final = 75.0  #: Seconds after the last deadline, for both states to become final.
LOOK_EVERY_SECONDS: Final = 1.0
_FINAL = {state.value for state in FINAL}
_OWED = {state.value for state in PROVIDER_OWED}


@dataclass(slots=True)
class DemoRun:
    shop: Daemon
    provider: Daemon  #: The simulator's own calls, below `/_sim`.
    numbers: Sequence[PlannedNumber]
    window: float
    say: Callable[[str], None]
    sold_by: str = PROVIDER  #: As the daemon calls the provider.
    rents_at_once: int = RENTS_AT_ONCE
    rented: dict[str, PlannedNumber] = field(default_factory=dict)  #: By activation id.
    balances: dict[str, int] = field(default_factory=dict)  #: By account, before.

    async def run(self) -> list[dict[str, Any]]:
        """The activations after their ends."""
        await self._open_accounts()
        started = time.monotonic()
        await self._rent()
        rented = time.monotonic()
        self.say(
            f"rented {len(self.rented)} numbers in {rented - started:.1f} s;"
            f" each must end {self.window:g} s after its rental"
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._press_cancel())
            group.create_task(self._outage(started, rented))
            rest = group.create_task(self._until_at_rest(started))
        return rest.result()

    async def _open_accounts(self) -> None:
        counts = Counter(number.account for number in self.numbers)
        for account, count in counts.items():
            await self.shop.put(f"/v1/accounts/{account}", {"currency": "USD"})
            amount = count * PRICE_MINOR
            body = {"reference": f"demo-{account}", "amount_minor": amount}
            await self.shop.post(f"/v1/accounts/{account}/topups", body)
            self.balances[account] = amount

    async def _rent(self) -> None:
        left = list(reversed(self.numbers))

        async def work() -> None:
            while left:
                number = left.pop()
                body = {
                    "account": number.account,
                    "provider": self.sold_by,
                    "service": number.service,
                    "country": "0",
                    "price_minor": PRICE_MINOR,
                    "window_seconds": int(self.window),
                }
                activation = await self.shop.post(ACTIVATIONS, body, key=f"demo-{number.number}")
                self.rented[activation["id"]] = number

        async with asyncio.TaskGroup() as group:
            for _ in range(self.rents_at_once):
                group.create_task(work())

    async def _press_cancel(self) -> None:
        await asyncio.sleep(MIN_CANCEL_AGE_SECONDS + 0.5)
        pressed = [id_ for id_, number in self.rented.items() if number.scenario.presses_cancel]
        for id_ in pressed:
            try:
                await self.shop.post(path_of(id_, "/cancel"))
            except Failure as failure:
                # The code came first, as `cancel-race` wants.
                if failure.code != "code-received":
                    raise
        self.say(f"pressed Cancel on {len(pressed)} of them")

    async def _outage(self, started: float, rented: float) -> None:
        all_codes_read = (
            rented + LATEST_CODE * self.window + READ_WITHIN
        )  # Later on a slow machine.
        begins = max(started + self.window - OUTAGE_BEFORE, all_codes_read)
        await asyncio.sleep(begins - time.monotonic())
        seconds = OUTAGE_BEFORE + OUTAGE_AFTER
        await self.provider.post("/_sim/faults", {"kind": "refuse", "seconds": seconds})
        self.say(f"the provider is down for {seconds:g} s, across the deadline")
        await asyncio.sleep(seconds)
        self.say("the provider is back")

    async def _until_at_rest(self, started: float) -> list[dict[str, Any]]:
        latest = time.monotonic() + self.window + PATIENCE
        while True:
            rows = [row async for row in self._rented_rows()]
            self._say_progress(started, rows)
            if len(rows) == len(self.rented) and all(map(at_rest, rows)):
                return rows
            if time.monotonic() > latest:
                open_ = sum(not at_rest(row) for row in rows)
                raise Failure(Exit.GAVE_UP, f"{open_} numbers did not come to rest")
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _rented_rows(self) -> AsyncIterator[dict[str, Any]]:
        shown = self.shop.pages(ACTIVATIONS, len(self.rented), provider=self.sold_by)
        async for row in shown:
            if row["id"] in self.rented:
                yield row

    def _say_progress(self, started: float, rows: Sequence[dict[str, Any]]) -> None:
        states = Counter(row["state"] for row in rows)
        owed = sum(row["state"] in _FINAL and not at_rest(row) for row in rows)
        counts = " · ".join(f"{state} {count}" for state, count in sorted(states.items()))
        pursued = f" · still owed to the provider {owed}" if owed else ""
        self.say(f"{time.monotonic() - started:5.1f} s  {counts}{pursued}")


def at_rest(activation: dict[str, Any]) -> bool:
    """Whether its customer is settled, and nothing is owed to its provider."""
    return activation["state"] in _FINAL and activation["provider_state"] not in _OWED


async def run_demo(*, numbers: int, window: float, seed: int, spoken: Spoken) -> report.Report:
    started = time.monotonic()
    say("starting PostgreSQL, Valkey, a simulated provider and the daemon")
    async with (
        demo_servers(window, seed, spoken) as up,
        connected(Target(up.api_url, TOKEN)) as shop,
        connected(Target(up.simulator_url, None)) as provider,
    ):
        say(f"all up after {time.monotonic() - started:.1f} s; the daemon's API: {up.api_url}")
        planned = plan_numbers(numbers, window, seed)
        run = DemoRun(shop, provider, planned, window, say)
        ended = await run.run()
        findings = await _audit(up.servers.database_url)
        return await reported(run, ended, findings, started)


async def reported(
    run: DemoRun, ended: list[dict[str, Any]], findings: list[Finding], started: float
) -> report.Report:
    after = {name: await run.shop.get(f"/v1/accounts/{name}") for name in run.balances}
    late = report.seconds_late(ended)
    at_provider, losses = report.wrong_at_provider(ended, await _books(run.provider))
    return report.Report(
        numbers=len(ended),
        endings=report.endings_of(ended, run.rented),
        reasons=Counter(row["settlement"]["reason"] for row in ended),
        lateness=report.lateness_of(late),
        by_grace=sum(seconds > GRACE_SECONDS for seconds in late),
        late_codes=losses,
        wrong=[
            *report.wrong_endings(ended, run.rented),
            *report.wrong_balances(run.balances, after, ended),
            *at_provider,
        ],
        findings=findings,
        seconds=time.monotonic() - started,
    )


async def _books(provider: Daemon) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = await provider.get("/_sim/books", offset=len(rows), limit=BOOKS_PAGE)
        rows += page["numbers"]
        if len(rows) >= page["total"] or not page["numbers"]:
            return rows


async def _audit(database_url: str) -> list[Finding]:
    store = PostgresStore(database_url, pool_size=2)
    try:
        return await store.books.audit()
    finally:
        await store.close()
