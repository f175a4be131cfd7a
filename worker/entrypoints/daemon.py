"""The daemon: listeners, arq, ticker, backstop and gauges, from start to an orderly stop."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from aiohttp import web

from worker.adapters.providers.registry import parse_push
from worker.adapters.telemetry.logs import logger
from worker.bootstrap import Worker, open_worker
from worker.bootstrap.from_settings import VERSION
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import run_supervised
from worker.entrypoints.config_reload import LiveSettings, ReadSettings, reloading_on_hangup
from worker.entrypoints.descriptors import admin_connections, api_connections
from worker.entrypoints.gauges import keep_gauges, measure_loop, watch_dependencies
from worker.entrypoints.http.admin import READY_SECONDS, AdminDeps, HealthCheck, build_admin
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.listener import listen
from worker.entrypoints.job_handlers import job_handlers_of
from worker.entrypoints.service_manager import ServiceManager, service_manager
from worker.entrypoints.ticker import run_ticker
from worker.ports.errors import StoreError
from worker.ports.reporter import Reporter
from worker.ports.service import Push
from worker.settings import Settings, dev_context
from worker.settings.dev_context import DevContext
from worker.settings.model import LogSettings
from worker.settings.values import ListenAddress

INTERRUPTED: Final = 130
DEV_HOME: Final = Path(".state/dev")
#: From the settings, the API's URL and the simulated provider's name to the desk's URL.
OpenDesk: TypeAlias = Callable[[Settings, str, str], AbstractAsyncContextManager[str]]


async def run_daemon(settings: Settings, *, embedded: bool, read: ReadSettings) -> int:
    """Until SIGTERM (0) or Ctrl-C (130); raises what keeps it from starting."""
    stop = asyncio.Event()
    interrupted = _stop_on_signals(stop)
    manager = service_manager(os.environ, os.getpid())
    async with AsyncExitStack() as stack:
        if embedded:
            settings = await _with_servers(stack, settings)
        worker = await stack.enter_async_context(open_worker(settings))
        _ = await _start(stack, manager.feed_watchdog(partial(_stuck, worker)))
        live = LiveSettings.of(settings)
        async with serving(worker, stop, live) as addresses:
            stack.enter_context(reloading_on_hangup(live, read, worker.parts.reporter, stop))
            await _serve_until(stop, addresses, manager)
    return INTERRUPTED if interrupted() else 0


async def run_dev(settings: Settings, *, verbose: bool, open_desk: OpenDesk) -> int:
    """As `run_daemon`, with a simulated provider, the desk, a context for other commands, and its
    terminal.

    Not *verbose*: the log has what went wrong alone, and the terminal what a person wants to see.
    """
    from worker.entrypoints.dev_terminal import DevTerminal  # noqa: PLC0415 - only dev needs it
    from worker.entrypoints.simulated import (  # noqa: PLC0415 - only dev needs it
        DEV_PROVIDER,
        with_simulator,
    )

    stop = asyncio.Event()
    interrupted = _stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        settings = await _with_servers(stack, settings)
        own = not settings.api.tokens  # Made for this run alone: nobody else's secret is printed.
        settings = await stack.enter_async_context(with_simulator(settings, DEV_HOME))
        url = settings.providers[DEV_PROVIDER].base_url
        _say(f"simulated provider {DEV_PROVIDER}: {url}")
        if not verbose:
            settings = settings.model_copy(update={"log": LogSettings(level="warning")})
        worker = await stack.enter_async_context(open_worker(settings))
        live = LiveSettings.of(settings)
        async with serving(worker, stop, live) as addresses:
            reporter = worker.parts.reporter
            stack.enter_context(reloading_on_hangup(live, lambda: settings, reporter, stop))
            api_url = f"http://{addresses['api']}"
            desk = await stack.enter_async_context(open_desk(settings, api_url, DEV_PROVIDER))
            context = _context_of(settings, addresses, desk)
            stack.enter_context(_written(context))
            _say(f"desk     {desk}  sign in with {context.token if own else 'one of your tokens'}")
            store = worker.parts.store
            _ = await _start(stack, DevTerminal(store.activations, store.outbox).keep())
            await _serve_until(stop, addresses, ServiceManager())
    _say(f"numbers that wait are taken up by the next `dev` here; all of it is in {DEV_HOME}")
    return INTERRUPTED if interrupted() else 0


async def _with_servers(stack: AsyncExitStack, settings: Settings) -> Settings:
    from worker.entrypoints.embedded import with_servers  # noqa: PLC0415 - it brings Alembic

    settings = await stack.enter_async_context(with_servers(settings, DEV_HOME))
    _say(f"database AW_DATABASE__URL={settings.database.url.get_secret_value()}")
    _say(f"redis    AW_REDIS__URL={settings.redis.url.get_secret_value()}")
    return settings


async def _serve_until(
    stop: asyncio.Event, addresses: Mapping[str, ListenAddress], manager: ServiceManager
) -> None:
    _collect_less()
    _say_ready(addresses)
    manager.ready()
    await stop.wait()
    manager.stopping()
    _say("stopping: taking no new work, ending what runs")


def _context_of(
    settings: Settings, addresses: Mapping[str, ListenAddress], desk_url: str
) -> DevContext:
    token = max(settings.api.tokens, key=lambda each: len(set(each.scope.split("+")) - {"read"}))
    return DevContext(
        api_url=f"http://{addresses['api']}",
        admin_url=f"http://{addresses['admin']}",
        desk_url=desk_url,
        database_url=settings.database.url.get_secret_value(),
        redis_url=settings.redis.url.get_secret_value(),
        token=token.secret.get_secret_value(),
    )


@contextmanager
def _written(context: DevContext) -> Iterator[None]:
    """The file by which commands in other terminals find this `dev`, as long as it runs."""
    file = DEV_HOME / dev_context.PLACE.name
    dev_context.write(file, context)
    _say(f"context  {file}: commands in this folder find all this by themselves")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@asynccontextmanager
async def serving(
    worker: Worker, stop: asyncio.Event, live: LiveSettings
) -> AsyncIterator[dict[str, ListenAddress]]:
    """Everything that runs, until the block ends; then it is drained, not cut."""
    settings = worker.parts.settings
    drain_seconds = float(settings.worker.drain_seconds)
    redis_url = settings.redis.url.get_secret_value()
    handlers = job_handlers_of(worker)
    providers = list(worker.parts.providers)
    async with AsyncExitStack() as stack:
        api, admin = await _listen(stack, worker, stop, live, drain_seconds)
        _ = await _start(stack, worker.backstop.run())
        _ = await _start(stack, keep_gauges(worker))
        _ = await _start(stack, watch_dependencies(worker))
        _ = await _start(stack, measure_loop(worker.parts.reporter))
        arq = run_supervised(handlers, redis_url, stop, drain_seconds=drain_seconds)
        jobs = await _start(stack, arq)
        ticker = run_ticker(
            redis_url,
            providers,
            worker.ticks.configured,
            now=worker.parts.clock.now,
            reporter=worker.parts.reporter,
        )
        _ = await _start(stack, ticker)
        try:
            yield {"api": _address(api), "admin": _address(admin)}
        finally:
            stop.set()
            worker.ticks.stop()
            # Side by side: one after the other could take longer than a supervisor waits.
            drained = asyncio.wait({jobs}, timeout=drain_seconds + 1)
            await asyncio.gather(drained, api.cleanup())


async def _start(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that lives as long as *stack*. One that dies early takes the process with it."""
    return await stack.enter_async_context(_running(work))


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator["asyncio.Task[None]"]:
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


