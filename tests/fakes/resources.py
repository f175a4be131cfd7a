"""What the worker is assembled from in tests: no files, no telemetry, no endpoint, no Redis."""

from collections.abc import Mapping

from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap.from_settings import Resources, clauses_of, profiles_of
from worker.domain.ids import ProviderName
from worker.domain.shipped import config_directory
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.settings import Settings
from worker.settings.model import PolicySettings

SETTINGS = Settings(policies=PolicySettings(directory=config_directory() / "policies"))
POLICIES = profiles_of(SETTINGS)
CLAUSES = clauses_of(SETTINGS, POLICIES)


def resources(
    *,
    store: PostgresStore,
    schedule: Schedule,
    providers: Mapping[ProviderName, Provider],
    terms: Mapping[ProviderName, ProviderTerms],
    reporter: Reporter,
    clock: Clock,
    settings: Settings = SETTINGS,
) -> Resources:
    return Resources(
        settings=settings,
        policies=PolicyBook(POLICIES, store.policies.read),
        clauses=CLAUSES,
        store=store,
        schedule=schedule,
        redis_away=lambda: False,
        providers=providers,
        rentals={},
        sender=None,
        terms=terms,
        reporter=reporter,
        metrics=lambda _: (b"", ""),
        clock=clock,
    )
