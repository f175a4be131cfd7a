"""How numbers end: what is leased to be ended, and the settlement that makes it final.

Every changing call is one transaction and safe to repeat: it names the state it leaves, and a
second caller changes nothing. `now` is for tests; None means the database's own clock. Raises
`StoreError` and nothing else.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy.limits import HistoryAsked
from worker.ports.store.activations import FactsTold
from worker.ports.store.case_record import PastDeed
from worker.ports.store.said import StaffNote


class DueNumber(NamedTuple):
    """A number leased for one attempt at its ending. Results must carry its `epoch`."""

    id: ActivationId
    provider: ProviderName
    ref: ProviderRef | None  #: None: a purchase whose outcome stayed unknown.
    account: AccountId
    state: State
    provider_state: ProviderState
    reason: EndReason | None
    price_minor: int
    policy: str
    policy_version: str
    service: str
    country: str
    order_facts: FactsTold | None
    cancel_decision: str | None  #: What a press that was judged decided: the state, and why.
    rented_at: datetime
    deadline_at: datetime
    attempts: int  #: Calls made for this ending before this one.
    unknown_reads: int  #: Reads in a row that did not know the number.
    epoch: int
    #: Pursuits: a newer rental has its ref, so nothing is sent about this one any more.
    sold_again: bool = False


class ForeignRow(NamedTuple):
    """A number whose ending or pursuit is newer code's: its row has a word this one lacks."""

    id: ActivationId
    provider: ProviderName
    column: str  #: Where that word stands.


class CreditLimit(Protocol):
    """The limits of a policy on one automatic credit, asked under the account's lock; no I/O."""

    @property
    def at(self) -> datetime:
        """The instant that the spans are counted back from."""
        ...

    @property
    def asked(self) -> HistoryAsked: ...

    @property
    def deed(self) -> PastDeed:
        """What the credit counts as from then on."""
        ...

    def __call__(self, history: tuple[PastDeed, ...], /) -> tuple[State, str]:
        """How the number ends, and why, after what its account got back before."""
        ...


class Ending(NamedTuple):
    """A number to settle: the one commit point of its state, money and event.

    `source` is the state it leaves; whoever finds another one changes nothing.
    """

    id: ActivationId
    account: AccountId
    source: State
    outcome: State  #: DELIVERED, REFUNDED, CLOSED or IN_REVIEW
    provider_state: ProviderState | None  #: None: what it is by then, pursued on where it is open.
    reason: str
    act_after: timedelta | None = None  #: When the provider's axis is pursued next; None: never.
    exposure: bool = False  #: Whether the provider may keep a price the customer has back.
    limit: CreditLimit | None = None  #: Of a refund that the policy counts.
    said: StaffNote | None = None  #: Of a verdict: in whose name, and why.


class SettledNumber(NamedTuple):
    """What a settlement really changed; numbers somebody else settled are not in it."""

    id: ActivationId
    provider: ProviderName
    outcome: State
    reason: str
    amount_minor: int
    currency: str
    lateness: timedelta  #: Settled minus deadline; negative when the ending was asked for earlier.


class Settlements(NamedTuple):
    """What one call of `settle` did; `refused` are numbers the database would not settle.

    They break one of its rules: that is a bug or an attack, and a person must look. `busy` are
    numbers whose account stayed locked by somebody else: they are to be settled later.
    """

    settled: Sequence[SettledNumber]
    refused: Sequence[ActivationId]
    busy: Sequence[ActivationId] = ()


class Postponed(NamedTuple):
    """Nothing definite was learnt: the same number is due again after `delay`."""

    id: ActivationId
    epoch: int
    delay: timedelta
    too_early: bool = False  #: The provider said so: also `cancel_not_before`.
    unknown_reads: int = 0
    answer: str | None = None  #: The provider's, in a word; None: it was not asked.

    @classmethod
    def of(cls, due: DueNumber, delay: timedelta) -> "Postponed":
        """The same number as it was leased, without news of it."""
        return cls(due.id, due.epoch, delay, unknown_reads=due.unknown_reads)


class Resolved(NamedTuple):
    """The provider's axis of a settled number reached its end."""

    id: ActivationId
    epoch: int
    provider_state: ProviderState


class SettlementStore(Protocol):
    """Endings: leases, settlements, and the provider's axis (E2 to E7)."""

    async def lease_cancels(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Lease numbers whose window passed or whose Cancel was pressed, oldest first (E2, E4).

        The intent is committed by this: they are `expiring` and `cancelling` when it returns.
        """
        ...

    async def lease_cancels_of(
        self,
        ids: Sequence[ActivationId],
        provider: ProviderName,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> list[DueNumber]:
        """The same for these numbers alone, without those not due or leased by another."""
        ...

    async def lease_pursuits(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Lease settled numbers that still owe the provider a cancel or a finish, oldest first."""
        ...

    async def still_leased(self, leased: Sequence[DueNumber]) -> set[ActivationId]:
        """Those whose lease still holds and whose ref is no newer rental's."""
        ...

    async def mark_expired(
        self, behind: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        """Move what passed its deadline longer than *behind* ago to `expiring`, unasked (E2)."""
        ...

    async def behind(
        self, provider: ProviderName, by: timedelta, *, now: datetime | None = None
    ) -> bool:
        """Whether a number of this provider has been due for longer than *by*, unleased."""
        ...

    async def due_in(
        self, provider: ProviderName | None = None, *, now: datetime | None = None
    ) -> timedelta | None:
        """How long until a number is to be ended or pursued there; or ended anywhere.

        Nothing or less where one is due, also where nobody may act on it yet; None: no number is.
        The cheapest question there is: it is not asked again where it fails.
        """
        ...

    async def foreign_rows(
        self, by: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[ForeignRow]:
        """Numbers due for longer than *by* that no call here hands out: words not known here."""
        ...

    async def due_deliveries(self, limit: int, *, now: datetime | None = None) -> list[DueNumber]:
        """Numbers with a code whose window is over or whose finish was asked for (E7)."""
        ...

    async def due_delivery(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """The same for one number; empty where it is not due."""
        ...

    async def past_grace(
        self, grace: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """`expiring` numbers whose deadline is more than *grace* ago (E6)."""
        ...

    async def expired(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Those of them that are `expiring` and past their deadline, without a grace."""
        ...

    async def provider_ended(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Numbers a read showed as cancelled while waiting: now `expiring`, reason provider."""
        ...

    async def end_unsold(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Purchases that were never sold and whose customers wait: now `expiring`, `cancelled`."""
        ...

    async def give_up(
        self, provider: ProviderName, limit: int, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Numbers that wait for a code or their cancel: now `expiring`, as the provider's end."""
        ...

    async def settle(
        self,
        endings: Sequence[Ending],
        *,
        lock_wait: timedelta | None = None,
        now: datetime | None = None,
    ) -> Settlements:
        """Make endings final with their money and events; what is settled already is left out.

        With *lock_wait* the accounts that nobody has locked come first, each other one gets so
        much time, and an ending whose account stays locked is `busy`. None waits for all of them.
        """
        ...

    async def postpone(
        self, postponed: Sequence[Postponed], *, now: datetime | None = None
    ) -> None: ...

    async def resolve(
        self, resolved: Sequence[Resolved], *, now: datetime | None = None
    ) -> Collection[ActivationId]:
        """Those whose rows stay locked by somebody else: resolve them later."""
        ...
