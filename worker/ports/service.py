"""What shops may ask of the worker, over HTTP, arq or the command line."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple, Protocol

from worker.domain.families import RentOption
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef, purchase_id
from worker.domain.transfer import Charge
from worker.ports.provider import ANY_NUMBER, RentOptions
from worker.ports.store.activations import AcceptResult, Activation, FactsTold, NumberIntake
from worker.ports.store.said import StaffNote


class Preference(enum.Enum):
    """Which of several providers is asked first."""

    ORDER = "order"  #: As they are named.
    SUCCESS = "success"  #: Whose numbers got a code most often, of this service in this country.
    PRICE = "price"  #: Whose cost least.
    SPEED = "speed"  #: Whose codes came soonest.


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """A number to rent. The same key with the same content is the same order."""

    idempotency_key: str
    account: AccountId
    provider: ProviderName
    otherwise: tuple[ProviderName, ...] = ()  #: In this order, where certainly nothing was bought.
    service: str
    country: str
    price_minor: int
    max_cost_minor: int | None = None
    policy: str | None = None
    window: timedelta | None = None
    charge: Charge = Charge.HOLD
    order_ref: str | None = None
    order_facts: FactsTold | None = None
    options: RentOptions = ANY_NUMBER
    prefer: Preference = Preference.ORDER
    #: All that were named, where the preference chose the order: figures change, the content stays.
    named: tuple[ProviderName, ...] = ()
    because: str = ""  #: What the preference went by at this provider; no part of the content.

    @property
    def id(self) -> ActivationId:
        return purchase_id(self.account, self.idempotency_key)


class PurchaseOutcome(enum.Enum):
    """How an order ended; RENTED, SAME, PENDING and what is in FAILED is stored, and stays."""

    RENTED = "rented"
    SAME = "same"  #: This key was carried out before; the same answer again.
    PENDING = "pending"  #: The purchase's outcome is unknown: never repeated, reconciled.
    OTHER_CONTENT = "other_content"  #: This key was used for another order.
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNKNOWN_POLICY = "unknown_policy"
    BAD_OPTION = "bad_option"  #: A provider of the order cannot be asked for it: see `refused`.
    WINDOW_TOO_LONG = "window_too_long"  #: Longer than the one its policy names.
    BALANCE_TOO_LOW = "balance_too_low"
    NO_NUMBERS = "no_numbers"
    PROVIDER_BALANCE_TOO_LOW = "provider_balance_too_low"
    PRICE_ABOVE_MAX = "price_above_max"
    BAD_SERVICE = "bad_service"  #: The provider does not know this service or country.
    PROVIDER_UNAVAILABLE = "provider_unavailable"  #: Certainly nothing was bought.
    EXPOSURE_LIMIT = "exposure_limit"  #: Too much money is open with this provider.


#: Certainly nothing was bought. The order stays, refunded and without a number.
FAILED: Final = frozenset(
    {
        PurchaseOutcome.NO_NUMBERS,
        PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW,
        PurchaseOutcome.PRICE_ABOVE_MAX,
        PurchaseOutcome.BAD_SERVICE,
        PurchaseOutcome.PROVIDER_UNAVAILABLE,
        PurchaseOutcome.EXPOSURE_LIMIT,
    }
)


class TriedProvider(NamedTuple):
    """One provider that an order named, and in words what came of it."""

    provider: ProviderName
    why: str


class RefusedOption(NamedTuple):
    """An option that an order cannot have."""

    option: RentOption
    why: str


@dataclass(frozen=True, slots=True)
class PurchaseResult:
    how: PurchaseOutcome
    activation: Activation | None = None
    tried: tuple[TriedProvider, ...] = ()  #: In the order in which they were asked.
    refused: RefusedOption | None = None


class ActionOutcome(enum.Enum):
    """How a wish about one activation ended."""

    DONE = "done"
    PENDING = "pending"  #: Owed, and pursued; the provider will not yet or cannot be reached.
    CODE_RECEIVED = "code_received"  #: Cancel, report: a code was shown, the charge stands.
    # Cancel: the policy refuses it, and the number goes on untouched.
    NO_CANCEL = "no_cancel"
    CANCEL_NOT_YET = "cancel_not_yet"
    CANCEL_OVER = "cancel_over"
    CANCEL_LIMIT = "cancel_limit"
    RESTRICTIONS_IGNORED = "restrictions_ignored"
    NO_CODE = "no_code"  #: Finish, resend: there is no code yet.
    ENDED = "ended"  #: Resend, report: the window is over or the activation has ended.
    NOT_OFFERED = "not_offered"  #: The policy or the provider does not offer this.
    REPORT_REFUSED = "report_refused"  #: Report: the provider does not take it for this number.
    UNKNOWN = "unknown"  #: No such activation.
    PROVIDER_UNAVAILABLE = "provider_unavailable"  #: Resend, report: it could not be asked.


@dataclass(frozen=True, slots=True)
class ActionResult:
    how: ActionOutcome
    activation: Activation | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """An SMS as a provider pushed it: a hint to look, never proof of anything."""

    ref: ProviderRef
    phone: str | None = field(repr=False)
    service: str | None
    content_hash: str  #: Of what makes the push what it is; the inbox is unique by it.


class Service(Protocol):
    """Raises `StoreError` and nothing else."""

    async def accept(
        self, handed: Sequence[NumberIntake], *, patient: bool = True
    ) -> list[AcceptResult]:
        """*patient*: whether an account that somebody keeps locked is waited for."""
        ...

    async def rent(self, order: PurchaseOrder) -> PurchaseResult: ...

    async def read(self, id_: ActivationId) -> Activation | None:
        """The activation with its timeline; those who read at the same time are one question."""
        ...

    async def cancel(self, id_: ActivationId) -> ActionResult:
        """Press Cancel and, where the provider will, end it at once (a few seconds at most)."""
        ...

    async def finish(self, id_: ActivationId) -> ActionResult: ...

    async def resend(self, id_: ActivationId) -> ActionResult: ...

    async def report(self, id_: ActivationId, said: StaffNote) -> ActionResult:
        """Tell the provider that the number is bad; *said* stands in the timeline where it took."""
        ...

    async def push(self, provider: ProviderName, pushes: Sequence[Push]) -> None:
        """Keep what a provider pushed and have the numbers looked at now."""
        ...
