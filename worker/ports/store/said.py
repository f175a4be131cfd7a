"""What people said with what they did, and in whose name."""

from datetime import datetime
from typing import Final, NamedTuple

from worker.domain.ids import ActivationId


class StaffNote(NamedTuple):
    note: str | None = None
    by: str | None = None  #: The actor that the caller named, else the token.


NOTHING_SAID: Final = StaffNote()


class StaffAct(NamedTuple):
    """What somebody of the staff did with a number, for its timeline."""

    id: ActivationId
    what: str
    said: StaffNote


class Noted(NamedTuple):
    """A note as it was kept."""

    at: datetime
    note: str
    by: str | None
