"""What the API is given; the daemon fills it in, tests fill it with fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from uuid import uuid4

from worker.domain.ids import ProviderName
from worker.entrypoints.http.auth import Token
from worker.entrypoints.http.problems import Kind, Problem
from worker.lifecycle.cases.case_service import CaseService
from worker.ports.service import Push, Service
from worker.ports.store.activations import ActivationStore
from worker.ports.store.books import BookStore
from worker.ports.store.outbox import OutboxStore


class Log(Protocol):
    """A structlog logger, or anything that takes an event name and plain fields."""

    def info(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


@runtime_checkable
class HasCases(Protocol):
    """A desk where cases are taken too."""

    @property
    def cases(self) -> CaseService: ...


ParsePush = Callable[[ProviderName, bytes], Sequence[Push]]


def random_request_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    desk: Service
    activations: ActivationStore
    books: BookStore
    outbox: OutboxStore
    tokens: Sequence[Token]
    parse_push: ParsePush  #: May raise on what it cannot read: the push is dropped and logged.
    hook_secrets: Mapping[ProviderName, str] = field(repr=False)
    log: Log
    new_request_id: Callable[[], str] = random_request_id

    @property
    def cases(self) -> CaseService:
        """Where cases are taken; a desk without such a place does not offer them."""
        if not isinstance(self.desk, HasCases):
            raise Problem(Kind.NOT_OFFERED)
        return self.desk.cases
