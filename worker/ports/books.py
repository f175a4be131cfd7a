"""Accounts, their money, and the proof that it adds up."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.domain.ids import AccountId, ActivationId


@dataclass(frozen=True, slots=True)
class Account:
    account: AccountId
    currency: str
    available_minor: int
    held_minor: int
    state: str  #: open | blocked | frozen | deleted


class Opened(enum.Enum):
    NEW = "new"
    SAME = "same"
    OTHER_CONTENT = "other_content"  #: It exists with another currency.


class ToppedUp(enum.Enum):
    NEW = "new"
    SAME = "same"  #: This reference is booked already, with this amount.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as an account sees it; the amount is signed for its available balance."""

    id: int
    at: datetime
    kind: str
    key: str
    source: str
    destination: str
    amount_minor: int
    currency: str
    activation: ActivationId | None


class AccountStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def open_account(self, account: AccountId, currency: str) -> tuple[Opened, Account]: ...

    async def account(self, account: AccountId) -> Account | None: ...

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int
    ) -> tuple[ToppedUp, Account | None]: ...

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        """Newest first; `before` is the id of the last one already seen."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant, checked over the whole database."""

    invariant: str  #: Closed set; a metric label.
    says: str  #: What must hold, in a sentence.
    violations: int
    offenders: tuple[str, ...] = ()  #: A few ids, for the one who is paged.


class AuditStore(Protocol):
    @property
    def invariants(self) -> Sequence[str]: ...

    async def audit(self) -> list[Finding]:
        """Check every invariant in one snapshot."""
        ...

    async def check(self, invariant: str) -> Finding | None:
        """Check one of them; None while another process is at one, so that there is never more."""
        ...
