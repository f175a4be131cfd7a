"""A number on its way in: as it was handed over, and with the terms that its intake fixes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberIntake:
    """A number that was already rented, as the caller gives it; None = the default applies."""

    provider: ProviderName
    ref: ProviderRef
    account: AccountId
    phone: str = field(repr=False)
    service: str
    country: str
    price_minor: int
    rented_at: datetime | None = None
    window: timedelta | None = None
    expires_at: datetime | None = None
    policy: str | None = None
    charge: Charge = Charge.HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteIntake:
    """A number that is handed over, with its defaults filled in and its terms fixed."""

    number: NumberIntake  #: Its window and its policy are given.
    policy_version: str
    min_cancel_age: timedelta = timedelta(0)
    cost_minor: int | None = None  #: What the provider took, where it told us.
    cost_currency: str | None = None

    @property
    def window(self) -> timedelta:
        assert self.number.window is not None
        return self.number.window

    @property
    def policy(self) -> str:
        assert self.number.policy is not None
        return self.number.policy
