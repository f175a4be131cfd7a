"""What the worker is made of: all that is opened before it is put together, and closed after."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from worker.adapters.events.webhook import Webhook
from worker.adapters.redis.failover import FailoverSchedule
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.telemetry.reporter import OpsReporter
from worker.domain.ids import ProviderName
from worker.domain.policy import Profile
from worker.lifecycle.clock import Clock
from worker.lifecycle.provider_terms import ProviderTerms
from worker.ports.long_rental import LongRentals
from worker.ports.provider import Provider
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What is opened and closed; everything else is made of it."""

    settings: Settings
    policies: Mapping[str, Profile]  #: Those of this process, by name.
    store: PostgresStore
    schedule: FailoverSchedule
    providers: Mapping[ProviderName, Provider]
    rentals: Mapping[ProviderName, LongRentals]  #: Of those that rent for long: `rentals_of`.
    webhook: Webhook | None
    terms: Mapping[ProviderName, ProviderTerms]
    reporter: OpsReporter
    registry: CollectorRegistry
    clock: Clock