async def _listen(
    stack: AsyncExitStack,
    worker: Worker,
    stop: asyncio.Event,
    live: LiveSettings,
    drain_seconds: float,
) -> tuple[web.AppRunner, web.AppRunner]:
    """The API's listener and the admin's, until *stack* ends."""
    settings = worker.parts.settings
    refused = partial(_connection_refused, worker.parts.reporter)
    api = await listen(
        build_api(_api_deps(worker, live)),
        settings.api.listen.host,
        settings.api.listen.port,
        drain_seconds=drain_seconds,
        connections=api_connections(settings, partial(refused, "api")),
    )
    stack.push_async_callback(api.cleanup)  # Does nothing where it was called before.
    admin = await listen(
        build_admin(_admin_deps(worker, stop, _address(api))),
        settings.admin.listen.host,
        settings.admin.listen.port,
        drain_seconds=READY_SECONDS,
        connections=admin_connections(partial(refused, "admin")),
    )
    stack.push_async_callback(admin.cleanup)
    return api, admin


def _connection_refused(reporter: Reporter, listener: str) -> None:
    reporter.trouble("http.connection_refused", detail=f"{listener}: too many connections")


def _address(runner: web.AppRunner) -> ListenAddress:
    host, port = runner.addresses[0][:2]
    return ListenAddress(str(host), int(port))


