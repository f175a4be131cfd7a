"""What waits for a human: cases, and activations that their policy leaves to one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from worker.domain.ids import AccountId
from worker.ports.cases import Facts


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


class ReviewStore(Protocol):
    """Raises `StoreError` and nothing else."""

    async def reviews(self, *, limit: int) -> list[Review]:
        """Everything that waits for a human, what has to be decided first first."""
        ...
