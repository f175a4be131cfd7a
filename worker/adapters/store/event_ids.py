"""The ids of events: made from what an event tells of, and read back."""

from typing import NamedTuple
from urllib.parse import quote, unquote


class EventThing(NamedTuple):
    """What an event is the event of: its natural key."""

    subject: str
    type: str
    number: int


def event_id(subject: str, type_: str, number: int) -> str:
    """The event's id: made from the thing, so that it is the same after a failover, too.

    A number of the table could come to mean another event there, and receivers would drop it.
    Without a dot, which separates what a webhook's signature covers.
    """
    thing = quote(subject, safe="").replace(".", "%2E")
    return f"{type_.replace('.', '-')}:{number}:{thing}"


def thing_of(id_: str) -> EventThing | None:
    """The thing behind an id; None for what is no id of ours.

    No text of ours holds NUL. The database refuses it, and with it the other ids of the call.
    """
    match id_.split(":"):
        case [kind, number, thing] if number.isdecimal() and len(number) < 10:
            found = EventThing(unquote(thing), kind.replace("-", "."), int(number))
            return None if "\0" in found.subject + found.type else found
        case _:
            return None
