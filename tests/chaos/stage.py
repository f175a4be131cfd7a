"""What each row starts: real servers, simulated providers, daemons; everything on loopback.

It ends what it started, by its pid, whatever happens; a stopped process is woken before.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import psutil

from tests.acceptance.two_providers import Simulated, settings_for, simulated
from tests.acceptance.world import PROVIDER, Process, World, spawn_command, until
from tests.chaos.api import Api
from tests.chaos.proxy import slow_redis
from worker.entrypoints.embedded import Servers, embedded

STATE = Path(__file__).parents[2] / ".state" / "chaos"
LIFETIME = "3000"  #: Seconds a number lives at a provider: longer than any row.
PRICE = 100
BULK = 1000
COMMAND_SECONDS = 120.0
ASK_AGAIN = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large and long the rows are."""

    quick: bool

    def pick(self, full: T, quick: T) -> T:
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """A simulated provider, and how the daemon is told to call it."""

    name: str = PROVIDER
    family: str = "handler_api"
    dialect: str = "classic"
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()  #: Of `simulate-provider`.


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was handed over."""

    id: str
    provider: str
    ref: str
    account: str
    rented_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the money is right: by the audit, and by the accounts' own balances."""

    violations: Sequence[str]  #: Names of invariants that do not hold.
    astray_minor: int  #: What the accounts have more or less than they must.

    @property
    def holds(self) -> bool:
        return not self.violations and not self.astray_minor

    def __str__(self) -> str:
        if self.holds:
            return "audit clean"
        return f"AUDIT: {', '.join(self.violations) or 'clean'}, {self.astray_minor:+} minor astray"


