"""What somebody owes in a case, until a date: who, what, since when, and how it ended."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from worker.domain.ids import AccountId
from worker.domain.policy.vocabulary import Reason, Sla

OVERDUE: Final = "overdue"  #: The end of what nobody carried out by its date.
#: The reason for which a human decides what was not carried out by its date.
ASKED_OVERDUE: Final = {
    Sla.ACCESS: Reason.ACCESS_OVERDUE,
    Sla.KYC: Reason.KYC_OVERDUE,
    Sla.PAYMENT_INFO: Reason.PAYMENT_INFO_OVERDUE,
    Sla.ALTERNATIVE: Reason.ALTERNATIVE_OVERDUE,
}


class OwedBy(enum.Enum):
    SHOP = "shop"
    CUSTOMER = "customer"


class Owed(NamedTuple):
    """Owed from now on; of each sort a case has one at a time."""

    what: Sla
    by: OwedBy
    by_when: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    id: UUID
    case: UUID
    account: AccountId
    what: Sla
    owed_by: OwedBy
    since: datetime
    by_when: datetime
    ended_at: datetime | None = None
    end: str | None = None  #: `done`, `overdue`, or the state in which the case closed.
