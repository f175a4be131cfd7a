"""Open the worker, or its store alone, and close it again whatever happens."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any

from worker.adapters.redis.failover import FailoverSchedule
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.redis.schedule import RedisSchedule
from worker.adapters.store.database import Took
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.telemetry.logs import configure_logging
from worker.adapters.telemetry.metrics import render
from worker.bootstrap import from_settings
from worker.bootstrap.assemble import Worker, assemble
from worker.domain.ids import ProviderName
from worker.domain.policy import Profile
from worker.lifecycle.clock import Clock, DatabaseTime
from worker.lifecycle.heartbeat import Heartbeat
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.reporter import Reporter
from worker.settings import Settings


@asynccontextmanager
async def open_store(
    settings: Settings,
    policies: Mapping[str, Profile] | None = None,
    took: Took = lambda _: None,
) -> AsyncIterator[PostgresStore]:
    """The database alone, for commands that need nothing else."""
    store = PostgresStore(
        settings.database.url.get_secret_value(),
        policies=from_settings.profiles_of(settings) if policies is None else policies,
        pool_size=settings.database.pool_size,
        events_wanted=settings.events.url is not None,
        took=took,
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _usable_store(
    settings: Settings, policies: Mapping[str, Profile], took: Took
) -> AsyncIterator[PostgresStore]:
    async with open_store(settings, policies, took) as store:
        await store.ping()
        yield store


@asynccontextmanager
async def open_worker(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Worker]:
    """Build it, check that the database has its schema, and close everything in the end.

    Raises `StoreError` where the database cannot be used.
    """
    configure_logging(sys.stderr, level=settings.log.level)
    async with AsyncExitStack() as stack:
        profiles = from_settings.profiles_of(settings)
        metrics, registry = from_settings.metrics_of(settings)
        took = metrics.db_transaction_seconds.observe
        store = await stack.enter_async_context(_usable_store(settings, profiles, took))
        policies = PolicyBook(profiles, store.policies.read)
        time = DatabaseTime(ask=store.time, monotonic=monotonic, host_now=from_settings.utc_now)
        clock = clock or from_settings.system_clock(time.now)
        reporter = from_settings.reporter_of(metrics, clock)
        await time.read(reporter)
        await stack.enter_async_context(_kept(time.keep(clock.sleep, reporter)))
        await _read_policies(policies, store, reporter)
        terms = from_settings.terms_of(settings)
        rates = {name: its.requests_per_second for name, its in terms.items()}
        url, holder = settings.redis.url.get_secret_value(), store.instances.holder
        redis = RedisSchedule(url, rates, clock=clock.now, holder=holder)
        stack.push_async_callback(redis.close)
        await stack.enter_async_context(_beating(store, redis, tuple(terms), reporter, clock))
        local = LocalSchedule(rates, clock=clock.now)
        schedule = FailoverSchedule(redis, local, reporter, monotonic=clock.monotonic)
        await stack.enter_async_context(_kept(schedule.keep_probing(clock.sleep)))
        providers = from_settings.providers_of(settings, reporter, clock, schedule)
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        webhook = from_settings.webhook_of(settings)
        if webhook is not None:
            stack.push_async_callback(webhook.close)
        parts = from_settings.Resources(
            settings=settings,
            policies=policies,
            clauses=from_settings.clauses_of(settings, profiles),
            store=store,
            schedule=schedule,
            redis_away=lambda: schedule.away,
            providers=providers,
            rentals=from_settings.rentals_of(settings, providers),
            sender=webhook,
            terms=from_settings.spaced(terms, providers),
            reporter=reporter,
            metrics=partial(render, registry),
            clock=clock,
        )
        worker = assemble(parts)
        _close_steps(stack, worker)
        yield worker


def _close_steps(stack: AsyncExitStack, worker: Worker) -> None:
    """First of all: what they have begun still needs the store, and the endpoint."""
    stack.push_async_callback(worker.steps.audit.close)
    if worker.steps.deliver is not None:
        stack.push_async_callback(worker.steps.deliver.close)
    kept = (worker.service.renting.answers, worker.service.rent_long.answers)
    stack.push_async_callback(lambda: asyncio.gather(*(answers.close() for answers in kept)))


@asynccontextmanager
async def _kept(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task that lives as long as the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _beating(
    store: PostgresStore,
    redis: RedisSchedule,
    providers: Sequence[ProviderName],
    reporter: Reporter,
    clock: Clock,
) -> AsyncIterator[None]:
    """This process is one of the instances as long as the block lasts."""
    heartbeat = Heartbeat(
        instances=store.instances,
        looks=redis,
        own=store,
        providers=providers,
        reporter=reporter,
        clock=clock,
    )
    await heartbeat.begin()
    async with _kept(heartbeat.keep()):
        yield


async def _read_policies(policies: PolicyBook, store: PostgresStore, reporter: Reporter) -> None:
    """Those of all orders there are; after a rollback some may be of newer code.

    An account may belong to one whose file somebody took away.
    """
    await policies.every_version()
    if policies.unreadable:
        told = "; ".join(f"{version} of {why}" for (_, version), why in policies.unreadable.items())
        reporter.trouble("policy.unreadable", detail=told)
    gone = await store.policies.accounts_without(policies.today)
    if gone:
        told = "; ".join(f"{policy}: {accounts} accounts" for policy, accounts in gone.items())
        reporter.trouble("policy.file_gone", detail=told)
