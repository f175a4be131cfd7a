"""What the worker tells ops: a closed set of facts, each a metric, a log line, or both.

No argument is a phone or a code. Ids go to lines of the log and to exemplars, never into a label.
"""

import enum
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from worker.domain.activation import CodeFate, ProviderState
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.handover import IntakeRefusal
from worker.ports.service import PurchaseOutcome
from worker.ports.store.books import Finding, QueueStats
from worker.ports.store.outbox import SendResult
from worker.ports.store.settlements import SettledNumber


class Operation(enum.StrEnum):
    """What a request to a provider is for.

    A text like all labels of a metric: the hash of another enum is a call of Python, per request.
    """

    RENT = "rent"
    LOOK = "look"
    LIST = "list"
    CANCEL = "cancel"
    FINISH = "finish"
    ASK_AGAIN = "ask_again"
    REPORT = "report"  #: Says that a number is bad.
    BALANCE = "balance"
    SIGN_IN = "sign_in"  #: Gets the token that the others are sent with.
    RENTAL_OPEN = "rental_open"
    RENTAL_READ = "rental_read"
    RENTAL_PROLONG = "rental_prolong"
    RENTAL_CLOSE = "rental_close"

    @property
    def buys(self) -> bool:
        return self is Operation.RENT or self is Operation.RENTAL_OPEN


class RequestResult(enum.StrEnum):
    """How a request to a provider ended."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    UNKNOWN = "unknown"  #: Nobody could read the reply.
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"


class Kept(enum.StrEnum):
    """What is forgotten when its time is over."""

    ANSWERS = "answers"
    PUSHES = "pushes"
    TEXTS = "texts"
    PHONES = "phones"
    EVENTS = "events"
    SETTLED = "settled"


class JobResult(enum.StrEnum):
    """How a job ended; "nothing to do" is no failure."""

    DONE = "done"
    BUSY = "busy"  #: The same tick runs in this process already, and another one is of no use.
    UNKNOWN = "unknown"  #: No such provider is configured here.
    REFUSED = "refused"  #: It was given something that it does not take.
    PASSED_ON = "passed_on"  #: Back in the queue, for a process that reaches the provider.
    AGAIN = "again"  #: It failed, and waits in the queue to be tried again.
    FAILED = "failed"


class Dependency(enum.StrEnum):
    """A server that this process leans on; a metric label."""

    DATABASE = "database"
    REDIS = "redis"


class ConnectionState(enum.StrEnum):
    """What a connection of a pool does; a metric label."""

    BUSY = "busy"
    IDLE = "idle"


class Reporter(Protocol):
    def accepted(self, provider: ProviderName, count: int) -> None: ...

    def purchase_refused(self, provider: ProviderName, how: PurchaseOutcome) -> None:
        """Asked to rent at this provider, and certainly nothing was bought."""
        ...

    def intake_refused(self, reason: IntakeRefusal, reference: str) -> None:
        """A number that was handed over is not watched."""
        ...

    def settled(self, settled: Sequence[SettledNumber]) -> None: ...

    def code(
        self, provider: ProviderName, fate: CodeFate, wait: timedelta, id_: ActivationId
    ) -> None: ...

    def resolved(
        self,
        provider: ProviderName,
        state: ProviderState,
        count: int,
        id_: ActivationId | None = None,
    ) -> None:
        """*id_*: where it is one number."""
        ...

    def looked(self, provider: ProviderName, count: int) -> None: ...

    def request(
        self, provider: ProviderName, operation: Operation, result: RequestResult, seconds: float
    ) -> None: ...

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None: ...

    def answers_again(self, provider: ProviderName, seconds: float) -> None:
        """The first look or ending got an answer, so long after the provider was found back."""
        ...

    def trouble(
        self,
        what: str,
        *,
        provider: ProviderName | None = None,
        detail: str = "",
        **ids: UUID | str | None,
    ) -> None:
        """Something a person may want to read: a dotted event name, no secrets.

        *ids*: which one it is about, `activation=` or `rental=` or another, for the log only.
        """
        ...

    def quarantined(self, id_: ActivationId, what: str) -> None:
        """A number whose *what* (look, ending, pursuit) fails."""
        ...

    def job(self, name: str, result: JobResult, seconds: float) -> None: ...

    def retention_failed(self, kind: Kept) -> None:
        """What of it is due stays for now; it is tried again after a rest."""
        ...

    def event_delivery(self, result: SendResult, count: int = 1) -> None: ...

    def queue_stats(self, queue_stats: QueueStats) -> None: ...

    def dependency(self, dependency: Dependency, *, works: bool) -> None:
        """Whether it does what it is for just now, judged by its effect."""
        ...

    def leader(self, provider: ProviderName, *, leads: bool) -> None:
        """Whether this process leads the provider; who does not says nothing of it to anybody."""
        ...

    def schedule_lag(self, lag: timedelta | None) -> None:
        """None where this process does not know: it exports nothing then."""
        ...

    def look_late(
        self, provider: ProviderName, late: timedelta, id_: ActivationId | None = None
    ) -> None:
        """A look, or the reading of a list (no id), begins so long after it was due."""
        ...

    def code_told(self, after: timedelta, id_: ActivationId | None) -> None:
        """The endpoint took the event of a code, so long after the code was recorded."""
        ...

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A call was answered; the route is its template, never its path."""
        ...

    def loop_lag(self, seconds: float) -> None: ...

    def db_connections(self, pool: str, *, busy: int, idle: int) -> None: ...

    def checked(self, finding: Finding) -> None:
        """One invariant was checked; the audit may go on for long."""
        ...

    def audited(self, findings: Sequence[Finding]) -> None:
        """An audit ran to its end; each finding was told before."""
        ...
