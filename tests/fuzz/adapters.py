"""Every adapter as the lifecycle calls it, with nothing but the wire replaced."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar, cast

from worker.adapters.providers import rental_account
from worker.adapters.providers.family import ProviderAccount, ProviderConfig
from worker.adapters.providers.registry import build_provider, build_rentals
from worker.adapters.providers.reply import Reply, interpret
from worker.adapters.providers.transport import ProviderContext, Transport
from worker.domain.families import every_dialect
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.long_rental import LongRentals, RentalRequest
from worker.ports.provider import Provider, RentRequest
from worker.ports.reporter import Reporter

T = TypeVar("T")

REF: Final = ProviderRef("77")
SINCE: Final = datetime(2000, 1, 1, tzinfo=UTC)  #: Everything that was seen is in this span.
UNTIL: Final = datetime(2100, 1, 1, tzinfo=UTC)
REQUESTS_MAX: Final = 8  #: Of one call; an adapter that wants more goes round in circles.

#: What the port can be asked. A new operation belongs here, and its words in the oracles.
OPERATIONS: Final[Mapping[str, Callable[[Provider], Coroutine[Any, Any, object]]]] = {
    "look": lambda provider: provider.look(REF),
    "cancel": lambda provider: provider.cancel(REF),
    "finish": lambda provider: provider.finish(REF),
    "ask_again": lambda provider: provider.ask_again(REF),
    "report": lambda provider: provider.report(REF),
    "rent": lambda provider: provider.rent(RentRequest("tg", "1")),
    "list_active": lambda provider: provider.list_active(0),
    "list_whole": lambda provider: provider.list_whole(0),
    "history": lambda provider: provider.history(SINCE, UNTIL, 0),
    "balance": lambda provider: provider.balance(),
}

#: The same of long rentals; lengths are the shortest that is offered.
RENTAL_OPERATIONS: Final[Mapping[str, Callable[[LongRentals], Coroutine[Any, Any, object]]]] = {
    "rental_open": lambda rentals: rentals.open(
        RentalRequest("tg", "1", rentals.terms.lengths.shortest)
    ),
    "rental_messages": lambda rentals: rentals.messages(REF),
    "rental_prolong": lambda rentals: rentals.prolong(REF, rentals.terms.lengths.shortest),
    "rental_close": lambda rentals: rentals.close(REF),
    "rental_available": lambda rentals: rentals.available(REF),
}


class Call(NamedTuple):
    """One question to an adapter, and what the provider replies to its requests, in order."""

    operation: str
    replies: tuple[Reply, ...]


class Outcome(NamedTuple):
    answer: object  #: Also a `ProviderError`: the port's way of saying that there is none.
    heard: tuple[Reply, ...]  #: The replies it was made of; the last one may repeat.


@dataclass(slots=True)
class Wire:
    """What a `Transport` sends goes here: each request gets the next reply, later ones the last."""

    name: ProviderName
    answer_statuses: frozenset[int]
    replies: Sequence[Reply] = ()
    heard: list[Reply] = field(default_factory=list)

    async def call(
        self, operation: object, target: str, read: Callable[[Reply], T], **how: object
    ) -> T:
        """As `Transport.call`; a reply of ours is never above a cap."""
        del operation, target, how
        assert len(self.heard) < REQUESTS_MAX, "goes round in circles"
        reply = self.replies[min(len(self.heard), len(self.replies) - 1)]
        self.heard.append(reply)
        return interpret(self.name, reply, read, self.answer_statuses)


class Adapter:
    """One family, or one dialect of handler_api, with its wire in our hands."""

    def __init__(self, family: str, dialect: str) -> None:
        self.family = family
        self.dialect = dialect
        self.name = f"{family}-{dialect}" if dialect else family
        config = _config(family, dialect or "classic")
        self._provider = _provider(config)
        self._rentals = build_rentals(config, self._provider)
        self._wires = _rewired(self._provider)
        named = (*OPERATIONS, *(RENTAL_OPERATIONS if self._rentals else ()))
        self.operations: Final = tuple(each for each in named if self._asks(each))

    def ask(self, call: Call) -> Outcome:
        """What the adapter makes of the replies. What it may not raise is raised."""
        heard: list[Reply] = []
        for wire in self._wires:
            wire.replies, wire.heard = call.replies, heard
        answer: object
        try:
            answer = _result(self._started(call.operation))
        except ProviderError as error:
            answer = error
        return Outcome(answer, tuple(heard))

    def _started(self, operation: str) -> Coroutine[Any, Any, object]:
        if operation in OPERATIONS:
            return OPERATIONS[operation](self._provider)
        assert self._rentals is not None
        return RENTAL_OPERATIONS[operation](self._rentals)

    def _asks(self, operation: str) -> bool:
        """Whether the operation sends anything at all in this family."""
        can = self._provider.capabilities
        if operation.startswith("list_") and can.list_page_size is None:
            return False
        if operation == "history" and not can.history:
            return False
        if operation == "report" and not can.report:
            return False
        return bool(self.ask(Call(operation, (Reply(500, b""),))).heard)


def _config(family: str, dialect: str) -> ProviderConfig:
    return ProviderConfig(
        name=ProviderName("acme"),
        family=family,
        dialect=dialect,
        base_url="http://127.0.0.1",
        api_key="none",
        api_username="nobody",
    )


def _provider(config: ProviderConfig) -> ProviderAccount:
    provider = build_provider(
        config,
        ProviderContext(
            reporter=cast("Reporter", None),  # Nothing is sent, so nothing is reported.
            sleep=_never,
            monotonic=lambda: 0.0,
            random=lambda: 0.0,
        ),
    )
    assert isinstance(provider, ProviderAccount)
    return provider


async def _never(seconds: float) -> None:
    raise AssertionError(f"waits {seconds} s")


def _rewired(provider: Provider) -> list[Wire]:
    """Put our wire behind each connection of the adapter."""
    wires = []
    for transport in vars(provider).values():
        if isinstance(transport, Transport):
            wires.append(Wire(transport.name, transport._endpoint.answer_statuses))
            # The same reply again would be read the same way, so patience changes nothing.
            vars(transport).update(call=wires[-1].call, call_patiently=wires[-1].call)
    assert wires, "this adapter speaks over something else"
    return wires


class _Unhurried:
    """`asyncio` without a clock, for what has only the time to read some pages."""

    @staticmethod
    def timeout(_seconds: float) -> AbstractAsyncContextManager[None]:
        return nullcontext()


def _result(call: Coroutine[Any, Any, T]) -> T:
    """Run what only ever waits for the wire, which answers at once: no loop is needed."""
    hurried = vars(rental_account)["asyncio"]
    vars(rental_account)["asyncio"] = _Unhurried
    try:
        call.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    finally:
        vars(rental_account)["asyncio"] = hurried
    call.close()
    raise AssertionError("waits for something that is not the wire")


ADAPTERS: Final = {
    adapter.name: adapter
    for family, dialect in every_dialect()
    for adapter in [Adapter(family, dialect)]
}
