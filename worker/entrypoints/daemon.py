"""The daemon: listeners, arq, ticker, backstop and gauges, from start to an orderly stop."""

import asyncio
import gc
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from pydantic import SecretStr

from worker.adapters.providers.registry import parse_push
from worker.adapters.store.migrate import upgrade
from worker.adapters.telemetry.exposition import render
from worker.adapters.telemetry.logs import logger
from worker.bootstrap import Worker, open_worker
from worker.bootstrap.from_settings import VERSION, utc_now
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import run_supervised
from worker.entrypoints.embedded import embedded as embedded_servers
from worker.entrypoints.gauges import keep_gauges
from worker.entrypoints.http.admin import READY_SECONDS, AdminDeps, build_admin
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.auth import Token
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.listener import listen
from worker.entrypoints.job_handlers import job_handlers_of
from worker.entrypoints.probes import livez, readyz
from worker.entrypoints.simulated import API_KEY, simulated_provider
from worker.entrypoints.ticker import run_ticker
from worker.ports.service import Push
from worker.settings import ProviderSettings, Settings
from worker.settings.values import ListenAddress
from worker.simulator.config import FIRST_ID, FIRST_ID_MAX

INTERRUPTED: Final = 130
DEV_HOME: Final = Path(".state/dev")
DEV_PROVIDER: Final = "sim"


async def run_daemon(settings: Settings, *, embedded: bool, simulator: bool) -> int:
    """Until SIGTERM (0) or Ctrl-C (130); raises what keeps it from starting."""
    stop = asyncio.Event()
    interrupted = _stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        if embedded:
            settings = await stack.enter_async_context(with_servers(settings, DEV_HOME))
        if simulator:
            settings = await stack.enter_async_context(with_simulator(settings, DEV_HOME))
        worker = await stack.enter_async_context(open_worker(settings))
        async with serving(worker, stop) as addresses:
            _collect_less()
            _say_ready(addresses)
            await stop.wait()
            _say("stopping: taking no new work, ending what runs")
    return INTERRUPTED if interrupted() else 0


