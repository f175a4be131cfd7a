"""The provider's own books: every number, what it cost, what was given back, and the balance."""

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from worker.simulator.numbers import CHARGED, ArrivedSms, SimulatedNumber, Status

# One request books at most so many endings that are due, so that 300,000 numbers expiring at one
# instant do not stop the provider for a second. The balance and the lists book all of them.
ENDINGS_PER_CALL = 64


CHUNK = 1024  #: Ids in one chunk of `LiveIds`.


class LiveIds:
    """The live ids in the order they were rented, for pages at any offset.

    Chunks, so that neither an ending in the middle of 300,000 ids nor page 3,000 costs a walk over
    all.
    """

    def __init__(self) -> None:
        self._chunks: list[list[int]] = []
        self._last: list[int] = []  # The last id of each chunk, ended or not: only bounds matter.
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, number_id: int) -> None:
        """Ids come in ascending order, save one that is rented again."""
        if self._last and number_id <= self._last[-1]:
            insort(self._chunks[bisect_left(self._last, number_id)], number_id)
        elif self._chunks and len(self._chunks[-1]) < CHUNK:
            self._chunks[-1].append(number_id)
            self._last[-1] = number_id
        else:
            self._chunks.append([number_id])
            self._last.append(number_id)
        self._size += 1

    def remove(self, number_id: int) -> None:
        where = bisect_left(self._last, number_id)
        chunk = self._chunks[where]
        position = bisect_left(chunk, number_id)
        assert chunk[position] == number_id
        del chunk[position]
        self._size -= 1
        if not chunk:
            del self._chunks[where], self._last[where]

    def page(self, offset: int, limit: int) -> list[int]:
        ids: list[int] = []
        for chunk in self._chunks:
            if offset >= len(chunk):
                offset -= len(chunk)
                continue
            ids += chunk[offset : offset + limit - len(ids)]
            if len(ids) == limit:
                break
            offset = 0
        return ids


class LedgerObserver(Protocol):
    """Is called when a number is rented or gets an SMS, at the moment it is booked."""

    def opened(self, number: SimulatedNumber) -> None: ...

    def sms_arrived(self, number: SimulatedNumber, sms: ArrivedSms) -> None: ...


