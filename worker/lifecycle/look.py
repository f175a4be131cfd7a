"""Look at one number and record what was seen: the part of watching that all providers share."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, assert_never

from worker.domain.backoff import AWAY
from worker.domain.cadence import LAST_LOOK, LAST_LOOK_AGAIN, next_look
from worker.domain.ids import ActivationId, ProviderName
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import FailureBackoff, describe_safely
from worker.lifecycle.locked_codes import LockedCodes, code_key
from worker.lifecycle.outcome import OutcomeRules, ending
from worker.lifecycle.settle import Settle
from worker.ports.errors import (
    CallOvertaken,
    ProviderError,
    ProviderUnavailable,
    RowLocked,
    StoreError,
)
from worker.ports.provider import CodesArrived, Ended, NotKnown, Observation, Provider, Sms, Waiting
from worker.ports.reporter import Reporter
from worker.ports.store.activations import (
    ActivationStore,
    LiveNumber,
    LockedCode,
    RecordedCode,
    SeenSms,
)
from worker.ports.store.settlements import Ending, SettlementStore

SEEN_MAX: Final = 500_000  #: Codes remembered as recorded, some 45 MB: a list costs no query.
SEEN_DROPPED: Final = 10  #: The oldest tenth is forgotten at once: one by one costs more.
#: A failover may lose the last commits, and then nobody but the provider knows the code. The store
#: tells of it at once (`doubts`); this is for one that nothing told of. Shorter would cost: half of
#: all live numbers have a code on the list, and asking again locks their rows.
SEEN_FOR: Final = timedelta(minutes=5)


@dataclass(slots=True)
class SeenCodes:
    """Codes this process recorded already. It only saves queries: the database is what counts."""

    _hashes: dict[int, float] = field(default_factory=dict)  #: Until when, on the process's clock.
    _doubts: int = 0

    def forget_if(self, doubts: int) -> None:
        """Remember nothing that was committed before the store began to doubt its commits."""
        if doubts != self._doubts:
            self._doubts = doubts
            self._hashes.clear()

    def new(self, seen: Sequence[SeenSms], now: float) -> list[SeenSms]:
        return [sms for sms in seen if self._hashes.get(code_key(sms), now) <= now]

    def remember(self, seen: Sequence[SeenSms], now: float) -> None:
        until = now + SEEN_FOR.total_seconds()
        for sms in seen:
            self._hashes.pop(code_key(sms), None)
            self._hashes[code_key(sms)] = until
        if len(self._hashes) > SEEN_MAX:
            for oldest in list(islice(self._hashes, -(-SEEN_MAX // SEEN_DROPPED))):
                del self._hashes[oldest]


#: Codes whose rows were locked, tried at once.
AT_ONCE_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    activations: ActivationStore
    settlements: SettlementStore
    reporter: Reporter
    settle: Settle
    rules: OutcomeRules
    clock: Clock
    doubts: Callable[[], int] = lambda: 0  #: How often the store may have lost commits.
    seen_codes: SeenCodes = field(default_factory=SeenCodes)
    locked_codes: LockedCodes = field(default_factory=LockedCodes)
    _endings: list[Ending] = field(default_factory=list)  #: Not settled yet.
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)  #: One connection for all looks.
    _numbers: FailureBackoff[ActivationId] = field(default_factory=FailureBackoff)
    _codes: FailureBackoff[int] = field(
        default_factory=FailureBackoff
    )  #: By what is remembered of them.

    def failed(self, number: LiveNumber, terms: ProviderTerms, error: Exception) -> datetime | None:
        """When to look again at a number whose look failed: later, at the last look at most."""
        why = f"look: {describe_safely(error)}"
        now = self.clock.monotonic()
        if self._numbers.add(number.id, why, now):
            self.reporter.quarantined(number.id, why)
        wait = self._numbers.wait(number.id, now)
        return self._apart(
            number, terms, self.next(number, terms, wait) or self._soon(number, wait)
        )

    async def once(
        self, provider: Provider, number: LiveNumber, terms: ProviderTerms
    ) -> datetime | None:
        """Look, record what is there, and say when to look next; None: only the ending is left."""
        at = await self._seen(provider, number, terms)
        self._numbers.clear(number.id)
        return self._apart(number, terms, at)

    async def _seen(
        self, provider: Provider, number: LiveNumber, terms: ProviderTerms
    ) -> datetime | None:
        try:
            seen = await provider.look(number.ref)
        except CallOvertaken:
            return self._soon(number, timedelta(0)) or self._once_more(number)
        except ProviderUnavailable as error:
            delay = error.retry_after or AWAY.wait(0, self.clock.chance())
            return self._soon(number, delay) or self._once_more(number)
        except ProviderError as error:
            self.reporter.trouble(
                "provider.look_failed",
                provider=provider.name,
                detail=type(error).__name__,
                activation=number.id,
            )
            return self.next(number, terms) or self._once_more(number)
        if not await self._record_observation(provider.name, number, seen):
            return None
        if isinstance(seen, NotKnown) and not await self._is_live(provider.name, number):
            return None
        again = self.next(number, terms)
        waits = again is None and self._waits(provider.name, number, seen)
        return self._once_more(number) if waits else again

    def next(
        self, number: LiveNumber, terms: ProviderTerms, delay: timedelta = timedelta(0)
    ) -> datetime | None:
        return next_look(
            rented_at=number.rented_at,
            deadline_at=number.deadline_at,
            now=self.clock.now() + delay,
            closest=terms.poll,
            chance=self.clock.chance(),
        )

    def _soon(self, number: LiveNumber, delay: timedelta) -> datetime | None:
        """After *delay*, and for the last look at the latest; None where that is over."""
        last, now = number.deadline_at - LAST_LOOK, self.clock.now()
        return min(now + delay, last) if now < last else None

    def _once_more(self, number: LiveNumber) -> datetime | None:
        """The last look told nothing: a code that is there still counts until the deadline."""
        at = self.clock.now() + LAST_LOOK_AGAIN
        return at if at < number.deadline_at else None

    def _apart(
        self, number: LiveNumber, terms: ProviderTerms, at: datetime | None
    ) -> datetime | None:
        """No sooner than the provider demands, but for the last look: what comes by then counts."""
        if at is None:
            return None
        last, now = number.deadline_at - LAST_LOOK, self.clock.now()
        at = max(at, now + terms.look_gap)
        if now < last:
            return min(at, last)
        return at if at < number.deadline_at else None

    async def _record_observation(
        self, provider: ProviderName, number: LiveNumber, seen: Observation
    ) -> bool:
        """Whether the number is looked at again."""
        match seen:
            case CodesArrived(sms=sms) | Ended(PriceFate.KEPT, sms):
                await self.codes(self.as_seen(provider, number, sms))
                # More may come while the window runs, and what waits must be seen again.
                return isinstance(seen, CodesArrived) or self._waits(provider, number, seen)
            case Ended(PriceFate.GIVEN_BACK):
                await self.ended([number.id])
                return False
            case Waiting() | NotKnown() | Ended():
                return True  # Not known is no information: the ending decides.
            case _:
                assert_never(seen)

    async def _is_live(self, provider: ProviderName, number: LiveNumber) -> bool:
        """A number that was ended is one its provider knows no more: nothing more is to be seen."""
        with contextlib.suppress(StoreError):
            live = await self.activations.live_of_refs(provider, [number.ref])
            return number.id in {each.id for each in live}
        return True

    def _waits(self, provider: ProviderName, number: LiveNumber, seen: Observation) -> bool:
        """Whether a code of this look waits for its number's row."""
        if not isinstance(seen, CodesArrived | Ended):
            return False
        return any(sms in self.locked_codes for sms in self.as_seen(provider, number, seen.sms))

    @staticmethod
    def as_seen(provider: ProviderName, number: LiveNumber, sms: Sequence[Sms]) -> list[SeenSms]:
        return [SeenSms(provider, number.ref, each.code, each.text, number.id) for each in sms]

    async def codes(self, seen: Sequence[SeenSms]) -> None:
        """Record codes that are new to this process: the one commit that a customer waits for.

        The code of a number whose row somebody has locked waits for it here, and the others do not.
        """
        now = self.clock.monotonic()
        self.seen_codes.forget_if(self.doubts())
        new = [
            sms for sms in self.seen_codes.new(seen, now) if self._codes.over(code_key(sms), now)
        ]
        for seen_at, together in self.locked_codes.by_time(new).items():
            await self._keep(together, seen_at)

    async def record_locked(self) -> None:
        """Record what waits for a row, as far as it is free now."""
        with contextlib.suppress(StoreError):  # It stays, and the next call tries again.
            waiting = self.locked_codes.all(self.clock.monotonic())
            for at in range(0, len(waiting), AT_ONCE_MAX):
                await self.codes(waiting[at : at + AT_ONCE_MAX])

    async def _keep(self, seen: Sequence[SeenSms], seen_at: datetime | None) -> None:
        now, doubts = self.clock.monotonic(), self.doubts()
        codes = await self._record(seen, seen_at)
        recorded = [code for code in codes if isinstance(code, RecordedCode)]
        locked = [code for code in codes if isinstance(code, LockedCode)]
        self.locked_codes.add(locked, now)
        waiting = {code_key(code.sms) for code in locked}
        self.locked_codes.remove([sms for sms in seen if code_key(sms) not in waiting])
        # The code of a number that is not stored yet must be seen again, and so must one that was
        # committed while the database was lost.
        if self.doubts() == doubts:
            self.seen_codes.remember([code.sms for code in recorded], now)
        for code in recorded:
            self.reporter.code(code.provider, code.fate, code.wait, code.id)
        self.settle.changes.publish([code.id for code in recorded])

    async def _record(
        self, seen: Sequence[SeenSms], seen_at: datetime | None
    ) -> list[RecordedCode | LockedCode]:
        """Record them; halving isolates a code that cannot be recorded."""
        try:
            return await self.activations.record_free_codes(seen, now=seen_at)
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error, RowLocked):
                raise  # The database is away, for the others too.
            if len(seen) == 1 and isinstance(error, RowLocked):
                return [LockedCode(seen[0], seen_at or self.clock.now())]
            if len(seen) == 1:
                self._not_recorded(seen[0], describe_safely(error))
                return []
        half = len(seen) // 2
        return [
            *await self._record(seen[:half], seen_at),
            *await self._record(seen[half:], seen_at),
        ]

    def _not_recorded(self, sms: SeenSms, why: str) -> None:
        if self._codes.add(code_key(sms), why, self.clock.monotonic()):
            self.reporter.trouble(
                "watch.code_refused", provider=sms.provider, detail=why, activation=sms.rental
            )

    async def ended(
        self, ids: Sequence[ActivationId], fate: PriceFate = PriceFate.GIVEN_BACK
    ) -> None:
        """They are over at the provider, without a code: settle their customers.

        Those whose accounts stay locked are due by now, so that the tick of endings has them.
        """
        due = await self.settlements.provider_ended(ids)
        await self.rules.load(due)
        # What the provider has not decided is asked again.
        wait = timedelta(0) if fate is PriceFate.NOT_YET else None
        self._endings.extend(ending(each, self.rules, fate, act_after=wait) for each in due)
        async with self._settling:  # What came while another one settled is settled together.
            endings = self._endings.copy()
            self._endings.clear()
            await self.settle.batch(endings)
