"""The way to the provider: the worker's own transport and breaker, over a wire that can break."""

import enum
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tests.simulation.their_side import TheirSide
from tests.simulation.timed.simulated_time import SimulatedTime
from worker.adapters.providers.patience import Patience
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import Probe, ProviderContext, Transport
from worker.adapters.providers.wire import NOTHING_MORE, Endpoint, MoreSent, TimedOut, Wire
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.provider import (
    ActivePage,
    CancelReply,
    Circuit,
    CodesArrived,
    Ended,
    NoRent,
    Observation,
    Rented,
    RentRequest,
)
from worker.ports.reporter import Operation

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 20
TIMEOUT: Final = 10.0
TARGET: Final = "/simulated"
GARBAGE: Final = Reply(200, b"<html>")
ANSWER: Final = Reply(200, b"ok")


class LineState(enum.Enum):
    WORKS = "works"
    AWAY = "away"  #: 503 to everything.
    GARBLED = "garbled"  #: Every second answer about a number cannot be read, and had no effect.
    SLOW = "slow"  #: Each answer takes a second.
    SILENT = "silent"  #: Some calls have no answer, which is known after `TIMEOUT`.


class TheirGate:
    """What stands before the provider, the same for all processes."""

    def __init__(self, time: SimulatedTime) -> None:
        self.time = time
        self.state = LineState.WORKS
        self.asked: list[tuple[float, str, str]] = []  #: Answered when, what, about which number.
        self.told: dict[str, float] = {}  #: When a code of that number was first told.
        #: Of which number and operation, while it is `SILENT`.
        self.is_silent_about: Callable[[str, Operation], bool] = lambda _ref, _operation: False
        self._asked_for: Counter[str] = Counter()

    def tells(self, ref: str) -> None:
        self.told.setdefault(ref, self.time.elapsed)

    async def exchange(self, target: str) -> Reply | None:
        """None: no answer came in time."""
        target, _, operation = target.partition("?")
        if self.state is LineState.SLOW:
            await self.time.sleep(1.0)
        if self.state is LineState.SILENT:
            ref = target.rpartition("/")[2]
            if self.is_silent_about(ref, Operation(operation)):
                self.asked.append((self.time.elapsed, operation, ref))
                await self.time.sleep(TIMEOUT)
                return None
        self._asked_for[target] += 1
        if self.state is LineState.AWAY:
            return Reply(503, b"")
        if self.state is LineState.GARBLED and self._asked_for[target] % 2 == 0:
            return GARBAGE
        return ANSWER


class SimulatedWire(Wire):
    def __init__(self, theirs: TheirSide, gate: TheirGate, is_cut: Callable[[], bool]) -> None:
        super().__init__(
            theirs.name, "http://127.0.0.1", {}, max_in_flight=MAX_IN_FLIGHT, timeout_s=TIMEOUT
        )
        self._gate = gate
        self._is_cut = is_cut

    async def exchange(
        self,
        method: str,
        target: str,
        cap: int,
        *,
        patience: Patience | None = None,
        shared: bool = False,
        more: MoreSent = NOTHING_MORE,
    ) -> Reply | ProviderError:
        assert method == "GET"
        assert more == NOTHING_MORE
        del patience, shared  # What hangs is given up by the clock alone, and takes no place.
        assert target.startswith(TARGET)
        assert cap
        reply = Reply(503, b"") if self._is_cut() else await self._gate.exchange(target)
        return TimedOut(self._name, "no answer in time") if reply is None else reply


class SimulatedTransport(Transport):
    """*is_cut*: whether this process alone cannot reach the provider."""

    def __init__(
        self,
        theirs: TheirSide,
        gate: TheirGate,
        context: ProviderContext,
        is_cut: Callable[[], bool],
    ) -> None:
        super().__init__(
            theirs.name,
            Endpoint(base_url="http://127.0.0.1"),
            context,
            max_in_flight=MAX_IN_FLIGHT,
            probe=Probe(Operation.BALANCE, TARGET, _read),
        )
        self._wire = SimulatedWire(theirs, gate, is_cut)
        self._probe_wire = SimulatedWire(theirs, gate, is_cut)


class ReachedSide:
    """`Provider`: the books of `TheirSide`, at the end of one process's line."""

    def __init__(self, theirs: TheirSide, gate: TheirGate, transport: Transport) -> None:
        self._theirs = theirs
        self._gate = gate
        self._transport = transport
        self.name = theirs.name

    @property
    def capabilities(self) -> Capabilities:
        return self._theirs.capabilities

    @property
    def circuit(self) -> Circuit:
        return self._transport.circuit

    async def reachable(self) -> None:
        await self._transport.reachable()

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        return await self._ask(Operation.RENT, lambda: self._theirs.rent(request))

    async def look(self, ref: ProviderRef) -> Observation:
        seen = await self._ask(Operation.LOOK, lambda: self._theirs.look(ref), ref)
        if isinstance(seen, CodesArrived | Ended) and seen.sms:
            self._gate.tells(ref)
        return seen

    async def list_active(self, page: int) -> ActivePage:
        listed = await self._ask(Operation.LIST, lambda: self._theirs.list_active(page))
        for row in listed.rows:
            if row.sms:
                self._gate.tells(row.ref)
        return listed

    async def list_whole(self, page: int) -> ActivePage:
        return await self.list_active(page)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        return await self._ask(Operation.CANCEL, lambda: self._theirs.cancel(ref), ref)

    async def finish(self, ref: ProviderRef) -> Observation:
        return await self._ask(Operation.FINISH, lambda: self._theirs.finish(ref), ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        return await self._ask(Operation.ASK_AGAIN, lambda: self._theirs.ask_again(ref), ref)

    async def report(self, ref: ProviderRef) -> CancelReply:
        return await self._ask(Operation.REPORT, lambda: self._theirs.report(ref), ref)

    async def close(self) -> None:
        await self._transport.close()

    async def _ask(
        self, operation: Operation, effect: Callable[[], Awaitable[T]], ref: str = ""
    ) -> T:
        await self._transport.call(operation, f"{TARGET}/{ref}?{operation.value}", _read)
        self._gate.asked.append((self._gate.time.elapsed, operation.value, ref))
        return await effect()


def _read(reply: Reply) -> None:
    if reply is GARBAGE:
        raise ValueError("not a reply of this provider")