class Ledger:
    def __init__(self, balance_minor: int, first_id: int) -> None:
        self.opening_minor = balance_minor
        self.added_minor = 0  #: Put in, or taken out, by hand.
        self.charged_minor = 0
        self.refunded_minor = 0
        self._first = first_id
        self.numbers: list[SimulatedNumber] = []  #: In the order they were rented.
        self._by_id: list[SimulatedNumber] = []  #: The newest of each id; ids are consecutive.
        self.live = LiveIds()
        self.live_rentals = LiveIds()
        self.rental_count = 0
        self.statuses: Counter[Status] = Counter()
        self.by_order: dict[str, SimulatedNumber] = {}
        self.observer: LedgerObserver | None = None
        self._ends: list[tuple[datetime, int]] = []

    @property
    def next_id(self) -> int:
        return self._first + len(self._by_id)

    def get(self, number_id: int) -> SimulatedNumber | None:
        position = number_id - self._first
        return self._by_id[position] if 0 <= position < len(self._by_id) else None

    def by_phone(self, phone: str) -> SimulatedNumber | None:
        return self.get(int(phone[2:])) if phone.isdigit() and len(phone) == 11 else None

    @property
    def balance_minor(self) -> int:
        return self.opening_minor + self.added_minor - self.charged_minor + self.refunded_minor

    def open(self, number: SimulatedNumber) -> None:
        """Charge for a new number. The caller has checked the balance."""
        if number.id == self.next_id:
            self._by_id.append(number)
        else:
            assert not self._by_id[number.id - self._first].live, "its id is in use"
            self._by_id[number.id - self._first] = number
        self.numbers.append(number)
        if number.order is not None:
            self.by_order[number.order] = number
        (self.live_rentals if number.rental else self.live).add(number.id)
        self.rental_count += number.rental
        self.statuses[number.status] += 1
        self.charged_minor += number.cost_minor
        self.watch_end(number)
        if self.observer is not None:
            self.observer.opened(number)

    def watch_end(self, number: SimulatedNumber) -> None:
        """Have the number's own expiry booked in time, also if nobody asks for the number again."""
        end = number.expires_at
        if number.plan.provider_cancels_after is not None:
            end = min(end, number.created_at + number.plan.provider_cancels_after)
        heapq.heappush(self._ends, (end, number.id))

    def move(self, number: SimulatedNumber, status: Status, now: datetime) -> None:
        old_status = number.status
        number.move(status, now)
        self._book(number, old_status)

    def receive(self, number: SimulatedNumber, sms: ArrivedSms) -> None:
        old_status = number.status
        number.receive(sms)
        number.plan_next()
        self._book(number, old_status)
        if self.observer is not None:
            self.observer.sms_arrived(number, sms)

    def advance(self, number: SimulatedNumber, now: datetime) -> None:
        """Book everything planned for the number up to *now*."""
        while number.next_at <= now:
            old_status = number.status
            sms = number.step()
            self._book(number, old_status)
            if sms is not None and self.observer is not None:
                self.observer.sms_arrived(number, sms)

    def catch_up(self, now: datetime, most: int | None = None) -> None:
        """Book the endings that are due by now, at most so many of them."""
        ends = self._ends
        while ends and ends[0][0] <= now and most != 0:
            end, number_id = heapq.heappop(ends)
            number = self._by_id[number_id - self._first]
            self.advance(number, now)
            if number.live and number.expires_at > end:
                # An SMS kept it from being cancelled, or it was extended.
                heapq.heappush(ends, (number.expires_at, number_id))
            most = most - 1 if most is not None else None

    def extend(self, number: SimulatedNumber, by: timedelta, price_minor: int) -> None:
        """Prolong a number. The caller has checked the balance."""
        number.expires_at += by
        number.cost_minor += price_minor
        number.plan_next()
        self.charged_minor += price_minor
        self.watch_end(number)

    def page(
        self, offset: int, limit: int, now: datetime, *, rentals: bool = False
    ) -> list[SimulatedNumber]:
        """Live numbers, or live rentals, oldest first."""
        self.catch_up(now)
        live = self.live_rentals if rentals else self.live
        rows = [self._by_id[each - self._first] for each in live.page(offset, limit)]
        for number in rows:
            if number.next_at <= now:
                self.advance(number, now)
        return rows

    def rented(
        self, offset: int, limit: int, *, newest_first: bool, rentals: bool
    ) -> tuple[list[SimulatedNumber], int]:
        """Activations, or rentals, of any status: a page, and how many there are."""
        chosen = self.numbers
        if rentals or self.rental_count:
            chosen = [each for each in self.numbers if each.rental == rentals]
        if not newest_first:
            return chosen[offset : offset + limit], len(chosen)
        end = max(0, len(chosen) - offset)
        return chosen[max(0, end - limit) : end][::-1], len(chosen)

    def everything(self, now: datetime) -> Iterator[SimulatedNumber]:
        for number in self.numbers:
            self.advance(number, now)
            yield number

    def rented_between(self, start: datetime, end: datetime) -> Iterator[SimulatedNumber]:
        first = bisect_left(self.numbers, start, key=lambda each: each.created_at)
        for number in islice(self.numbers, first, None):
            if number.created_at > end:
                return
            yield number

    def _book(self, number: SimulatedNumber, old_status: Status) -> None:
        self.statuses[old_status] -= 1
        self.statuses[number.status] += 1
        if not number.live:
            (self.live_rentals if number.rental else self.live).remove(number.id)
            self.refunded_minor += number.refunded_minor

    def kept_minor(self) -> int:
        """What the provider has earned for good."""
        return sum(each.net_minor for each in self.numbers if each.status in CHARGED)
