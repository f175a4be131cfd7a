"""Transfers: each names both sides of a move of money; its key follows from kind and thing.

A bucket is a place money can be. Two of each account are kept as balances (`available`, `held`);
the house's are only ever summed, so that a busy one is never a row everybody waits for.
"""

import enum
from uuid import UUID

from worker.domain.ids import AccountId


class TransferKind(enum.Enum):
    """Why money moves; with the id of its thing, the unique key of the move."""

    TOPUP = "topup"  #: outside → available
    HOLD = "hold"  #: available (or outside) → held, when a number is accepted
    CAPTURE = "capture"  #: held → revenue, when the charge is kept
    RELEASE = "release"  #: held → available (or outside), when the customer is made whole
    RENTAL = "rental"  #: available, held (or outside) → revenue, when a long rental is booked
    RENTHOLD = "renthold"  #: available (or outside) → held, while a long rental is ordered
    RENTBACK = "rentback"  #: held → available (or outside), when no long rental came of it
    PROLONG = "prolong"  #: held → revenue, when a long rental is prolonged
    CLAIM = "claim"  #: revenue → available (or outside), when a case gives something back
    WITHHOLD = "withhold"  #: available → held, while a withdrawal is looked at
    GIVEBACK = "giveback"  #: held → available, when a withdrawal is denied
    EXCESS = "excess"  #: held → available, what was asked for and not approved
    WITHDRAW = "withdraw"  #: held → outside, when money leaves the platform
    FEE = "fee"  #: held → revenue, what a withdrawal costs
    CARRIED = "carried"  #: available (or outside) → revenue, for all captures that were dropped
    VOID = "void"  #: available → revenue, with a deleted account


class Charge(enum.Enum):
    """Who holds the customer's money."""

    HOLD = "hold"  #: We do: the hold comes from the account's available balance.
    EXTERNAL = "external"  #: The shop does: the hold comes from outside, an event reports it.


REVENUE = "house:revenue"
OUTSIDE = "house:outside"


def available(account: AccountId) -> str:
    return f"available:{account}"


def held(account: AccountId) -> str:
    return f"held:{account}"


def transfer_key(kind: TransferKind, thing: UUID | str) -> str:
    """The unique key of the one move of this kind for this thing."""
    return f"{kind.value}:{thing}"
