"""The checker of every row: a code that the provider told, or would have told, is shown.

The simulator's books say when an SMS came and whether it was told. A look is owed `OWED_SECONDS`
after it came, counted only while looking was possible: a row names the times when it was not.
What was told to us before the deadline must be shown in any case.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.acceptance.two_providers import Simulated
from tests.chaos.stage import Number, books_of

OWED_SECONDS = 2.0  #: "At once", with a poll every second.
#: A code told later than this before its deadline may be too late for the commit.
COMMIT_SECONDS = 0.5
READ_BOOKS_EVERY = 0.25


class Silence(NamedTuple):
    """From when to when nobody could look, or no look was promised."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """What became of the codes; waits are seconds from the SMS, or from the end of a silence."""

    owed: int
    lost: Sequence[Number]  #: Owed, and not shown by the deadline.
    lost_though_told: int  #: Of those: the provider had told the code in time.
    not_owed_lost: int  #: Not shown, but nobody promised it.
    waits: Sequence[float]  #: Of the codes that were owed and shown, shortest first.

    @property
    def longest_wait(self) -> float:
        return self.waits[-1] if self.waits else 0.0


@dataclass
class Told:
    """When the provider was first seen to have told the SMS of a number, by reference."""

    at: dict[str, datetime] = field(default_factory=dict)


@asynccontextmanager
async def watching_books(*providers: Simulated) -> AsyncIterator[Told]:
    """Read the books over and over: they say what was told, but not when."""
    told = Told()

    async def read() -> None:
        while True:
            for provider in providers:
                for ref, row in (await books_of(provider)).items():
                    if row["sms_shown"]:
                        told.at.setdefault(f"{provider.name}/{ref}", datetime.now(UTC))
            await asyncio.sleep(READ_BOOKS_EVERY)  # Its state is all there is; nothing tells.

    reading = asyncio.create_task(read())
    try:
        yield told
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


def check_codes(
    numbers: Sequence[Number],
    views: Mapping[str, Mapping[str, Any]],
    books: Mapping[str, Mapping[str, Any]],
    *,
    silences: Sequence[Silence] = (),
    told: Told | None = None,
) -> CodeCheck:
    """Hold what the API shows against one provider's books."""
    owed = lost_though_told = not_owed_lost = 0
    lost: list[Number] = []
    waits: list[float] = []
    for number in numbers:
        came = came_at(books.get(number.ref))
        if came is None or came > number.deadline_at:
            continue
        told_at = told.at.get(f"{number.provider}/{number.ref}") if told else None
        was_told = told_at is not None and told_at <= number.deadline_at - timedelta(
            seconds=COMMIT_SECONDS
        )
        is_owed = was_told or looking_seconds(came, number.deadline_at, silences) >= OWED_SECONDS
        shown = shown_at(views[number.id])
        if shown is not None and shown <= number.deadline_at:
            if is_owed:
                owed += 1
                waits.append(looking_seconds(came, shown, silences))
        elif is_owed:
            owed += 1
            lost.append(number)
            lost_though_told += was_told
        else:
            not_owed_lost += 1
    return CodeCheck(owed, lost, lost_though_told, not_owed_lost, sorted(waits))


def came_at(row: Mapping[str, Any] | None) -> datetime | None:
    """When the first SMS came, by the provider's books."""
    if row is None or not row["sms"]:
        return None
    return datetime.fromisoformat(row["sms"][0]["at"])


def shown_at(view: Mapping[str, Any]) -> datetime | None:
    """When the first code was recorded that the API shows."""
    if not view["codes"]:
        return None
    return datetime.fromisoformat(view["codes"][0]["received_at"])


def looking_seconds(begins: datetime, ends: datetime, silences: Sequence[Silence]) -> float:
    """How much of this time is outside of the silences, which do not overlap."""
    total = (ends - begins).total_seconds()
    for silence in silences:
        overlap = min(ends, silence.ends) - max(begins, silence.begins)
        total -= max(0.0, overlap.total_seconds())
    return max(0.0, total)


def lateness(
    views: Sequence[Mapping[str, Any]],
    outcome: str,
    *,
    silences: Sequence[Silence] = (),
) -> list[float]:
    """Seconds from the deadline to the settlement, shortest first; silences do not count.

    One that is not settled is as late as it is old.
    """
    found: list[float] = []
    for view in views:
        deadline = datetime.fromisoformat(view["deadline_at"])
        settlement = view["settlement"]
        if settlement and settlement["outcome"] != outcome:
            continue
        ended = datetime.fromisoformat(settlement["at"]) if settlement else datetime.now(UTC)
        found.append(looking_seconds(deadline, ended, silences))
    return sorted(found)
