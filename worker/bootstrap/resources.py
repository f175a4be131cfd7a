"""What the worker is made of: all that is opened or read before it is assembled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worker.adapters.store.postgres import PostgresStore
from worker.domain.ids import ProviderName
from worker.lifecycle.cases.questions import ClauseLookup
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.provider_terms import ProviderTerms
from worker.ports.long_rental import LongRentals
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.outbox import Sender
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Ports and values: `open_worker` fills them with adapters, a test with its own."""

    settings: Settings
    policies: PolicyBook
    clauses: ClauseLookup  #: What a case's grounds are, by policy.
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