@asynccontextmanager
async def serving(worker: Worker, stop: asyncio.Event) -> AsyncIterator[dict[str, ListenAddress]]:
    """Everything that runs, until the block ends; then it is drained, not cut."""
    settings = worker.parts.settings
    drain = float(settings.worker.drain_seconds)
    redis_url = settings.redis.url.get_secret_value()
    async with AsyncExitStack() as stack:
        api = await _listening(stack, build_api(_api_deps(worker)), settings.api.listen, drain)
        probes = build_admin(_admin_deps(worker, stop))
        admin = await _listening(stack, probes, settings.admin.listen, READY_SECONDS)
        services = job_handlers_of(worker)
        for work in (worker.backstop.run(), keep_gauges(worker)):
            _ = await stack.enter_async_context(_running(work))
        arq = run_supervised(services, redis_url, stop, drain_seconds=drain)
        supervised = await stack.enter_async_context(_running(arq))
        ticker = run_ticker(redis_url, list(worker.parts.providers), now=utc_now)
        _ = await stack.enter_async_context(_running(ticker))
        try:
            yield {"api": _address(api), "admin": _address(admin)}
        finally:
            stop.set()
            worker.ticks.stop()
            # Side by side: one after the other could take longer than a supervisor waits.
            drained = asyncio.wait({supervised}, timeout=drain + 1)
            await asyncio.gather(drained, api.cleanup())


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that lives as long as the block. One that dies early takes the process with it."""
    task = asyncio.ensure_future(work)
    owner = asyncio.current_task()
    assert owner is not None

    def died(done: "asyncio.Task[None]") -> None:
        if not done.cancelled() and done.exception() is not None:
            owner.cancel()

    task.add_done_callback(died)
    try:
        yield task
    finally:
        task.remove_done_callback(died)
        if task.done() and not task.cancelled() and task.exception() is not None:
            await task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listening(
    stack: AsyncExitStack, app: web.Application, address: ListenAddress, drain_seconds: float
) -> web.AppRunner:
    runner = await listen(app, address.host, address.port, drain_seconds=drain_seconds)
    stack.push_async_callback(runner.cleanup)  # Does nothing where it was called before.
    return runner


def _address(runner: web.AppRunner) -> ListenAddress:
    host, port = runner.addresses[0][:2]
    return ListenAddress(str(host), int(port))


def _api_deps(worker: Worker) -> ApiDeps:
    settings = worker.parts.settings

    def parse(provider: ProviderName, body: bytes) -> list[Push]:
        one = settings.providers[provider]
        return parse_push(one.family, one.dialect, body)

    return ApiDeps(
        service=worker.desk,
        cases=worker.desk.cases,
        activations=worker.parts.store.activations,
        books=worker.parts.store.books,
        outbox=worker.parts.store.outbox,
        tokens=[
            Token.of(token.name, token.scope, token.secret.get_secret_value())
            for token in settings.api.tokens
        ],
        parse_push=parse,
        hook_secrets={
            ProviderName(name): one.hook_secret.get_secret_value()
            for name, one in settings.providers.items()
            if one.hook_secret is not None
        },
        log=logger("worker.http"),
    )


def _admin_deps(worker: Worker, stop: asyncio.Event) -> AdminDeps:
    return AdminDeps(
        metrics=lambda accept: render(worker.parts.registry, accept),
        livez=lambda: livez(worker),
        readyz=readyz(worker, stop),
        version={"version": VERSION, "python": sys.version.split()[0]},
        log=logger("worker.http"),
    )


@asynccontextmanager
async def with_servers(settings: Settings, home: Path) -> AsyncIterator[Settings]:
    """The same settings on embedded servers, with the schema up to date."""
    async with embedded_servers(home, durable=True) as servers:
        await upgrade(servers.database_url)
        _say(f"database AW_DATABASE__URL={servers.database_url}")
        _say(f"redis    AW_REDIS__URL={servers.redis_url}")
        database = settings.database.model_copy(update={"url": SecretStr(servers.database_url)})
        redis = settings.redis.model_copy(update={"url": SecretStr(servers.redis_url)})
        yield settings.model_copy(update={"database": database, "redis": redis})


@asynccontextmanager
async def with_simulator(settings: Settings, home: Path) -> AsyncIterator[Settings]:
    """The same settings with a simulated provider, and a token where none is configured."""
    # Cancels at any age: scenarios of a few seconds must be able to reach their ending.
    options = ["--min-cancel-age", "0", "--first-id", str(_first_id(time.time()))]
    async with simulated_provider(home, options) as url:
        provider = ProviderSettings(
            family="handler_api",
            base_url=url,
            api_key=SecretStr(API_KEY),
            poll_seconds=1.0,
            min_cancel_age_seconds=0,
        )
        providers = {**settings.providers, DEV_PROVIDER: provider}
        api = settings.api
        if not api.tokens:
            tokens = f"dev:operate:{_dev_token(home)}"
            api = type(api).model_validate({"listen": str(api.listen), "tokens": tokens})
        _say(f"simulated provider {DEV_PROVIDER}: {url}")
        yield settings.model_copy(update={"providers": providers, "api": api})


def _first_id(now: float) -> int:
    """Beyond all that were sold before: the database of `dev` outlives its simulated provider.

    One that it knows already is another order's, and leaves the purchase in doubt. Ten for each
    second that passes are more than anybody rents from the start of one `dev` to the next.
    """
    return FIRST_ID + int(now * 10) % (FIRST_ID_MAX - FIRST_ID)


def _dev_token(home: Path) -> str:
    """A token only this machine's user can read, so that the other terminal finds it."""
    token = secrets.token_urlsafe(32)
    file = home / "token"
    file.touch(mode=0o600, exist_ok=True)
    file.chmod(0o600)
    file.write_text(token)
    return token


def _stop_on_signals(stop: asyncio.Event) -> Callable[[], bool]:
    """Both signals stop it in the same orderly way; what is returned tells which it was."""
    received: list[signal.Signals] = []

    def got(which: signal.Signals) -> None:
        received.append(which)
        stop.set()

    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, got, which)
    return lambda: bool(received) and received[0] is signal.SIGINT


def _collect_less() -> None:
    """Keep what was built at the start out of every collection, and collect less often.

    A number in flight is a few small objects that die young by their reference counts; by default
    the collector walks all that is alive after every 700 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _say_ready(addresses: dict[str, ListenAddress]) -> None:
    _say(f"api   http://{addresses['api']}")
    _say(f"admin http://{addresses['admin']}  (/metrics /livez /readyz /version)")
    _say("ready; Ctrl-C stops it")


def _say(line: str) -> None:
    sys.stderr.write(f"activation-worker: {line}\n")
    sys.stderr.flush()
