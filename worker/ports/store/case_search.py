"""What cases and reviews are looked for by, and one line about a case."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId
from worker.ports.store import case_view


class ReviewSearch(NamedTuple):
    """Which reviews somebody looks for; None: that does not matter."""

    only: UUID | None = None  #: Its own id.
    of_case: UUID | None = None
    of_activation: UUID | None = None  #: The number's own review, and those of cases about it.


ANY_REVIEW: Final = ReviewSearch()


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
