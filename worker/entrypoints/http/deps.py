"""What the API needs from outside; the daemon fills it in, tests fill it with fakes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from worker.domain.ids import ProviderName
from worker.entrypoints.http.access_log import AccessSwitch, Log
from worker.entrypoints.http.auth import KnownTokens
from worker.entrypoints.http.middleware import Answered, random_request_id, unreported
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.routing import BY_STAFF, TOLD_BY
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.keyed_calls import CallKey
from worker.lifecycle.changes import Changes
from worker.lifecycle.clause_book import NO_CLAUSES, ClauseBook
from worker.lifecycle.provider_overview import ProviderOverview
from worker.lifecycle.rent_long import RentLong
from worker.ports.service import Push, Service
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.outbox import OutboxStore
from worker.ports.store.said import StaffNote

#: Of a call with an Idempotency-Key, while it runs.
CALL_KEY: ContextVar[CallKey | None] = ContextVar("call_key", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    service: Service
    cases: CaseService | None  #: None: every call about cases is answered `not-offered`.
    activations: ActivationStore
    books: BookStore
    outbox: OutboxStore
    tokens: KnownTokens
    #: Raises on a push it cannot read: the push is dropped and logged.
    parse_push: Callable[[ProviderName, bytes, Mapping[str, str]], Sequence[Push]]
    hook_secrets: Mapping[ProviderName, str] = field(repr=False)
    log: Log
    clauses: ClauseBook = NO_CLAUSES
    changes: Changes = field(default_factory=Changes)  #: What this process changes.
    events_wanted: bool = False  #: An endpoint is configured.
    rent_long: RentLong | None = None  #: None: no long rental is ordered or read at a provider.
    providers: ProviderOverview | None = None  #: None: calls about providers are `not-offered`.
    answered: Answered = unreported  #: Is told of each call.
    access: AccessSwitch = field(default_factory=AccessSwitch)
    new_request_id: Callable[[], str] = random_request_id
    monotonic: Callable[[], float] = time.monotonic

    @property
    def case_service(self) -> CaseService:
        if self.cases is None:
            raise Problem(ProblemKind.NOT_OFFERED)
        return replace(self.cases, told_by=TOLD_BY.get(), call=CALL_KEY.get())

    @staticmethod
    def said(note: str | None = None) -> StaffNote:
        """In the name of whoever calls now."""
        return StaffNote(note, TOLD_BY.get())

    @property
    def by_staff(self) -> bool:
        """Whether a person makes this call."""
        return BY_STAFF.get()
