"""What the terminal of `dev` shows: each number that is rented, its codes, and its ending."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TextIO

from rich.console import Console
from rich.text import Text

from worker.entrypoints.cli.output import clean, money
from worker.ports.errors import StoreError
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.outbox import Event, EventFilter, OutboxStore

LOOK_EVERY_SECONDS: Final = 0.5
READ_MAX: Final = 200  #: Of the newest, at each look.
LINES_MAX: Final = 20  #: Of one look; what is beyond is told as a count.
_REMEMBERED: Final = 5_000

#: The word that begins a line, and its colour.
_STYLES: Final[Mapping[str, str]] = {
    "rented": "cyan",
    "code": "bold yellow",
    "delivered": "green",
    "refunded": "bold magenta",
    "closed": "dim",
    "in_review": "bold red",
}


class Unseen:
    """Tells what was not there at the last look; the first one only learns what is there."""

    def __init__(self) -> None:
        self._seen: dict[str, None] | None = None

    def of(self, ids: Sequence[str]) -> list[str]:
        """The new ones of *ids*, which come newest first; oldest first."""
        if self._seen is None:
            self._seen = dict.fromkeys(reversed(ids))
            return []
        new = [each for each in reversed(ids) if each not in self._seen]
        self._seen.update(dict.fromkeys(new))
        for each in list(self._seen)[: len(self._seen) - _REMEMBERED]:
            del self._seen[each]
        return new


class DevTerminal:
    """Reads the database again and again: it needs nothing of how things happen."""

    def __init__(
        self, activations: ActivationStore, outbox: OutboxStore, stream: TextIO = sys.stderr
    ) -> None:
        self._activations = activations
        self._outbox = outbox
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._numbers, self._events = Unseen(), Unseen()

    async def keep(self) -> None:
        """Until it is cancelled. Without the database nothing happens that could be shown."""
        while True:
            try:
                lines = list(await self.look())
            except StoreError:
                lines = []
            for line in lines[:LINES_MAX]:
                self._console.print(line)
            if len(lines) > LINES_MAX:
                self._console.print(Text(f"          and {len(lines) - LINES_MAX} more like these"))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> Iterator[Text]:
        """What is new since the last look."""
        numbers = {str(n.id): n for n in await self._activations.activations(limit=READ_MAX)}
        page = await self._outbox.newest_events(EventFilter(), before=None, limit=READ_MAX)
        events = {each.event.id: each.event for each in page.items}
        rented = [_rented(numbers[id_]) for id_ in self._numbers.of(list(numbers))]
        told = [_told(events[id_]) for id_ in self._events.of(list(events))]
        return (line for line in [*rented, *told] if line is not None)


def _rented(number: Activation) -> Text:
    price = money(number.price_minor, number.currency)
    parts = (number.phone, f"{number.service} at {number.provider}", price, number.id)
    return _line(number.rented_at, "rented", parts)


def _told(event: Event) -> Text | None:
    """None for what has no number: cases have their own command."""
    kind, _, what = event.type.partition(".")
    if kind != "activation":
        return None
    data = event.payload
    if what == "code_received":
        return _line(event.at, "code", (data.get("code"), data.get("provider"), data.get("id")))
    return _line(event.at, what, (_amount(data), data.get("reason"), data.get("id")))


def _amount(data: Mapping[str, Any]) -> str | None:
    if data.get("amount_minor") is None:
        return None
    return money(data["amount_minor"], str(data.get("currency", "")))


def _line(at: datetime, word: str, parts: Sequence[object]) -> Text:
    line = Text(f"{at.astimezone():%H:%M:%S}  ")
    line.append(f"{word:10}", style=_STYLES.get(word, ""))
    line.append("  ".join(clean(part) for part in parts if part is not None))
    return line
