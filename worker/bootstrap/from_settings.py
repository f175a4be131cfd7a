"""What the worker is made of, and its parts from settings: clock, terms, policies, telemetry."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry

from worker.adapters.events.webhook import Webhook
from worker.adapters.providers.family import ProviderConfig
from worker.adapters.providers.registry import build_provider, build_rentals
from worker.adapters.providers.transport import OwnTurns, ProviderContext, unmetered
from worker.adapters.providers.wire import POOLS
from worker.adapters.store.audit import invariants
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.telemetry.label_sets import LabelledProvider, LabelSets
from worker.adapters.telemetry.logs import logger
from worker.adapters.telemetry.metrics import Metrics
from worker.adapters.telemetry.reporter import OpsReporter
from worker.domain.ids import ProviderName
from worker.domain.policy import Profile, load_profile, policy_names
from worker.domain.policy.clauses import load_clauses
from worker.jobs import JOBS
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.cases.rental_closing import WaitForBudget
from worker.lifecycle.clause_book import ClauseBook
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.retention import RetentionTimes
from worker.ports.long_rental import LongRentals
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.case_view import TimerKind
from worker.ports.store.outbox import Sender
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Ports and values: `open_worker` fills them with adapters, a test with its own."""

    settings: Settings
    policies: PolicyBook
    clauses: ClauseBook  #: What a case's grounds are, by policy.
    store: PostgresStore
    schedule: Schedule
    redis_away: Callable[[], bool]  #: Whether the schedule is in this process's memory meanwhile.
    providers: Mapping[ProviderName, Provider]
    rentals: Mapping[ProviderName, LongRentals]  #: Of those that rent for long: `rentals_of`.
    sender: Sender | None  #: None where no endpoint is configured.
    terms: Mapping[ProviderName, ProviderTerms]
    reporter: Reporter
    metrics: Callable[[str], tuple[bytes, str]]  #: `/metrics` and its type, for an Accept header.
    clock: Clock


VERSION: Final = version("activation-worker")


def utc_now() -> datetime:
    return datetime.now(UTC)


def system_clock(now: Callable[[], datetime] = utc_now) -> Clock:
    return Clock(
        now=now,
        monotonic=time.monotonic,
        sleep=asyncio.sleep,
        chance=random.random,  # Jitter: nothing secret hangs on it.
    )


def terms_of(settings: Settings) -> dict[ProviderName, ProviderTerms]:
    return {
        ProviderName(name): ProviderTerms(
            name=ProviderName(name),
            poll=timedelta(seconds=provider.poll_seconds),
            requests_per_second=provider.requests_per_second,
            max_in_flight=provider.max_in_flight,
            min_cancel_age=timedelta(seconds=provider.min_cancel_age_seconds),
            lifetime=timedelta(seconds=provider.lifetime_seconds),
            exposure_limit_minor=provider.exposure_limit_minor,
            currency=provider.currency,
        )
        for name, provider in settings.providers.items()
    }


def spaced(
    terms: Mapping[ProviderName, ProviderTerms], providers: Mapping[ProviderName, Provider]
) -> dict[ProviderName, ProviderTerms]:
    """The terms with looks no closer together than the provider demands, whatever is configured."""
    gaps = {name: providers[name].capabilities.look_gap or timedelta(0) for name in terms}
    return {
        name: replace(its, poll=max(its.poll, gaps[name]), look_gap=gaps[name])
        for name, its in terms.items()
    }


def retention_of(settings: Settings) -> RetentionTimes:
    kept = settings.retention
    texts, phones, events, settled = (
        timedelta(days=days) if days else None
        for days in (kept.texts_days, kept.phones_days, kept.events_days, kept.settled_days)
    )
    return RetentionTimes(texts=texts, phones=phones, events=events, settled=settled)


def profiles_of(settings: Settings) -> dict[str, Profile]:
    directory = settings.policies.directory
    return {name: load_profile(name, directory) for name in policy_names(directory)}


def clauses_of(settings: Settings, policies: Mapping[str, Profile]) -> ClauseBook:
    return ClauseBook({name: load_clauses(name, settings.policies.directory) for name in policies})


def accounts_of(settings: Settings) -> dict[ProviderName, ProviderConfig]:
    return {
        ProviderName(name): ProviderConfig(
            name=ProviderName(name),
            family=provider.family,
            dialect=provider.dialect,
            path=provider.path or "",
            api_username=provider.api_username or "",
            base_url=provider.base_url,
            api_key=provider.api_key.get_secret_value(),
            max_in_flight=provider.max_in_flight,
            currency=provider.currency,
        )
        for name, provider in settings.providers.items()
    }


def providers_of(
    settings: Settings, reporter: OpsReporter, clock: Clock, schedule: Schedule | None = None
) -> dict[ProviderName, Provider]:
    """The accounts; without a *schedule* nobody counts what they send (a check by hand)."""
    terms = terms_of(settings)
    return {
        name: build_provider(
            account,
            ProviderContext(
                reporter=reporter,
                sleep=clock.sleep,
                monotonic=clock.monotonic,
                random=clock.chance,
                pay=unmetered if schedule is None else Budget(schedule, terms[name], clock, 1).take,
                turns=schedule or OwnTurns(),
                pool=POOLS[settings.worker.provider_connections],
            ),
        )
        for name, account in accounts_of(settings).items()
    }


def rentals_of(
    settings: Settings, providers: Mapping[ProviderName, Provider]
) -> dict[ProviderName, LongRentals]:
    """The long rentals at each provider that has them, over the connections of its account.

    So `rentals.get(name)` is who to ask about a rental at *name*: to close it, to read its SMS, to
    see whether it works again. None: that provider rents nothing for long, and nobody is told.
    """
    built = {
        name: build_rentals(account, providers[name])
        for name, account in accounts_of(settings).items()
    }
    return {name: rentals for name, rentals in built.items() if rentals is not None}


def payments_of(
    terms: Mapping[ProviderName, ProviderTerms], schedule: Schedule, clock: Clock
) -> dict[ProviderName, WaitForBudget]:
    """For each provider, who buys single requests from its budget."""
    return {name: Budget(schedule, of, clock, most=1).take for name, of in terms.items()}


def webhook_of(settings: Settings) -> Webhook | None:
    """Where outgoing events go; settings see to it that a URL comes with a secret."""
    events = settings.events
    if events.url is None or events.secret is None:
        return None
    return Webhook(events.url, events.secret.get_secret_value())


def metrics_of(settings: Settings) -> tuple[Metrics, CollectorRegistry]:
    sets = LabelSets(
        version=VERSION,
        providers=[
            LabelledProvider(ProviderName(name), provider.currency, provider.exposure_limit_minor)
            for name, provider in settings.providers.items()
        ],
        jobs=list(JOBS),
        invariants=invariants(),
        timers=[kind.value for kind in TimerKind],
        canary_every_seconds=settings.canary.every_seconds if settings.canary.provider else 0,
    )
    registry = CollectorRegistry()
    return Metrics(registry, sets), registry


def reporter_of(metrics: Metrics, clock: Clock) -> OpsReporter:
    return OpsReporter(metrics, logger("worker"), now=clock.now, monotonic=clock.monotonic)
