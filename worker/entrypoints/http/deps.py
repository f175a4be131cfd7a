"""What the API needs from outside; the daemon fills it in, tests fill it with fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from worker.domain.activation import State
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.entrypoints.http.auth import Token
from worker.entrypoints.http.middleware import Log, random_request_id
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.lifecycle.cases.service import CaseService
from worker.ports.service import Push, Service
from worker.ports.store.activations import Activation
from worker.ports.store.books import AccountStore, Event


class ActivationReads(Protocol):
    """The part of `ActivationStore` that only reads."""

    async def activation(self, id_: ActivationId) -> Activation | None: ...

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[Activation]: ...

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]: ...


class EventReads(Protocol):
    """The part of `EventStore` that the API shows."""

    async def events(self, *, before: int | None, limit: int) -> list[tuple[int, Event]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    service: Service
    cases: CaseService | None  #: None: every call about cases is answered `not-offered`.
    activations: ActivationReads
    accounts: AccountStore
    events: EventReads
    tokens: Sequence[Token]
    #: Raises on a push it cannot read: the push is dropped and logged.
    parse_push: Callable[[ProviderName, bytes], Sequence[Push]]
    hook_secrets: Mapping[ProviderName, str] = field(repr=False)
    log: Log
    new_request_id: Callable[[], str] = random_request_id

    @property
    def case_service(self) -> CaseService:
        if self.cases is None:
            raise Problem(ProblemKind.NOT_OFFERED)
        return self.cases