@dataclass
class Stage:
    world: World
    servers: Servers
    providers: Mapping[str, Simulated]
    paid_in: dict[str, int] = field(default_factory=dict)  #: By account.

    @property
    def sim(self) -> Simulated:
        return self.providers[PROVIDER]

    async def start_daemon(
        self, *, descriptors: int | None = None, environment: Mapping[str, str] | None = None
    ) -> Process:
        """A daemon that is ready; *descriptors* limits its open files."""
        daemons = self.world.daemons
        command = [sys.executable, "-m", "worker", "run"]
        if descriptors is not None:
            limit = f'ulimit -n {descriptors} && exec "$0" "$@"'
            command = ["/bin/sh", "-c", limit, *command]
        log = self.world.home / f"daemon-{len(daemons)}.log"
        daemon = spawn_command(command, log, {**self.world.environment(), **(environment or {})})
        daemons.append(daemon)
        await until(lambda: daemon.line("activation-worker: ready") is not None, daemon)
        return daemon

    async def command(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run one of our commands to its end: its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "worker",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**self.world.environment(), **(environment or {})},
            process_group=0,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, printed.decode(errors="replace")

    async def open_account(self, api: Api, account: str, amount_minor: int = 10**9) -> None:
        await api.open_account(account, amount_minor)
        self.paid_in[account] = amount_minor

    async def proof(self, api: Api) -> Proof:
        """Audit the database, and add up the accounts that were opened."""
        _, printed = await self.command("audit", "--output", "json")
        findings = json.loads(printed[printed.index("{") :])["findings"]
        broken = [str(each["invariant"]) for each in findings if each["violations"]]
        astray = 0
        for account, paid_in in self.paid_in.items():
            balance = await api.get(f"/v1/accounts/{account}")
            kept = sum(
                int(view["price_minor"])
                for view in (await api.views(account)).values()
                if view["settlement"] and view["settlement"]["outcome"] != "refunded"
            )
            astray += abs(balance["available_minor"] + balance["held_minor"] + kept - paid_in)
        return Proof(broken, astray)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """A session of somebody else at the same database."""
        connection = await asyncpg.connect(self.servers.database_url)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def staged(
    name: str,
    *plans: ProviderPlan,
    settings: Mapping[str, str] | None = None,
    redis_delay: bool = False,
) -> AsyncIterator[tuple[Stage, Callable[[float], None]]]:
    """A stage, and how to make Redis slow: seconds that every answer of it takes.

    Without *redis_delay* nothing stands between the daemon and Redis, and the setter does nothing.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        folder = tempfile.TemporaryDirectory(
            dir=STATE, prefix=f"{name}-", ignore_cleanup_errors=True
        )
        home = Path(stack.enter_context(folder))
        await asyncio.to_thread(home.chmod, 0o711)  # PostgreSQL's own user must get in.
        servers = await stack.enter_async_context(embedded(home / "servers", durable=False))
        providers, provider_settings = await _providers(stack, home, plans or (ProviderPlan(),))
        redis_url = servers.redis_url
        make_slow: Callable[[float], None] = lambda _: None  # noqa: E731 - replaced below
        if redis_delay:
            slow = await stack.enter_async_context(slow_redis(redis_url))
            redis_url, make_slow = slow.url, slow.set_delay
        given = {
            "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
            **provider_settings,
            **(settings or {}),
        }
        first = providers[PROVIDER]  # The world configures one of that name in any case.
        world = World(servers.database_url, redis_url, home, first.url, first.control, given)
        stack.callback(world.end_all)
        made = Stage(world, servers, providers)
        exit_code, printed = await made.command("migrate")
        assert exit_code == 0, printed
        yield made, make_slow


async def _providers(
    stack: AsyncExitStack, home: Path, plans: Sequence[ProviderPlan]
) -> tuple[dict[str, Simulated], dict[str, str]]:
    providers: dict[str, Simulated] = {}
    settings: dict[str, str] = {}
    for plan in plans:
        folder = home / plan.name
        folder.mkdir()
        kind = ["--family", plan.family]
        if plan.family == "handler_api":
            kind += ["--dialect", plan.dialect]
        options = [*kind, "--lifetime", LIFETIME, *plan.options]
        provider = await stack.enter_async_context(simulated(folder, *options))
        providers[plan.name] = replace(provider, name=plan.name)
        values = {"FAMILY": plan.family, **plan.settings}
        if plan.family == "handler_api":
            values["DIALECT"] = plan.dialect
        settings |= settings_for(plan.name, provider.url, **values)
    return providers, settings


async def rent(
    provider: Simulated, account: str, count: int, behaviour: str, window: int
) -> list[dict[str, Any]]:
    """Rent at the simulator; what the intake wants to know of each number."""
    order = {"count": count, "service": "tg", "country": "0", "behaviour": behaviour}
    rented = (await provider.control.post("/_sim/rent", order))["numbers"]
    return [
        {
            "account": account,
            "provider": provider.name,
            "provider_ref": str(number["id"]),
            "phone": str(number["phone"]),
            "service": "tg",
            "country": "0",
            "price_minor": PRICE,
            "rented_at": number["created_at"],
            "window_seconds": window,
        }
        for number in rented
    ]


async def hand_over(api: Api, items: Sequence[Mapping[str, Any]]) -> list[Number]:
    """Give rented numbers to the daemon; all must be taken."""
    numbers: list[Number] = []
    for batch in _batches(items):
        answer = await api.call("POST", "/v1/activations/bulk", {"activations": batch})
        assert answer.status == 200, answer
        for result in answer.body["results"]:
            assert result["status"] == 201, result
            numbers.append(number_of(result["activation"]))
    return numbers


def _batches(items: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(items), BULK):
        yield items[start : start + BULK]


def number_of(view: Mapping[str, Any]) -> Number:
    return Number(
        str(view["id"]),
        str(view["provider"]),
        str(view["provider_ref"]),
        str(view["account"]),
        datetime.fromisoformat(view["rented_at"]),
        datetime.fromisoformat(view["deadline_at"]),
    )


async def hand_over_new(
    api: Api, provider: Simulated, account: str, count: int, behaviour: str, window: int
) -> list[Number]:
    return await hand_over(api, await rent(provider, account, count, behaviour, window))


async def books_of(provider: Simulated) -> dict[str, Mapping[str, Any]]:
    """Every number as the provider knows it, by its reference."""
    rows: dict[str, Mapping[str, Any]] = {}
    while True:
        page = await provider.control.get("/_sim/books", offset=len(rows), limit=5_000)
        rows |= {str(row["id"]): row for row in page["numbers"]}
        if len(rows) >= page["total"]:
            return rows


async def becomes(
    met: Callable[[], Awaitable[bool]], seconds: float, every: float = ASK_AGAIN
) -> bool:
    """Whether it comes true within so many seconds."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + seconds
    while not await met():
        if loop.time() >= latest:
            return False
        await asyncio.sleep(every)  # Other processes work; there is nothing to await.
    return True


async def settled(api: Api, accounts: Sequence[str], seconds: float) -> bool:
    """Whether nothing is held on these accounts any more, within so many seconds."""

    async def nothing_held() -> bool:
        for account in accounts:
            if await api.held_minor(account):
                return False
        return True

    return await becomes(nothing_held, seconds, every=0.25)


async def sleep_until(instant: datetime) -> None:
    await asyncio.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """These processes stand still (SIGSTOP) while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def family_of(pid: int) -> list[int]:
    """The process and all that it started, the eldest first."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def raise_descriptor_limit() -> None:
    """As many open files as this user may have: some rows open thousands of connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
