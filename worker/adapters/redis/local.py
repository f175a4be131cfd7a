"""The same schedule in the memory of one process, for while Redis is away.

A number takes some 300 bytes here; what it would need in Redis, Redis has.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from worker.adapters.redis.members import (
    deadline_of,
    decode,
    encode,
    instant_of,
    micros_in,
    micros_of,
)
from worker.adapters.redis.rate import SHARES, WANTS_US, Rate
from worker.domain.ids import ProviderName
from worker.ports.schedule import (
    ENDS_SOON,
    LeaseBatch,
    Leased,
    Need,
    NextLook,
    ProbeTurn,
    RebuildToken,
    SleepFor,
)
from worker.ports.store.activations import LiveNumber

NOTHING_SCHEDULED = timedelta(minutes=1)
UNTOLD = timedelta(milliseconds=200)  #: How late a hint or a new number may be seen here.
UNLEASED = timedelta(minutes=1)  #: What has been past its deadline for so long, nobody leases here.
DROPPED_MAX = 2000  #: In one lease: the process does nothing else meanwhile.
SCANNED = 2000  #: Due numbers among which those that end soon are sought, as in `lease.lua`.


@dataclass(slots=True)
class LocalBudget:
    """The request budget of `budget.lua`."""

    rate: Rate
    paid_until: int = 0
    wants_until: list[int] = field(default_factory=lambda: [0] * len(Need))
    served_at: list[int] = field(default_factory=lambda: [0] * len(Need))

    def allowed(self, now: int, need: Need) -> int:
        furthest = now + self.rate.ahead_us
        self.paid_until = min(max(self.paid_until, now), furthest)
        allowed = (furthest - self.paid_until) // self.rate.interval_us
        if not any(now < until <= now + WANTS_US for until in self.wants_until[:need]):
            return allowed
        served = self.served_at[need]
        share = served > now or now - served >= SHARES[need] * self.rate.interval_us
        return min(allowed, 1) if share else 0

    def pay(self, requests: int, need: Need, now: int, *, wants_more: bool) -> None:
        self.paid_until += requests * self.rate.interval_us
        if requests:
            self.served_at[need] = now
        if wants_more:
            self.wants_until[need] = now + WANTS_US

    def affordable_at(self) -> int:
        """When the next request is."""
        return self.paid_until + self.rate.interval_us - self.rate.ahead_us


@dataclass(slots=True)
class ScheduledNumbers:
    """The numbers of one provider. `scores` is the truth; `heap` may hold outdated entries."""

    budget: LocalBudget
    scores: dict[bytes, int] = field(default_factory=dict)
    heap: list[tuple[int, bytes]] = field(default_factory=list)
    leased: set[bytes] = field(default_factory=set)
    rebuilt: bool = False
    token: RebuildToken | None = None  #: Of what was put there since it was emptied.
    list_read_until: int = 0

    def put(self, member: bytes, score: int) -> None:
        self.scores[member] = score
        self.leased.discard(member)
        heapq.heappush(self.heap, (score, member))

    def lease(self, member: bytes, token: int) -> None:
        self.put(member, token)
        self.leased.add(member)

    def forget(self, member: bytes) -> None:
        del self.scores[member]
        self.leased.discard(member)

    def first(self) -> tuple[int, bytes] | None:
        while self.heap and self.scores.get(self.heap[0][1]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        return self.heap[0] if self.heap else None

    def take_due(self, now: int, limit: int) -> list[bytes]:
        """Due ones, oldest first; those past their deadline are dropped, as in `lease.lua`."""
        taken: dict[bytes, None] = {}  # Twice in the heap is once due.
        dropped = 0
        while len(taken) < limit and dropped < DROPPED_MAX:
            first = self.first()
            if first is None or first[0] > now:
                break
            heapq.heappop(self.heap)
            member = first[1]
            if deadline_of(member) < now:
                self.forget(member)
                dropped += 1
            else:
                taken[member] = None
        return list(taken)

    def drop_past(self, then: int, most: int) -> None:
        """Forget those whose deadline was before *then*, as far as they are the first ones due."""
        for _ in range(most):
            first = self.first()
            if first is None or first[0] >= then or deadline_of(first[1]) >= then:
                return
            heapq.heappop(self.heap)
            self.forget(first[1])

    def put_back(self, members: Iterable[bytes]) -> None:
        """Those that were taken and not leased: due as before."""
        for member in members:
            heapq.heappush(self.heap, (self.scores[member], member))


class LocalSchedule:
    """`Schedule` for one process; raises nothing."""

    def __init__(
        self, rates: Mapping[ProviderName, float], *, clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._by_provider = {
            name: ScheduledNumbers(LocalBudget(Rate.per_second(rate)))
            for name, rate in rates.items()
        }

    @property
    def providers(self) -> Collection[ProviderName]:
        return self._by_provider.keys()

    def most_at_once(self, provider: ProviderName) -> int:
        """What a budget grants that nobody has spent of."""
        rate = self._by_provider[provider].budget.rate
        return rate.ahead_us // rate.interval_us

    def clear(self) -> None:
        """Forget every number; what was spent stays spent."""
        self._by_provider = {
            name: ScheduledNumbers(scheduled.budget)
            for name, scheduled in self._by_provider.items()
        }

    def take(self, provider: ProviderName, within: timedelta) -> list[tuple[LiveNumber, datetime]]:
        """Take off what nobody has leased and whose deadline comes within that time."""
        scheduled, latest = self._by_provider[provider], self._now() + micros_in(within)
        taken = [
            (member, score)
            for member, score in scheduled.scores.items()
            if member not in scheduled.leased and deadline_of(member) <= latest
        ]
        for member, _ in taken:
            scheduled.forget(member)
        return [(decode(member), instant_of(score)) for member, score in taken]

    def keep_leased(self) -> None:
        """Forget every number that nobody is looking at."""
        for scheduled in self._by_provider.values():
            scheduled.scores = {member: scheduled.scores[member] for member in scheduled.leased}
            scheduled.heap.clear()
            scheduled.rebuilt, scheduled.token = False, None

    def is_empty(self, provider: ProviderName) -> bool:
        return not self._by_provider[provider].scores

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        scheduled = self._by_provider[provider]
        before = len(scheduled.scores)
        for number, at in looks:
            member = encode(number)
            if member not in scheduled.scores:
                scheduled.put(member, micros_of(at))
        added = len(scheduled.scores) - before
        # Where nobody leases, because another process leads, nothing else would ever drop them.
        scheduled.drop_past(self._now() - micros_in(UNLEASED), 2 * len(looks))
        return added

    async def hint(self, provider: ProviderName, *numbers: LiveNumber) -> None:
        scheduled, now = self._by_provider[provider], self._now()
        for member in map(encode, numbers):
            if scheduled.scores.get(member, now + 1) > now:
                scheduled.put(member, now)

    async def nap(self, _provider: ProviderName, longest: timedelta, sleep: SleepFor) -> None:
        await sleep(min(longest, UNTOLD).total_seconds())

    async def ring(self, _provider: ProviderName) -> None:
        """Nobody hears it: naps are short here."""

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        scheduled, now = self._by_provider[provider], self._now()
        token = now + micros_in(lease)
        members = self._chosen(scheduled, now, limit)
        numbers = []
        for member in members:
            late = timedelta(microseconds=now - scheduled.scores[member])
            numbers.append(Leased(decode(member), token, late))
            scheduled.lease(member, token)
        return LeaseBatch(numbers, self._wait(scheduled, now))

    @staticmethod
    def _chosen(scheduled: ScheduledNumbers, now: int, limit: int) -> list[bytes]:
        """What is leased and paid, as in `lease.lua`."""
        budget = scheduled.budget
        allowed = budget.allowed(now, Need.PRESSED)
        most = min(limit, allowed)
        due = scheduled.take_due(now, most + 1)
        latest, ending = now + micros_in(ENDS_SOON), []
        if len(due) > min(most, budget.allowed(now, Need.DUE)):
            due = list(dict.fromkeys(due + scheduled.take_due(now, SCANNED)))
            ending = [each for each in due if deadline_of(each) <= latest]
            ending.sort(key=deadline_of)
        urgent = ending[:most]
        chosen = set(urgent)
        wants_more = len(ending) > len(urgent) and most == allowed
        budget.pay(len(urgent), Need.PRESSED, now, wants_more=wants_more)
        rest = [each for each in due if each not in chosen]
        plain = rest[: min(most - len(urgent), budget.allowed(now, Need.DUE))]
        more = len(rest) > len(plain) and len(urgent) + len(plain) < limit
        budget.pay(len(plain), Need.DUE, now, wants_more=more)
        scheduled.put_back(rest[len(plain) :])
        return urgent + plain

    def _wait(self, scheduled: ScheduledNumbers, now: int) -> timedelta:
        first = scheduled.first()
        if first is None:
            return NOTHING_SCHEDULED
        ready_at = max(now, first[0], scheduled.budget.affordable_at())
        return timedelta(microseconds=ready_at - now)

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        scheduled = self._by_provider[provider]
        held = 0
        for leased, at in nexts:
            member = encode(leased.number)
            if scheduled.scores.get(member) != leased.token:
                continue
            held += 1
            if at is None:
                scheduled.forget(member)
            else:
                scheduled.put(member, micros_of(at))
        return held

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        budget, now = self._by_provider[provider].budget, self._now()
        granted = max(0, min(wanted, budget.allowed(now, need)))
        budget.pay(granted, need, now, wants_more=granted < wanted)
        return granted

    async def probe_turn(self, _provider: ProviderName, _open_for: timedelta) -> ProbeTurn:
        return ProbeTurn.ASK  # Nothing is shared: each process asks for itself.

    async def answers_again(self, _provider: ProviderName) -> None:
        """No other process hears it."""

    async def size(self, provider: ProviderName) -> int:
        return len(self._by_provider[provider].scores)

    async def open_size(self, provider: ProviderName) -> int:
        scores, now = self._by_provider[provider].scores, self._now()
        return len(scores) if any(deadline_of(member) >= now for member in scores) else 0

    async def mark_list_read(self, provider: ProviderName, lasts: timedelta) -> None:
        self._by_provider[provider].list_read_until = self._now() + micros_in(lasts)

    async def list_unread(self, provider: ProviderName) -> bool:
        if self._now() < self._by_provider[provider].list_read_until:
            return False
        return await self.open_size(provider) > 0

    async def lag(self, provider: ProviderName) -> timedelta:
        first = self._by_provider[provider].first()
        late = 0 if first is None else self._now() - first[0]
        return timedelta(microseconds=max(0, late))

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        scheduled = self._by_provider[provider]
        scheduled.token = scheduled.token or RebuildToken(uuid4().hex)
        return scheduled.token

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        scheduled = self._by_provider[provider]
        holds = token == scheduled.token
        scheduled.rebuilt |= holds
        return holds

    async def intact(self, provider: ProviderName) -> bool:
        return self._by_provider[provider].rebuilt

    def _now(self) -> int:
        return micros_of(self._clock())
