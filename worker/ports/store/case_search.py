"""What cases and reviews are looked for by, one line about a case, and what waits for a human."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId
from worker.domain.transfer import Charge
from worker.ports.store import case_view


class ReviewSearch(NamedTuple):
    """Which reviews somebody looks for; None: that does not matter."""

    only: UUID | None = None  #: Its own id.
    of_case: UUID | None = None
    of_activation: UUID | None = None  #: The number's own review, and those of cases about it.


ANY_REVIEW: Final = ReviewSearch()
OUTCOME_UNKNOWN: Final = "outcome_unknown"  #: Why an order of a long rental waits.


class ReviewPlace(NamedTuple):
    """The place of a review in the list, which is ordered by date."""

    rank: datetime | None  #: About its date; None: it has none, and comes last.
    opened_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What waits for a human: a case, an activation in review, an order of a rental in doubt."""

    id: UUID
    kind: str  #: A case's kind, `activation` or `rental_order`.
    account: AccountId
    subject: str
    opened_at: datetime
    reason: str
    clauses: tuple[str, ...]
    proposed_minor: int
    currency: str
    destination: str | None
    by_when: datetime
    facts: case_view.CaseFacts
    policy: str
    rank: datetime | None  #: See `ReviewPlace`.
    case: UUID | None = None  #: None: it is about an activation or an order of a long rental.
    order: UUID | None = None  #: The number or the rental that it is about.
    order_ref: str | None = None
    charge: Charge | None = None  #: Of that order; None: it is about none.

    @property
    def place(self) -> ReviewPlace:
        return ReviewPlace(self.rank, self.opened_at, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSearch:
    """Which cases somebody looks for; None: that does not matter."""

    id: UUID | None = None
    kind: case_view.CaseKind | None = None
    state: case_view.CaseState | None = None
    account: AccountId | None = None
    activation: ActivationId | None = None
    before: tuple[datetime, UUID] | None = None  #: `opened_at` and id of the last one seen.


class CaseBrief(NamedTuple):
    """One line about a case, for whoever decides about another of its account."""

    id: UUID
    account: AccountId
    kind: case_view.CaseKind
    subject: str
    state: case_view.CaseState
    opened_at: datetime
    moved_minor: int
