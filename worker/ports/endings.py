"""Endings on their way: claimed, learnt, settled, postponed, resolved."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from worker.domain.activation import ProviderState, Reason, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef


class Due(NamedTuple):
    """A number claimed for one attempt at its ending. Results must carry its `epoch`."""

    id: ActivationId
    provider: ProviderName
    ref: ProviderRef | None  #: None: a purchase whose outcome stayed unknown.
    account: AccountId
    state: State
    provider_state: ProviderState
    reason: Reason | None
    price_minor: int
    policy: str
    policy_version: str
    rented_at: datetime
    deadline_at: datetime
    attempts: int  #: Calls made for this ending before this one.
    unknown_reads: int  #: Reads in a row that did not know the number.
    epoch: int


class Unread(NamedTuple):
    """A number whose ending or pursuit is newer code's: its row has a word this one lacks."""

    id: ActivationId
    provider: ProviderName
    column: str  #: Where that word stands.


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


class Settled(NamedTuple):
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

    They break one of its rules: that is a bug or an attack, and a person must look.
    """

    settled: Sequence[Settled]
    refused: Sequence[ActivationId]


class Postponed(NamedTuple):
    """Nothing definite was learnt: the same number is due again after `delay`."""

    id: ActivationId
    epoch: int
    delay: timedelta
    too_early: bool = False  #: The provider said so: also `cancel_not_before`.
    unknown_reads: int = 0


class Resolved(NamedTuple):
    """The provider's axis of a settled number reached its end."""

    id: ActivationId
    epoch: int
    provider_state: ProviderState
