"""The closed sets that label values come from: fixed ones here, the others from the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import ProviderName
from worker.domain.policy import outcomes as policy
from worker.ports.store.outbox import SendResult

OUTCOMES = tuple(state.value for state in (State.DELIVERED, State.REFUNDED, State.CLOSED))
#: Why money is given back without a person in between: there from the first scrape on.
CREDIT_REASONS = tuple(reason.value for reason in EndReason)
#: A person decided, days after the deadline as it should be: no word on how late we are.
VERDICTS = frozenset({"verdict", policy.Reason.CLAIM_APPROVED.value})
REASONS = VERDICTS | {*CREDIT_REASONS, *(reason.value for reason in policy.Reason)}
PROVIDER_ENDINGS = tuple(
    state.value
    for state in (
        ProviderState.CANCELLED,
        ProviderState.FINISHED,
        ProviderState.CHARGED,
        ProviderState.GONE,
        ProviderState.DISPUTED,
    )
)
OPERATIONS = (
    "rent",
    "look",
    "list",
    "cancel",
    "finish",
    "ask_again",
    "balance",
    "rental_open",
    "rental_read",
    "rental_prolong",
    "rental_close",
)
RESULTS = ("ok", "unavailable", "refused", "unknown", "timeout", "rate_limited")
JOB_RESULTS = ("done", "busy", "unknown", "refused", "again", "failed")
DELIVERIES = tuple(result.value for result in SendResult)

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
    def currencies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(provider.currency for provider in self.providers))
