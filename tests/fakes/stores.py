"""The store's ports, for the fakes that stand for them.

A fake has all of its port, with the port's parameters, or it would go on passing where the real
store has changed: `tests/contracts/test_store_ports.py` holds every one of them to that.
"""

import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from worker.domain.activation import State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.lifecycle.backstop import Leadership
from worker.ports.handover import RefusedIntake
from worker.ports.store.activations import (
    ANY_NUMBER,
    AcceptResult,
    Activation,
    ActivationSearch,
    ActivationStore,
    CancelJudge,
    CancelPress,
    CompleteIntake,
    LiveNumber,
    LockedCode,
    RecordedCode,
    SeenSms,
    SettledPlace,
)
from worker.ports.store.books import (
    NO_POLICY,
    Account,
    AccountIntake,
    AccountOpened,
    AccountPolicy,
    AccountTaken,
    BookStore,
    Entry,
    Finding,
    IdleDate,
    KeptAnswer,
    ProviderFigures,
    ProviderStanding,
    QueueStats,
    QuietAccount,
    QuietPage,
    TakenKey,
    TopUpOutcome,
)
from worker.ports.store.case_view import Timer
from worker.ports.store.cases import CaseStore
from worker.ports.store.outbox import (
    Event,
    EventFilter,
    EventPage,
    EventReplay,
    FailedEvent,
    OutboxStore,
)
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.said import Noted, StaffAct, StaffNote
from worker.ports.store.settlements import SettlementStore

PORTS: Final[Sequence[type]] = (
    ActivationStore,
    SettlementStore,
    PurchaseStore,
    BookStore,
    CaseStore,
    OutboxStore,
    Leadership,
)


def members(port: type) -> Mapping[str, Any]:
    """What a port promises, by name."""
    return {name: member for name, member in vars(port).items() if not name.startswith("_")}


@cache
def signature(method: str) -> inspect.Signature | None:
    """How a method of the store is called; None: no port has it."""
    for port in PORTS:
        member = members(port).get(method)
        if inspect.isfunction(member):
            return inspect.signature(member)
    return None


