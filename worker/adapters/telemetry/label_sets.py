"""The labels of metrics, each with the closed set its values come from; the buckets of histograms.

The sets are enums of the code or names of the configuration, never what somebody sent.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import ProviderName
from worker.domain.policy import vocabulary as policy
from worker.ports.handover import IntakeRefusal
from worker.ports.reporter import (
    ConnectionState,
    Dependency,
    JobResult,
    Kept,
    Operation,
    RequestResult,
)
from worker.ports.service import FAILED
from worker.ports.store.books import IN_DOUBT, IN_REVIEW
from worker.ports.store.case_view import CaseKind
from worker.ports.store.outbox import SendResult

#: Why money is given back without a person in between: there from the first scrape on.
CREDIT_REASONS = tuple(reason.value for reason in EndReason)
#: A person decided, days after the deadline as it should be: no word on how late we are.
VERDICTS = frozenset({"verdict", policy.Reason.CLAIM_APPROVED.value})
REASONS = VERDICTS | {*CREDIT_REASONS, *(reason.value for reason in policy.Reason)}

#: Why nothing is rented at a provider though nobody stopped it.
EXPOSURE_LIMIT = "exposure_limit"


#: ISO 4217 names more than 150 currencies; a shop uses a handful. What comes later is `other`.
CURRENCIES_MAX = 20


class LabelledProvider(NamedTuple):
    name: ProviderName
    currency: str
    exposure_limit_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSets:
    """What only the configuration and the code around the telemetry know."""

    version: str
    providers: Sequence[LabelledProvider] = ()
    jobs: Sequence[str] = ()
    invariants: Sequence[str] = ()
    timers: Sequence[str] = ()
    canary_every_seconds: float = 0  #: 0: none is configured.

    @property
    def provider_names(self) -> tuple[str, ...]:
        return tuple(provider.name for provider in self.providers)

    @property
    def own_currencies(self) -> list[tuple[str, str]]:
        """Each provider with the currency it counts in."""
        return [(provider.name, provider.currency) for provider in self.providers]

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(provider.currency for provider in self.providers))


class Label(NamedTuple):
    """A label's name, and the values that are known before anything happened."""

    name: str
    values: Callable[[LabelSets], Sequence[str]]


def _fixed(name: str, values: Iterable[str]) -> Label:
    known = tuple(values)
    return Label(name, lambda _: known)


PROVIDER = Label("provider", lambda sets: sets.provider_names)
CURRENCY = Label("currency", lambda sets: sets.currencies)
JOB = Label("job_name", lambda sets: sets.jobs)
INVARIANT = Label("invariant", lambda sets: sets.invariants)
TIMER_KIND = Label("kind", lambda sets: sets.timers)
VERSION = Label("version", lambda sets: (sets.version,))
OUTCOME = _fixed("outcome", (s.value for s in (State.DELIVERED, State.REFUNDED, State.CLOSED)))
PURCHASE_REFUSAL = _fixed("reason", sorted(outcome.value for outcome in FAILED))
CREDIT_REASON = _fixed("reason", CREDIT_REASONS)
PROVIDER_ENDING = _fixed(
    "provider_state",
    (
        state.value
        for state in (
            ProviderState.CANCELLED,
            ProviderState.FINISHED,
            ProviderState.CHARGED,
            ProviderState.GONE,
            ProviderState.DISPUTED,
        )
    ),
)
OPERATION = _fixed("operation", Operation)
REQUEST_RESULT = _fixed("result", RequestResult)
JOB_RESULT = _fixed("result", JobResult)
KEPT = _fixed("kind", Kept)
DEPENDENCY = _fixed("dependency", Dependency)
SEND_RESULT = _fixed("result", SendResult)
REFUSAL = _fixed("reason", IntakeRefusal)
REVIEW_KIND = _fixed("kind", (*(kind.value for kind in CaseKind), IN_REVIEW, IN_DOUBT))
POOL = _fixed("pool", ("work", "heartbeat"))
CONNECTION_STATE = _fixed("state", ConnectionState)
#: Which calls there are is known where they are served: a route's template, never a path.
ROUTE = _fixed("route", ())
METHOD = _fixed("method", ())
STATUS = _fixed("status", ())
#: What shops ask for; the database names no more than a handful, and `other`.
SERVICE = _fixed("service", ())
HALT_REASON = _fixed("reason", (EXPOSURE_LIMIT,))


M = TypeVar("M", Counter, Gauge, Histogram)

OTHER = "other"


class BoundedMetric(Generic[M]):
    """The *known* children exist from the start, at 0, so that a first increase is seen as one."""

    def __init__(self, metric: M, known: Collection[tuple[str, ...]]) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {
            values: metric.labels(*values) for values in known
        }
        self._allowed = tuple(frozenset(column) for column in zip(*known, strict=True))

    def of(self, *values: str) -> M:
        child = self._children.get(values)
        return child if child is not None else self._folded(values)

    def children(self) -> Iterable[M]:
        return self._children.values()

    def _folded(self, values: tuple[str, ...]) -> M:
        allowed = self._allowed or (frozenset[str](),) * len(values)
        folded = tuple(
            value if value in column else OTHER
            for value, column in zip(values, allowed, strict=True)
        )
        child = self._children.get(folded)
        if child is None:
            child = self._children[folded] = self._metric.labels(*folded)
        return child