def _api_deps(worker: Worker, live: LiveSettings) -> ApiDeps:
    settings = worker.parts.settings

    def parse(provider: ProviderName, body: bytes, headers: Mapping[str, str]) -> list[Push]:
        configured = settings.providers[provider]
        signing = configured.hook_signing_secret
        secret = signing.get_secret_value() if signing is not None else ""
        return parse_push(configured.family, configured.dialect, body, headers, secret)

    return ApiDeps(
        service=worker.service,
        cases=worker.service.cases,
        rent_long=worker.service.rent_long,
        providers=worker.overview,
        activations=worker.parts.store.activations,
        books=worker.parts.store.books,
        clauses=worker.parts.clauses,
        outbox=worker.parts.store.outbox,
        tokens=live.tokens,
        access=live.access,
        parse_push=parse,
        hook_secrets={
            ProviderName(name): provider.hook_secret.get_secret_value()
            for name, provider in settings.providers.items()
            if provider.hook_secret is not None
        },
        log=logger("worker.http"),
        changes=worker.steps.expire.settle.changes,
        events_wanted=worker.parts.sender is not None,
        answered=worker.parts.reporter.http_request,
    )


def _admin_deps(worker: Worker, stop: asyncio.Event, api: ListenAddress) -> AdminDeps:
    return AdminDeps(
        metrics=worker.parts.metrics,
        livez=lambda: _livez(worker),
        readyz=_readyz(worker, stop),
        version={"version": VERSION, "python": sys.version.split()[0]},
        api=str(api),
        log=logger("worker.http"),
    )


def _livez(worker: Worker) -> Sequence[HealthCheck]:
    """The loops are moving; no dependency is asked, so an outage never restarts us."""
    stuck = worker.backstop.is_stuck()
    ticks = worker.ticks.stuck()
    return [
        HealthCheck("loops", ok=not stuck, detail="backstop" if stuck else ""),
        HealthCheck("ticks", ok=not ticks, detail=" ".join(ticks)),
    ]


def _stuck(worker: Worker) -> list[str]:
    return [check.detail for check in _livez(worker) if not check.ok]


def _readyz(worker: Worker, stop: asyncio.Event) -> Callable[[], Awaitable[Sequence[HealthCheck]]]:
    """Whether this process should get requests: not draining, and the database takes writes.

    Redis is told, but does not make it unready: the daemon goes on without it.
    """

    async def checks() -> Sequence[HealthCheck]:
        return [
            HealthCheck("draining", ok=not stop.is_set()),
            await _database(worker),
            _redis(worker),
        ]

    return checks


def _redis(worker: Worker) -> HealthCheck:
    away = worker.parts.redis_away()
    return HealthCheck("redis", ok=not away, detail="away" if away else "", needed=False)


async def _database(worker: Worker) -> HealthCheck:
    try:
        await worker.parts.store.takes_writes()
    except StoreError as error:
        return HealthCheck("database", ok=False, detail=str(error))
    return HealthCheck("database", ok=True)


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


def _say_ready(addresses: Mapping[str, ListenAddress]) -> None:
    _say(f"api   http://{addresses['api']}")
    _say(f"admin http://{addresses['admin']}  (/metrics /livez /readyz /version)")
    _say("ready; Ctrl-C stops it")


def _say(line: str) -> None:
    sys.stderr.write(f"activation-worker: {line}\n")
    sys.stderr.flush()
