"""Prove purchases of unknown outcome sold or unsold, by the provider's list and history.

A number that nobody here knows and that fits is the purchase's: it is adopted. That nothing was
sold is proven by absence, and absence is proof only when the purchase cannot be carried out any
more and would be seen if it had been:

- a reading begins `CARRIED_OUT_WITHIN` after the purchase was asked for, or later: our request
  ended within `ANSWER_WITHIN`, the rest is the provider's time to carry out what it had received;
- a reading counts when the provider told all of its list, and all of its history since then;
- a number that was sold would be shown: by the list while it lives, by the history once it has had
  `LAGS` to tell of its end. In between a reading says nothing of it;
- two of them, `READINGS_APART`, show no number that may be the purchase's. One that nobody here
  knows counts as such where its service is not given, or is the purchase's.

A provider that has not both proves nothing unsold. A number that turns up later all the same is
adopted and given back where it fits: `adopt.fits` says until when.

Customers wait for the list, and the history may be long or hang: so the list's numbers are adopted
first, and a history is read for `READ_FOR` per run.
"""

import enum
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never

from worker.domain.backoff import PROOF
from worker.domain.ids import ActivationId, ProviderName, ProviderRef, the_one
from worker.domain.price_fate import PriceFate
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import CARRIED_OUT_WITHIN, CLOCKS_DIFFER, Adopt, is_phone
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.outcome import unsold
from worker.lifecycle.reconcile import LAGS, HistorySpan
from worker.lifecycle.settle import Settle
from worker.ports.errors import ProviderError, RowLocked
from worker.ports.provider import ActiveRow, Circuit, PastNumber, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.purchases import OpenPurchase, PurchaseStore
from worker.ports.store.settlements import SettlementStore

READINGS_APART: Final = timedelta(seconds=20)
HANDED_OVER_WITHIN: Final = timedelta(seconds=3)  #: What the shop rents by itself.
#: A number that was sold later than that after it was asked for is not looked for.
SOLD_WITHIN: Final = timedelta(hours=1)
OLDEST: Final = timedelta(days=29)  #: Histories go back thirty days.
LIST_PAGES_MAX: Final = 1000
HISTORY_PAGES_MAX: Final = 200
READ_FOR: Final = timedelta(seconds=5)  #: Of a history, per run; where it ended, the next goes on.

assert CARRIED_OUT_WITHIN < SOLD_WITHIN < OLDEST

AnyRow: TypeAlias = ActiveRow | PastNumber


