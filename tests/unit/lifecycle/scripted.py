"""A provider, a store and a clock that do as told, and remember what they were asked."""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from tests.fakes.stores import signature
from tests.fakes.turns import TURNS_MAX, give_way
from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import Profile
from worker.lifecycle.budget import ProviderTerms, unconditional
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.provider import (
    ActivePage,
    Balance,
    CancelReply,
    Circuit,
    HistoryPage,
    NoRent,
    Observation,
    Rented,
    RentRequest,
)
from worker.ports.store.cases import PolicyVersion
from worker.ports.store.settlements import DueNumber

SIM = ProviderName("sim")
RENTED = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=20)
DEADLINE = RENTED + WINDOW
SECOND = timedelta(seconds=1)


class Untold(AssertionError):
    """Something was asked that the test said nothing about."""


class ScriptedProvider:
    """`Provider`: per operation (and ref) one answer after the other; the last one stays."""

    def __init__(self, name: ProviderName = SIM, capabilities: Capabilities | None = None) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities()
        self.circuit = Circuit.CLOSED
        self.calls: list[tuple[str, Any]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._answers: dict[tuple[str, Any], deque[Any]] = defaultdict(deque)

    def will(self, operation: str, *answers: Any, of: Any = None) -> "ScriptedProvider":
        """What *operation* answers: a value, an exception, or a function of what was asked."""
        self._answers[operation, of].extend(answers)
        return self

    def asked(self, operation: str) -> list[Any]:
        return [about for asked, about in self.calls if asked == operation]

    async def _answer(self, operation: str, about: Any) -> Any:
        self.calls.append((operation, about))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answers = self._answers.get((operation, about)) or self._answers.get((operation, None))
            if not answers:
                raise Untold(operation)
            answer = answers.popleft() if len(answers) > 1 else answers[0]
            await give_way()
            if isinstance(answer, Exception):
                raise answer
            return await answer(about) if callable(answer) else answer
        finally:
            self.in_flight -= 1

    async def reachable(self) -> None:
        while self.circuit is Circuit.OPEN:
            await give_way()

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        return cast("Rented | NoRent", await self._answer("rent", request))

    async def look(self, ref: ProviderRef) -> Observation:
        return cast("Observation", await self._answer("look", ref))

    async def list_active(self, page: int) -> ActivePage:
        return cast("ActivePage", await self._answer("list", page))

    async def list_whole(self, page: int) -> ActivePage:
        return await self.list_active(page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        return cast("HistoryPage", await self._answer("history", (since, until, skip)))

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        return cast("CancelReply", await self._answer("cancel", ref))

    async def finish(self, ref: ProviderRef) -> Observation:
        return cast("Observation", await self._answer("finish", ref))

    async def ask_again(self, ref: ProviderRef) -> bool:
        return bool(await self._answer("ask_again", ref))

    async def report(self, ref: ProviderRef) -> CancelReply:
        return cast("CancelReply", await self._answer("report", ref))

    async def balance(self) -> Balance:
        return cast("Balance", await self._answer("balance", None))

    async def close(self) -> None:
        pass


@dataclass
class OwnTime:
    """A clock that goes on only while somebody sleeps."""

    start: datetime = RENTED
    elapsed: float = 0.0
    chance: float = 0.0
    turns: int = 0
    naps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed)

    def pass_by(self, time: timedelta) -> None:
        self.elapsed += time.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.turns += 1
        assert self.turns < TURNS_MAX, "this waits for something that never comes"
        self.naps.append(seconds)
        self.elapsed += seconds
        await give_way()

    def clock(self) -> Clock:
        return Clock(
            now=self.now,
            monotonic=lambda: self.elapsed,
            sleep=self.sleep,
            chance=lambda: self.chance,
        )


class Stub:
    """Any collaborator: answers each question as told (a value, an exception, a function)."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def asked(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for asked, arguments in self.calls if asked == name]

    def _verify(self, name: str, *arguments: Any, **named: Any) -> None:
        """Whether this may be asked so."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def ask(*arguments: Any, **named: Any) -> Any:
            self._verify(name, *arguments, **named)
            self.calls.append((name, (*arguments, *named.values())))
            await give_way()
            if name not in self.answers:
                raise Untold(name)
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(*arguments) if callable(answer) else answer

        return ask


class StubStore(Stub):
    """Any of the store's ports: asked for what one of them has, with its parameters."""

    def _verify(self, name: str, *arguments: Any, **named: Any) -> None:
        asked = signature(name)
        assert asked is not None, f"no port of the store has {name}"
        asked.bind(self, *arguments, **named)


class Refunds:
    """Rules that refund every number."""

    async def load(self, due: Sequence[DueNumber]) -> None:
        """Nothing is read."""

    def __call__(self, _due: DueNumber, _sms_received_at: datetime | None) -> tuple[State, str]:
        return State.REFUNDED, "timeout"


def policy_book(
    today: Mapping[str, Profile] | None = None,
    kept: Mapping[PolicyVersion, Profile] | None = None,
) -> PolicyBook:
    """A book that has read *kept*; nothing else is kept anywhere."""

    async def read(_: Collection[PolicyVersion] | None) -> Mapping[PolicyVersion, Any]:
        return {}

    return PolicyBook(today or {}, read, dict(kept or {}))


async def free(check: Callable[[], None] = unconditional) -> None:
    """A rate budget that costs nothing."""
    check()


def terms(**other: Any) -> ProviderTerms:
    given: dict[str, Any] = {
        "name": SIM,
        "poll": timedelta(seconds=3),
        "requests_per_second": 1000.0,
        "max_in_flight": 100,
        "min_cancel_age": timedelta(0),
        "lifetime": WINDOW,
        "exposure_limit_minor": 100_000,
        "currency": "USD",
    }
    return ProviderTerms(**{**given, **other})


def due(number: int = 1, **other: Any) -> DueNumber:
    """A number leased for its ending, its window just over."""
    given: dict[str, Any] = {
        "id": ActivationId(UUID(int=number)),
        "provider": SIM,
        "ref": ProviderRef(str(number)),
        "account": AccountId("alice"),
        "state": State.EXPIRING,
        "provider_state": ProviderState.CANCELLING,
        "reason": EndReason.TIMEOUT,
        "price_minor": 25,
        "policy": "default",
        "policy_version": "1",
        "service": "whatsapp",
        "country": "any",
        "order_facts": None,
        "cancel_decision": None,
        "rented_at": RENTED,
        "deadline_at": DEADLINE,
        "attempts": 0,
        "unknown_reads": 0,
        "epoch": 1,
    }
    return DueNumber(**{**given, **other})


async def no_flags(_account: AccountId) -> frozenset[str]:
    """Nothing is known of an account: no policy here asks for more than itself."""
    return frozenset()
