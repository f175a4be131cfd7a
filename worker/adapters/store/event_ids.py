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
    """The thing behind an id; None for what is no id of ours."""
    match id_.split(":"):
        case [kind, number, thing] if number.isdecimal() and len(number) < 10:
            return EventThing(unquote(thing), kind.replace("-", "."), int(number))
        case _:
            return None
