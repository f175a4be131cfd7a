"""The ports behind the API, in dicts: small enough to read, strict enough to be wrong against."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.fakes.stores import UnaskedActivations, UnaskedBooks, UnaskedOutbox
from worker.domain.activation import ProviderState, State
from worker.domain.ids import (
    AccountId,
    ActivationId,
    ProviderName,
    SmsCode,
)
from worker.ports.store.activations import (
    ANY_NUMBER,
    Activation,
    ActivationSearch,
    Settlement,
    ShownCode,
    TimelineEntry,
)
from worker.ports.store.books import (
    NO_POLICY,
    Account,
    AccountIntake,
    AccountOpened,
    AccountPolicy,
    AccountTaken,
    Entry,
    TakeOverOutcome,
    TopUpOutcome,
)
from worker.ports.store.outbox import (
    Event,
    EventFilter,
    EventPage,
    EventReplay,
    EventState,
    StoredEvent,
)
from worker.ports.store.said import Noted, StaffAct, StaffNote

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROVIDER = ProviderName("alpha")


@dataclass
class FakeLog:
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))
        self.written.set()

    error = info


@dataclass
class FakeBooks(UnaskedBooks):
    """The accounts of a `BookStore`."""

    found: dict[AccountId, Account] = field(default_factory=dict)
    topups: dict[str, tuple[AccountId, int]] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)
    noted: list[tuple[AccountId, StaffNote]] = field(default_factory=list)

    async def open_account(
        self, account: AccountId, currency: str, policy: AccountPolicy = NO_POLICY
    ) -> tuple[AccountOpened, Account]:
        known = self.found.get(account)
        if known is None:
            bound = policy.named or policy.default
            self.found[account] = Account(account, currency, 0, 0, "open", bound)
            return AccountOpened.NEW, self.found[account]
        if policy.named not in {None, known.policy}:
            return AccountOpened.OTHER_POLICY, known
        same = known.currency == currency
        return (AccountOpened.SAME if same else AccountOpened.OTHER_CONTENT), known

    async def account(self, account: AccountId) -> Account | None:
        return self.found.get(account)

    async def take_over(self, accounts: Sequence[AccountIntake]) -> list[AccountTaken]:
        return [await self._take_over(each) for each in accounts]

    async def _take_over(self, each: AccountIntake) -> AccountTaken:
        known = self.found.get(each.account)
        if known is not None and known.currency != each.currency:
            return AccountTaken(TakeOverOutcome.OTHER_CURRENCY, None)
        for place, topup in enumerate(each.topups):
            booked = self.topups.get(topup.reference, (each.account, topup.amount_minor))
            if booked != (each.account, topup.amount_minor):
                return AccountTaken(TakeOverOutcome.OTHER_TOPUP, None, topup=place)
        await self.open_account(each.account, each.currency, each.policy)
        new = [topup for topup in each.topups if topup.reference not in self.topups]
        for topup in new:
            await self.top_up(each.account, topup.reference, topup.amount_minor)
        how = TakeOverOutcome.NEW if new or known is None else TakeOverOutcome.SAME
        minor = sum(topup.amount_minor for topup in each.topups)
        return AccountTaken(how, self.found[each.account], minor)

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int, at: datetime | None = None
    ) -> tuple[TopUpOutcome, Account | None]:
        del at  # Which dates there may be is the store's business.
        if account not in self.found:
            return TopUpOutcome.UNKNOWN_ACCOUNT, None
        known = self.topups.setdefault(reference, (account, amount_minor))
        if known != (account, amount_minor):
            return TopUpOutcome.OTHER_CONTENT, None
        if any(entry.key == f"topup:{reference}" for entry in self.ledger):
            return TopUpOutcome.SAME, self.found[account]
        self.move(account, "topup", reference, available=amount_minor, held=0)
        return TopUpOutcome.NEW, self.found[account]

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        mine = [
            entry
            for entry in reversed(self.ledger)
            if entry.destination.endswith(f":{account}") and (before is None or entry.id < before)
        ]
        return mine[:limit]

    async def entries_about(self, id_: ActivationId) -> list[Entry]:
        return [entry for entry in self.ledger if entry.key.endswith(f":{id_}")]

    async def note(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        assert now is None
        if account in self.found and (account, said) not in self.noted:
            self.noted.append((account, said))
        return account in self.found

    async def notes(self, account: AccountId, limit: int) -> list[Noted]:
        mine = [said for about, said in reversed(self.noted) if about == account]
        return [Noted(NOW, said.note or "", said.by) for said in mine][:limit]

    async def accounts(self, *, after: AccountId | None, limit: int) -> list[Account]:
        names = sorted(name for name in self.found if after is None or name > after)
        return [self.found[name] for name in names][:limit]

    def move(
        self, account: AccountId, kind: str, thing: object, *, available: int, held: int
    ) -> None:
        was = self.found[account]
        self.found[account] = replace(
            was,
            available_minor=was.available_minor + available,
            held_minor=was.held_minor + held,
        )
        source, destination = (
            ("house:outside", f"available:{account}")
            if kind == "topup"
            else (f"available:{account}", f"held:{account}")
        )
        entry = Entry(
            id=len(self.ledger) + 1,
            at=NOW,
            kind=kind,
            key=f"{kind}:{thing}",
            source=source,
            destination=destination,
            amount_minor=available,
            currency=was.currency,
            activation=None,
        )
        self.ledger.append(entry)


@dataclass
class FakeActivations(UnaskedActivations):
    """The reading half of `ActivationStore`."""

    found: dict[ActivationId, Activation] = field(default_factory=dict)
    grown: dict[ActivationId, int] = field(default_factory=dict)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, activation: Activation) -> Activation:
        self.found[activation.id] = activation
        self.grown[activation.id] = self.grown.get(activation.id, 0) + 1
        return activation

    async def activation(self, id_: ActivationId) -> Activation | None:
        return self.found.get(id_)

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        search: ActivationSearch = ANY_NUMBER,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[Activation]:
        newest = sorted(self.found.values(), key=lambda one: (one.rented_at, one.id), reverse=True)
        return [
            replace(one, timeline=())
            for one in newest
            if state in {None, one.state}
            and provider in {None, one.provider}
            and account in {None, one.account}
            and _fits(search, one)
            and (before is None or (one.rented_at, one.id) < before)
        ][:limit]

    async def tell(
        self, id_: ActivationId, what: str, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        known = self.found.get(id_)
        if known is None:
            return False
        told = {name: word for name, word in said._asdict().items() if word}
        line = TimelineEntry(now or NOW, what, {"state": known.state.value, **told})
        if line not in known.timeline:
            self.put(replace(known, timeline=(*known.timeline, line)))
        return True

    async def tell_acts(
        self, acts: Sequence[StaffAct], *, now: datetime | None = None
    ) -> set[StaffAct]:
        return {act for act in acts if await self.tell(act.id, act.what, act.said, now=now)}

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        self.asked.set()
        return {id_: self.grown[id_] for id_ in ids if id_ in self.grown}


@dataclass
class FakeOutbox(UnaskedOutbox):
    """The reading half of `OutboxStore`: the event at place *n* has the number *n* + 1."""

    rows: list[StoredEvent] = field(default_factory=list)
    replayed: list[object] = field(default_factory=list)
    gone: bool = False
    forgotten: int = 0  #: The newest that was.
    looked_at: int = 20_000  #: Of the newest, for one page of some of them.
    asked: asyncio.Event = field(default_factory=asyncio.Event)  #: What is final was.

    def put(self, event: Event, **other: Any) -> None:
        stored = StoredEvent(len(self.rows) + 1, event, EventState.SENT, None)
        self.rows.append(replace(stored, **other))

    async def newest_events(
        self, which: EventFilter, *, before: int | None, limit: int
    ) -> EventPage:
        beyond = len(self.rows) if before is None else before - 1
        reached = max(beyond - self.looked_at, 0) if which.narrows else 0
        rows = [row for row in self._passing(which)[::-1] if reached < row.seq <= beyond]
        page = self._page(rows, limit, end=reached + 1 if reached else 0)
        return page if page.more or not reached else replace(page, more=True)

    async def events_after(self, which: EventFilter, *, after: int, limit: int) -> EventPage:
        rows = [row for row in self._passing(which) if row.seq > after]
        return self._page(rows, limit, end=max(after, len(self.rows)))

    async def forgotten_to(self) -> int:
        return self.forgotten

    async def final_seq(self) -> int:
        self.asked.set()
        return len(self.rows)

    async def replay_events(self, ids: Sequence[str]) -> int:
        self.replayed += ids
        return len(ids)

    async def replay_range(
        self, after: int, until: int, type_: str | None, *, limit: int
    ) -> EventReplay:
        self.replayed.append((after, until, type_, limit))
        return EventReplay(1, after + limit if after + limit < until else None)

    async def enable_endpoints(self) -> bool:
        was, self.gone = self.gone, False
        return was

    def _passing(self, which: EventFilter) -> list[StoredEvent]:
        return [
            row
            for row in self.rows
            if which.type in {None, row.event.type}
            and which.activation in {None, row.event.activation}
            and which.state in {None, row.state}
        ]

    @staticmethod
    def _page(rows: Sequence[StoredEvent], limit: int, *, end: int) -> EventPage:
        shown, more = rows[:limit], len(rows) > limit
        return EventPage(shown, shown[-1].seq if more else end, more=more)


def _fits(search: ActivationSearch, one: Activation) -> bool:
    digits = (one.phone or "").removeprefix("+")
    return (
        search.service in {None, one.service}
        and search.country in {None, one.country}
        and search.ref in {None, one.ref}
        and search.order_ref in {None, one.order_ref}
        and (search.phone is None or digits.endswith(search.phone.removeprefix("+")))
        and (search.id_tail is None or str(one.id).endswith(search.id_tail))
    )


def refunded(activation: Activation) -> Activation:
    return replace(
        activation,
        state=State.REFUNDED,
        provider_state=ProviderState.CANCELLED,
        settlement=Settlement(
            outcome=State.REFUNDED, amount_minor=activation.price_minor, reason="cancel", at=NOW
        ),
    )


def delivered(activation: Activation) -> Activation:
    return replace(
        activation,
        state=State.DELIVERED,
        settlement=Settlement(
            outcome=State.DELIVERED, amount_minor=activation.price_minor, reason="code", at=NOW
        ),
    )


def with_code(activation: Activation, code: str = "123456") -> Activation:
    return replace(
        activation,
        state=State.RECEIVED,
        codes=(*activation.codes, ShownCode(SmsCode(code), f"Your code is {code}", NOW)),
    )
