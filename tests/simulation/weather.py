"""What can go wrong in a swarm, and how often: each seed draws some kinds of fault, never all.

What a provider answers for another number, and what nobody can read, are one thing here: an
`UnknownReply`, as the adapters make it of both.
"""

import enum
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from tests.integration.lifecycle.world import SIM
from tests.simulation.process import ForgetfulDatabase, Gate, Peer, lost_answer, refusal
from worker.ports.errors import ProviderUnavailable, UnknownReply

OFTEN: Final = 0.25  #: Of the calls, at the most, where a fault is about single calls.
DEADLY: Final = 0.03
RARE: Final = frozenset({"killed", "frozen", "no descriptors"})
WRITES: Final = frozenset(
    {"add", "hint", "lease", "release", "spend", "begin_rebuild", "rebuilt", "mark_list_read"}
)
DRY_CALLS: Final = 12  #: That fail in a row, at the most, of a process without descriptors.
SLOW_CALLS: Final = frozenset({"rent", "cancel", "finish"})  #: Those with an effect.


class Fault(enum.Enum):
    REFUSED = "refused"  #: The provider cannot be reached: the request never left.
    SEND_LOST = "send lost"  #: A 5xx, or no answer, and no effect either.
    REPLY_LOST = "reply lost"
    LIMITED = "limited"  #: 429
    GARBAGE = "garbage"  #: The effect took place, and the answer cannot be read.
    SLOW = "slow"  #: The effect takes place after our timeout.
    STORE_AWAY = "store away"
    COMMIT_UNKNOWN = "commit unknown"  #: All its tries were not answered.
    UNACKNOWLEDGED = "unacknowledged"  #: One was not: it is run again.
    SCHEDULE_AWAY = "schedule away"
    SCHEDULE_FLUSHED = "schedule flushed"
    SKEWED = "skewed"  #: Each host's clock, by five minutes at the most.
    SCHEDULE_REFUSES = "schedule refuses writes"  #: Its reads work.
    SCHEDULE_SLOW = "schedule slow"  #: What was asked took effect, after our timeout.
    ACCOUNT_LOCKED = "account locked"  #: By somebody else, while numbers are ended.
    NO_DESCRIPTORS = "no descriptors"  #: A process can reach nobody for some calls.
    FROZEN = "frozen"  #: A process stands still, and goes on later.
    KILLED = "killed"
    TWO_AT_ONCE = "two at once"


@dataclass
class Weather:
    """How often what goes wrong, until it clears up."""

    rng: Random
    rates: dict[Fault, float]
    log: list[str] = field(default_factory=list)
    late: list[Coroutine[Any, Any, Any]] = field(default_factory=list)

    def strikes(self, fault: Fault) -> bool:
        return self.rng.random() < self.rates.get(fault, 0.0)

    def has(self, fault: Fault) -> bool:
        return fault in self.rates

    def skew(self) -> timedelta:
        furthest = 300.0 if self.has(Fault.SKEWED) else 0.0
        return timedelta(seconds=self.rng.uniform(-furthest, furthest))

    async def come_true(self) -> None:
        """What was slow takes effect, where it can; nobody hears its answer."""
        late, self.late = self.late, []
        for work in late:
            with suppress(ProviderUnavailable):  # It went down meanwhile.
                await work

    async def clear_up(self) -> None:
        self.rates = {}
        await self.come_true()


def drawn(rng: Random) -> Weather:
    """A random subset of all faults, each with a rate of its own."""
    kinds = [fault for fault in Fault if rng.random() < 1 / 2]
    rates = {fault: rng.uniform(0.01, DEADLY if fault.value in RARE else OFTEN) for fault in kinds}
    return Weather(rng, rates)


class Stormy(Gate):
    """A gate in that weather."""

    def __init__(self, weather: Weather, database: ForgetfulDatabase) -> None:
        super().__init__()
        self._weather = weather
        self._database = database
        self._dry = 0  #: Calls that find no descriptor.

    async def carry(self, peer: Peer, call: str, work: Coroutine[Any, Any, Any]) -> Any:
        if self._refuses(peer, call):
            work.close()
            self._weather.log.append(f"  {peer.value}.{call} is refused")
            raise refusal(peer)
        slow = peer is Peer.PROVIDER and call in SLOW_CALLS and not self.dead.is_set()
        if slow and self._weather.strikes(Fault.SLOW):
            self._weather.late.append(work)
            self._weather.log.append(f"  {call} is slow")
            raise ProviderUnavailable(SIM, "simulated", sent=True)
        try:
            return await super().carry(peer, call, work)
        except Exception as error:
            self._weather.log.append(f"  {peer.value}.{call}: {type(error).__name__}")
            raise

    def _refuses(self, peer: Peer, call: str) -> bool:
        """Whether it does not leave the process: a write to Redis, or no descriptor is free."""
        if self._dry == 0 and self._weather.strikes(Fault.NO_DESCRIPTORS):
            self._dry = self._weather.rng.randrange(1, DRY_CALLS)
        self._dry = max(0, self._dry - 1)
        writes = peer is Peer.SCHEDULE and call in WRITES
        return self._dry > 0 or (writes and self._weather.strikes(Fault.SCHEDULE_REFUSES))

    def pass_out(self, peer: Peer) -> None:
        strikes = self._weather.strikes
        match peer:
            case Peer.PROVIDER if strikes(Fault.REFUSED):
                raise refusal(peer)
            case Peer.PROVIDER if strikes(Fault.SEND_LOST):
                raise lost_answer(peer)
            case Peer.PROVIDER if strikes(Fault.LIMITED):
                wait = timedelta(seconds=2)
                raise ProviderUnavailable(SIM, "simulated 429", sent=False, retry_after=wait)
            case Peer.STORE if strikes(Fault.STORE_AWAY):
                raise refusal(peer)
            case Peer.STORE if strikes(Fault.UNACKNOWLEDGED):
                self._database.forgets = True
            case Peer.SCHEDULE if strikes(Fault.SCHEDULE_AWAY):
                raise refusal(peer)
            case _:
                pass

    def pass_in(self, peer: Peer) -> None:
        strikes = self._weather.strikes
        if strikes(Fault.KILLED):
            self._weather.log.append(f"  killed {self.passed[-1]}")
            raise self.kill()
        if strikes(Fault.FROZEN):
            self._weather.log.append(f"  frozen {self.passed[-1]}")
            self.freeze()
        match peer:
            case Peer.SCHEDULE if strikes(Fault.SCHEDULE_SLOW):
                raise lost_answer(peer)
            case Peer.PROVIDER if strikes(Fault.REPLY_LOST):
                raise lost_answer(peer)
            case Peer.PROVIDER if strikes(Fault.GARBAGE):
                raise UnknownReply(SIM, "simulated")
            case Peer.STORE if strikes(Fault.COMMIT_UNKNOWN):
                raise lost_answer(peer)
            case _:
                pass
