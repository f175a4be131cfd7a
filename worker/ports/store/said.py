"""What people said with what they did, and in whose name."""

from datetime import datetime
from typing import Final, NamedTuple


class StaffNote(NamedTuple):
    note: str | None = None
    by: str | None = None  #: The actor that the caller named, else the token.


NOTHING_SAID: Final = StaffNote()


class Noted(NamedTuple):
    """A note as it was kept."""

    at: datetime
    note: str
    by: str | None