class UnaskedActivations:
    """`ActivationStore`, of which nothing is asked."""

    async def accept(
        self,
        intakes: Sequence[CompleteIntake],
        *,
        patient: bool = True,
        now: datetime | None = None,
    ) -> list[AcceptResult]:
        raise NotImplementedError

    async def record_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode]:
        raise NotImplementedError

    async def record_free_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode | LockedCode]:
        raise NotImplementedError

    async def forget_texts(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        raise NotImplementedError

    async def forget_phones(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        raise NotImplementedError

    async def forget_settled(
        self,
        time: timedelta,
        limit: int,
        *,
        after: SettledPlace | None,
        now: datetime | None = None,
    ) -> SettledPlace | None:
        raise NotImplementedError

    async def settled_place(self, limit: int, *, after: SettledPlace | None) -> SettledPlace | None:
        raise NotImplementedError

    async def press_cancel(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> CancelPress | None:
        raise NotImplementedError

    async def press_cancels(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> dict[ActivationId, CancelPress]:
        raise NotImplementedError

    async def press_judged(
        self, id_: ActivationId, judge: CancelJudge, *, now: datetime | None = None
    ) -> CancelPress | None:
        raise NotImplementedError

    async def ask_finish(self, id_: ActivationId, *, now: datetime | None = None) -> State | None:
        raise NotImplementedError

    async def activation(self, id_: ActivationId) -> Activation | None:
        raise NotImplementedError

    async def activations_of(self, ids: Sequence[ActivationId]) -> dict[ActivationId, Activation]:
        raise NotImplementedError

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
        raise NotImplementedError

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        raise NotImplementedError

    async def live_numbers(
        self, provider: ProviderName, *, after: ActivationId | None, limit: int
    ) -> list[LiveNumber]:
        raise NotImplementedError

    async def live_since(
        self, provider: ProviderName, *, since: datetime, limit: int
    ) -> list[LiveNumber]:
        raise NotImplementedError

    async def live_number(self, provider: ProviderName, ref: ProviderRef) -> LiveNumber | None:
        raise NotImplementedError

    async def live_of_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> list[LiveNumber]:
        raise NotImplementedError

    async def missing_from(
        self,
        provider: ProviderName,
        listed: Sequence[ProviderRef],
        rented_before: datetime,
        limit: int,
        after: ActivationId | None = None,
    ) -> list[LiveNumber]:
        raise NotImplementedError

    async def tell(
        self, id_: ActivationId, what: str, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        raise NotImplementedError

    async def tell_acts(
        self, acts: Sequence[StaffAct], *, now: datetime | None = None
    ) -> set[StaffAct]:
        raise NotImplementedError


class UnaskedBooks:
    """`BookStore`, of which nothing is asked."""

    async def open_account(
        self, account: AccountId, currency: str, policy: AccountPolicy = NO_POLICY
    ) -> tuple[AccountOpened, Account]:
        raise NotImplementedError

    async def account(self, account: AccountId) -> Account | None:
        raise NotImplementedError

    async def take_over(self, accounts: Sequence[AccountIntake]) -> list[AccountTaken]:
        raise NotImplementedError

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int, at: datetime | None = None
    ) -> tuple[TopUpOutcome, Account | None]:
        raise NotImplementedError

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        raise NotImplementedError

    async def entries_about(self, id_: ActivationId) -> list[Entry]:
        raise NotImplementedError

    async def accounts(self, *, after: AccountId | None, limit: int) -> list[Account]:
        raise NotImplementedError

    async def undated_accounts(
        self, after: AccountId | None, limit: int, *, and_dated: bool
    ) -> QuietPage:
        raise NotImplementedError

    async def date_accounts(self, dates: Sequence[IdleDate], since: datetime) -> None:
        raise NotImplementedError

    async def dated_account(self, subject: UUID) -> QuietAccount | None:
        raise NotImplementedError

    async def date_again(self, timer: Timer, due_at: datetime, months: int) -> None:
        raise NotImplementedError

    async def undate_account(self, timer: Timer) -> None:
        raise NotImplementedError

    @property
    def invariants(self) -> Sequence[str]:
        raise NotImplementedError

    async def audit(self) -> list[Finding]:
        raise NotImplementedError

    async def check(self, invariant: str) -> Finding | None:
        raise NotImplementedError

    async def check_new(self, within: timedelta) -> list[Finding] | None:
        raise NotImplementedError

    async def queue_stats(self, grace: timedelta, *, now: datetime | None = None) -> QueueStats:
        raise NotImplementedError

    async def provider_standings(
        self, providers: Sequence[ProviderName], *, now: datetime | None = None
    ) -> dict[ProviderName, ProviderStanding]:
        raise NotImplementedError

    async def provider_services(
        self, provider: ProviderName, *, now: datetime | None = None
    ) -> list[ProviderFigures]:
        raise NotImplementedError

    async def note(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        raise NotImplementedError

    async def notes(self, account: AccountId, limit: int) -> list[Noted]:
        raise NotImplementedError

    async def service_figures(
        self,
        currencies: Mapping[ProviderName, str],
        service: str,
        country: str,
        *,
        now: datetime | None = None,
    ) -> Mapping[ProviderName, ProviderFigures]:
        raise NotImplementedError

    async def take_key(self, key: str, content_hash: str) -> TakenKey:
        raise NotImplementedError

    async def keep_answer(self, key: str, content_hash: str, answer: KeptAnswer) -> KeptAnswer:
        raise NotImplementedError

    async def let_go(self, key: str, content_hash: str) -> None:
        raise NotImplementedError

    async def forget_answers(self, limit: int) -> int:
        raise NotImplementedError


class UnaskedOutbox:
    """`OutboxStore`, of which nothing is asked."""

    async def forget_events(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        raise NotImplementedError

    async def forgotten_to(self) -> int:
        raise NotImplementedError

    async def lease_events(
        self, limit: int, lease: timedelta, endpoint: str, *, now: datetime | None = None
    ) -> list[Event]:
        raise NotImplementedError

    async def events_sent(
        self, statuses: Mapping[str, int | None], *, now: datetime | None = None
    ) -> None:
        raise NotImplementedError

    async def events_failed(
        self, failed: Sequence[FailedEvent], *, now: datetime | None = None
    ) -> None:
        raise NotImplementedError

    async def newest_events(
        self, which: EventFilter, *, before: int | None, limit: int
    ) -> EventPage:
        raise NotImplementedError

    async def events_after(self, which: EventFilter, *, after: int, limit: int) -> EventPage:
        raise NotImplementedError

    async def final_seq(self) -> int:
        raise NotImplementedError

    async def refuse_intake(
        self, refused: Sequence[RefusedIntake], *, now: datetime | None = None
    ) -> Sequence[RefusedIntake]:
        raise NotImplementedError

    async def replay_events(self, ids: Sequence[str]) -> int:
        raise NotImplementedError

    async def replay_range(
        self, after: int, until: int, type_: str | None, *, limit: int
    ) -> EventReplay:
        raise NotImplementedError

    async def endpoint_gone(self, endpoint: str) -> bool:
        raise NotImplementedError

    async def enable_endpoints(self) -> bool:
        raise NotImplementedError