class _Read(enum.Enum):
    """How far a history is read."""

    WHOLE = enum.auto()
    PART = enum.auto()  #: The next run goes on.
    NEVER_WHOLE = enum.auto()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reading whose history is not read to its end yet. It shows what there was when it began."""

    began: datetime
    ids: frozenset[ActivationId]  #: The purchases whose time it covers.
    listed: Sequence[ActiveRow]  #: What the list told then of numbers that nobody here knew.
    left: deque[HistorySpan]
    pages: list[Sequence[PastNumber]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseProof:
    purchases: PurchaseStore
    settlements: SettlementStore
    schedule: Schedule
    reporter: Reporter
    accept: Accept
    settle: Settle
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    #: Orphans of the last list and of the last history: what the shop rented by itself is handed
    #: over by the next.
    _list_orphans: dict[ProviderName, set[ProviderRef]] = field(default_factory=dict)
    _history_orphans: dict[ProviderName, set[ProviderRef]] = field(default_factory=dict)
    _unfinished: dict[ProviderName, _Reading] = field(default_factory=dict)
    #: How many readings in a row could prove nothing, and until when none is made for proof.
    _fruitless: dict[ProviderName, tuple[int, float]] = field(default_factory=dict)

    async def tick(self, provider: Provider) -> None:
        """One reading, where a purchase is in doubt."""
        if provider.capabilities.list_page_size is None:
            return
        lifetime = self.terms[provider.name].lifetime
        recent = await self.purchases.open_purchases(provider.name, settled_for=lifetime)
        began = self.clock.now()
        old = await self._provable(provider, began)
        if not recent and not old:
            return
        before = self._list_orphans.pop(provider.name, set())
        listed = await self.listed(provider)
        if listed is None:
            return
        unknown = await self._adopt_listed(provider.name, recent, listed, before)
        if old:
            await self._prove(provider, began, old, unknown)

    async def _provable(self, provider: Provider, now: datetime) -> list[OpenPurchase]:
        """Purchases that a reading which begins now may prove unsold."""
        if not provider.capabilities.history:
            return []
        _, not_before = self._fruitless.get(provider.name, (0, float("-inf")))
        if self.clock.monotonic() < not_before:
            return []
        in_doubt = await self.purchases.purchases_in_doubt(provider.name, OLDEST)
        return [each for each in in_doubt if now - each.asked_at >= CARRIED_OUT_WITHIN]

    async def _adopt_listed(
        self,
        provider: ProviderName,
        recent: Sequence[OpenPurchase],
        listed: Sequence[ActiveRow],
        before: set[ProviderRef],
    ) -> list[ActiveRow]:
        """Give purchases the live numbers that were there the last time, too; those of nobody."""
        unknown = await self.purchases.unknown_rows(provider, listed)
        self._list_orphans[provider] = {row.ref for row in unknown}
        await self._adopt(provider, recent, [row for row in unknown if row.ref in before])
        return unknown

    async def _adopt(
        self,
        provider: ProviderName,
        purchases: Sequence[OpenPurchase],
        orphans: Sequence[AnyRow],
        others: Sequence[OpenPurchase] = (),
    ) -> set[ActivationId]:
        """The purchases that have their number now; *others* keep the phones they want again."""
        adopt = Adopt(
            purchases=self.purchases, reporter=self.reporter, accept=self.accept, terms=self.terms
        )
        return {given.id for given, _ in await adopt(provider, purchases, orphans, others)}

    async def _prove(
        self,
        provider: Provider,
        began: datetime,
        old: Sequence[OpenPurchase],
        listed: Sequence[ActiveRow],
    ) -> None:
        """Read on in the history; once it is whole, find numbers in it or prove their absence."""
        reading = self._unfinished.get(provider.name)
        if reading is None or reading.ids.isdisjoint(each.id for each in old):
            ids = frozenset(each.id for each in old)
            reading = _Reading(began, ids, listed, deque(spans(old, began)))
            self._unfinished[provider.name] = reading
        match await self._read_on(provider, reading):
            case _Read.PART:
                return
            case _Read.NEVER_WHOLE:
                self._remember(provider.name, fruitless=True)
            case _Read.WHOLE:
                covered = [each for each in old if each.id in reading.ids]
                await self._conclude(provider.name, reading, covered)
            case never:
                assert_never(never)
        del self._unfinished[provider.name]

    async def _conclude(
        self, provider: ProviderName, reading: _Reading, in_doubt: Sequence[OpenPurchase]
    ) -> None:
        """The history tells of old numbers by their service; what has none may be anybody's."""
        before = self._history_orphans.get(provider, set())
        unknown = await self._unknown(provider, reading)
        past = [row for row in unknown if isinstance(row, PastNumber)]
        self._history_orphans[provider] = {row.ref for row in past}
        seen = [row for row in past if row.ref in before and row.service is not None]
        lifetime = self.terms[provider].lifetime
        younger = await self.purchases.open_purchases(provider, settled_for=lifetime)
        found = await self._adopt(provider, in_doubt, seen, younger)
        left = [each for each in in_doubt if each.id not in found]
        await self._judge(provider, reading.began, left, unknown)

    async def _judge(
        self,
        provider: ProviderName,
        began: datetime,
        in_doubt: Sequence[OpenPurchase],
        unknown: Sequence[AnyRow],
    ) -> None:
        """Keep what a whole reading says, and end what is proven."""
        shown = {each.id for each in in_doubt if any(may_be(each, row) for row in unknown)}
        lifetime = self.terms[provider].lifetime
        absent = [
            each
            for each in in_doubt
            if each.id not in shown and would_be_shown(began - each.asked_at, lifetime)
        ]
        said = {**dict.fromkeys(shown, False), **{each.id: True for each in absent}}
        await self.purchases.note_absence(began, said)
        proven = [each.id for each in absent if _is_proven(each, began)]
        if proven:
            await self._end(provider, proven)
        self._remember(provider, fruitless=bool(in_doubt) and len(shown) == len(in_doubt))

    async def _end(self, provider: ProviderName, ids: Sequence[ActivationId]) -> None:
        """Customers who still wait have their price back first, then nothing is at risk."""
        waiting = await self.settlements.end_unsold(ids)
        # Those whose account somebody keeps locked are ended again by the next reading.
        await self.settle.batch([unsold(number) for number in waiting])
        ended = await self.purchases.prove_unsold(ids)
        if ended:
            self.reporter.trouble(
                "rent.proven_unsold",
                provider=provider,
                detail=str(len(ended)),
                activation=the_one(ended),
            )

    async def end_refused(self, id_: ActivationId) -> None:
        """The provider had refused it: that proves what absence would prove later.

        Raises `RowLocked` where its account stays locked: to be tried again.
        """
        waiting = await self.settlements.end_unsold([id_])
        if (await self.settle.batch([unsold(number) for number in waiting])).busy:
            raise RowLocked("database: an account stays locked")
        await self.purchases.prove_unsold([id_])

    def _remember(self, provider: ProviderName, *, fruitless: bool) -> None:
        """Read less and less often where strangers' numbers hide what is to be proven."""
        if not fruitless:
            self._fruitless.pop(provider, None)
            return
        times, _ = self._fruitless.get(provider, (0, 0.0))
        wait = PROOF.wait(times, self.clock.chance())
        self._fruitless[provider] = times + 1, self.clock.monotonic() + wait.total_seconds()

    async def _unknown(self, provider: ProviderName, reading: _Reading) -> list[AnyRow]:
        """The numbers that are none of ours, not even a little later."""
        rows: list[AnyRow] = [*reading.listed]
        for page in reading.pages:  # What the list says of a number goes before.
            rows += [row for row in page if not any(_is_same(row, live) for live in reading.listed)]
        unknown = await self.purchases.unknown_rows(provider, rows)
        if unknown:
            await self.clock.sleep(HANDED_OVER_WITHIN.total_seconds())
            unknown = await self.purchases.unknown_rows(provider, unknown)
        return unknown

    async def listed(self, provider: Provider) -> list[ActiveRow] | None:
        """The whole list; None where a page tells nothing: then nothing is known."""
        budget = Budget(self.schedule, self.terms[provider.name], self.clock)
        rows: list[ActiveRow] = []
        for number in range(LIST_PAGES_MAX):
            if provider.circuit is not Circuit.CLOSED:
                return None
            await budget.take()
            try:
                page = await provider.list_whole(number)
            except ProviderError:
                return None
            rows += page.rows
            if page.last:
                return rows
        return None

    async def _read_on(self, provider: Provider, reading: _Reading) -> _Read:
        """Where the history fails or takes too long, the next run goes on with the same page."""
        budget = Budget(self.schedule, self.terms[provider.name], self.clock, most=1)
        until = self.clock.monotonic() + READ_FOR.total_seconds()
        while reading.left:
            if len(reading.pages) == HISTORY_PAGES_MAX:
                return _Read.NEVER_WHOLE
            if self.clock.monotonic() > until or provider.circuit is not Circuit.CLOSED:
                return _Read.PART
            span = reading.left[0]
            await budget.take()
            try:
                page = await provider.history(span.since, span.until, span.skip)
            except ProviderError:
                return _Read.PART
            following = span.after(page)
            if following is None and page.next is not None and page.rows:
                return _Read.NEVER_WHOLE  # The same page again: it turns none, and may have more.
            reading.pages.append(page.rows)
            reading.left.popleft()
            if following is not None:
                reading.left.appendleft(following)
        return _Read.WHOLE


