"""What waits for a human: cases, and activations that their policy leaves to one."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from worker.domain.ids import AccountId
from worker.ports.cases import Facts


class Place(NamedTuple):
    """Where a review stands in the list: what has to be decided first is first."""

    rank: datetime | None  #: About its date; None: it has none, and comes last.
    opened_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What waits for a human: a case, or an activation in review."""

    id: UUID
    kind: str  #: A case's kind, or `activation`.
    account: AccountId
    subject: str
    opened_at: datetime
    reason: str
    clauses: tuple[str, ...]
    proposed_minor: int
    currency: str
    destination: str | None
    by_when: datetime | None
    facts: Facts
    policy: str
    rank: datetime | None  #: See `Place`.

    @property
    def place(self) -> Place:
        return Place(self.rank, self.opened_at, self.id)


class ReviewStore(Protocol):
    """Raises `StoreError` and nothing else."""

    async def reviews(self, *, limit: int, after: Place | None = None) -> list[Review]:
        """What waits for a human, what has to be decided first first.

        The clauses of an activation's are left to who knows them.
        """
        ...

    async def review(self, id_: UUID) -> Review | None:
        """The one that waits under this id."""
        ...
