"""What staff did and said: notes, and acts that leave no other trace."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId
from worker.ports.store.case_view import CaseKind
from worker.ports.store.purchases import StaffNote


@dataclass(frozen=True, slots=True)
class StaffAct:
    """One line of a number's timeline: what was done, by whom, and why."""

    what: str
    by: str | None
    note: str | None = None


class KeptNote(NamedTuple):
    at: datetime
    note: str
    by: str | None


class StaffStore(Protocol):
    """Raises `StoreError` and nothing else; the same told again is told once."""

    async def tell_activation(
        self, id_: ActivationId, act: StaffAct, *, now: datetime | None = None
    ) -> bool:
        """Write it in the timeline; False: there is no such number."""
        ...

    async def note_on_case(
        self, id_: UUID, kind: CaseKind, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        """Write it beside what was told in the case; False: there is no such case of this kind."""
        ...

    async def note_on_account(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool: ...

    async def notes_of(self, account: AccountId, limit: int) -> list[KeptNote]:
        """The newest first."""
        ...