def spans(in_doubt: Iterable[OpenPurchase], now: datetime) -> list[HistorySpan]:
    """The time in which each of them may have been sold, oldest first; no time twice."""
    merged: list[HistorySpan] = []
    for each in in_doubt:
        since = each.asked_at - CLOCKS_DIFFER
        until = min(each.asked_at + SOLD_WITHIN, now) + CLOCKS_DIFFER
        if merged and since <= merged[-1].until:
            merged[-1] = merged[-1]._replace(until=until)
        else:
            merged.append(HistorySpan(since, until))
    return merged


def may_be(purchase: OpenPurchase, row: AnyRow) -> bool:
    """Whether this number may be what was sold; country and cost are left out: names differ."""
    if isinstance(row, PastNumber) and row.fate is PriceFate.GIVEN_BACK:
        return False  # Whosever it was, it costs nothing.
    if row.service is not None and row.service != purchase.service:
        return False
    if is_phone(row.phone, purchase.reused_phone) is False:
        return False  # An earlier phone was asked for, and another is never sold for it.
    if row.rented_by is not None and row.rented_by < purchase.asked_at - CLOCKS_DIFFER:
        return False  # It was over before anybody asked.
    if row.rented_at is None:
        return True
    after = row.rented_at - purchase.asked_at
    return -CLOCKS_DIFFER <= after <= SOLD_WITHIN + CLOCKS_DIFFER


def would_be_shown(age: timedelta, lifetime: timedelta) -> bool:
    """Whether so long after the purchase its number would be listed, or told of by the history.

    It may be carried out any time within `CARRIED_OUT_WITHIN`, and lives for *lifetime* then.
    """
    return age < lifetime or age >= CARRIED_OUT_WITHIN + lifetime + LAGS


def _is_same(row: PastNumber, live: ActiveRow) -> bool:
    """Refs are used again: with another phone it is another number."""
    if row.phone is None or live.phone is None:
        return row.ref == live.ref
    return row.ref == live.ref and row.phone[-7:] == live.phone[-7:]


def _is_proven(purchase: OpenPurchase, began: datetime) -> bool:
    return purchase.absent_at is not None and began - purchase.absent_at >= READINGS_APART
