"""The two checkers of a run in simulated time: its codes, and the times that are promised.

The books of the simulated provider say what was told when; the database says what was shown and
settled when. `Span` is a time in which a promise does not hold yet: from the fault until the
promised time after it. Outside of these everything is owed as if there had been no fault.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from tests.integration.lifecycle.world import GRACE
from tests.simulation.timed.scene import Handed, Scene
from tests.simulation.timed.simulated_daemon import POLL, RATE
from tests.simulation.timed.simulated_time import START
from worker.domain.cadence import JITTER, LAST_LOOK
from worker.domain.ids import AccountId

AT_ONCE: Final = 2.0  #: Seconds, from here on.
BACK: Final = 1.5  #: From a provider's return to the first look or ending.
CALLS_A_NUMBER: Final = 1.1
GRAIN: Final = 0.2  #: Who sleeps wakes up that late here, with what he then waits for.
LAST_LOOK_S: Final = LAST_LOOK.total_seconds() + GRAIN
BETWEEN_LOOKS_S: Final = POLL.total_seconds() * (1 + JITTER) * 1.5 + GRAIN  # 1.5: it joins the last

_ROWS: Final = """
SELECT a.provider_ref AS ref, a.account, a.deadline_at, a.state, a.provider_state,
       s.at AS settled_at,
       (SELECT min(c.received_at) FROM code c WHERE c.activation_id = a.id AND c.code IS NOT NULL)
         AS shown_at
  FROM activation a LEFT JOIN settlement s ON s.activation_id = a.id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds since the start in which the way is not open yet, as promised."""

    begins: float
    ends: float
    provider_only: bool = False  #: What needs no provider goes on.
    accounts: Collection[AccountId] | None = None  #: None: those of all accounts.
    codes: bool = True  #: Whether codes cannot be shown either.
    endings: bool = True


@dataclass(frozen=True, slots=True)
class Promised:
    """What a fault excuses, and what is measured after it."""

    spans: Sequence[Span] = ()
    returns_at: float | None = None  #: When the provider answers again.
    between_looks: float = BETWEEN_LOOKS_S  #: Between two that can be read.


@dataclass(slots=True)
class Seen:
    """One number as it ended, in seconds since the start."""

    handed: Handed
    account: AccountId
    deadline: float
    state: str
    provider_state: str
    settled: float | None
    shown: float | None
    told: float | None  #: When the provider first told of its code.
    calls: list[tuple[float, str]] = field(default_factory=list)


def story(number: Seen) -> str:
    """What happened to it, to be read with what the scene noted."""
    sms = [f"{_seconds(each.at):.1f}" for each in number.handed.number.sms]
    calls = ", ".join(f"{what} {at:.1f}" for at, what in number.calls)
    return (
        f"{number.handed.ref} of {number.account}: rented {number.handed.plan.handed_at:.1f},"
        f" handed over {number.handed.answered_at}, deadline {number.deadline:.1f}; SMS {sms},"
        f" told {number.told}, shown {number.shown}; {number.state}, settled {number.settled},"
        f" there {number.provider_state}; calls: {calls}"
    )


async def seen(scene: Scene, admin: asyncpg.Connection) -> list[Seen]:
    rows = {row["ref"]: row for row in await admin.fetch(_ROWS)}
    assert len(rows) == len(scene.handed), "a number is missing, or two"
    found = []
    for handed in scene.handed:
        row = rows[handed.ref]
        found.append(
            Seen(
                handed,
                AccountId(row["account"]),
                _seconds(row["deadline_at"]),
                row["state"],
                row["provider_state"],
                None if row["settled_at"] is None else _seconds(row["settled_at"]),
                None if row["shown_at"] is None else _seconds(row["shown_at"]),
                scene.line.told.get(handed.ref),
                [(at, what) for at, what, ref in scene.line.asked if ref == handed.ref],
            )
        )
    return found


def lost_codes(numbers: Sequence[Seen], promised: Promised) -> list[str]:
    """Codes that were told, or would have been told to a look that is owed, and were not shown."""
    lost = []
    for number in numbers:
        if number.shown is not None or not number.handed.number.sms:
            continue
        why = _owed(number, promised)
        if why:
            lost.append(f"{why}\n  {story(number)}")
    return lost


def _owed(number: Seen, promised: Promised) -> str | None:
    arrived = _seconds(number.handed.number.sms[0].at)
    spans = [each for each in promised.spans if each.codes]
    told = number.told
    excused = told is not None and any(span.begins <= told <= span.ends for span in spans)
    if told is not None and told <= number.deadline and not excused:
        return f"told at {told:.1f}"
    assert number.handed.answered_at is not None
    begins = max(arrived, number.handed.answered_at)
    for start, end in _open(begins, number.deadline, spans):
        if end - start >= promised.between_looks:
            return f"arrived at {arrived:.1f}, to be looked at from {start:.1f} to {end:.1f}"
        if end == number.deadline and end - start >= LAST_LOOK_S:
            return f"arrived at {arrived:.1f}, to be seen by the last look"
    return None


def late_endings(numbers: Sequence[Seen], promised: Promised) -> list[str]:
    """Numbers settled later than at once after they could be."""
    late = []
    for number in numbers:
        due = _due(number, promised) + AT_ONCE + GRAIN
        if number.settled is None or number.settled > due:
            late.append(f"owed by {due:.1f}\n  {story(number)}")
    return late


def _due(number: Seen, promised: Promised) -> float:
    """When the way was open to end it."""
    needs_provider = number.shown is None
    due = number.deadline
    for span in sorted(promised.spans, key=lambda each: each.begins):
        concerns = span.accounts is None or number.account in span.accounts
        blocks = span.endings and concerns and (needs_provider or not span.provider_only)
        if blocks and span.begins - AT_ONCE <= due < span.ends:
            due = span.ends
            if span.provider_only:  # The customer waits no longer than the grace.
                due = min(due, number.deadline + GRACE.total_seconds())
    return due


def slow_returns(scene: Scene, numbers: Sequence[Seen], promised: Promised) -> list[str]:
    """What was late, or cost too many calls, after a provider answered again."""
    back = promised.returns_at
    if back is None:
        return []
    problems = []
    first = min((at for at, _, _ in scene.line.asked if at >= back), default=None)
    if first is None or first > back + BACK + GRAIN:
        problems.append(f"back at {back:.1f}, first look or ending at {first}")
    owed = [each for each in numbers if each.deadline < back and _was_owed(each, back)]
    # Where an SMS is there, the cancel is refused, and a look has to say why.
    plain = [each for each in owed if not each.handed.number.sms]
    calls = sum(at >= back for each in plain for at, _ in each.calls)
    if calls > CALLS_A_NUMBER * len(plain):
        problems.append(f"{calls} calls for {len(plain)} numbers that were owed")
    by = back + BACK + len(numbers) / RATE + AT_ONCE + GRAIN
    late = [each.handed.ref for each in owed if max(at for at, _ in each.calls) > by]
    if late:
        problems.append(f"still owed there after {by:.1f}: {', '.join(late)}")
    return problems


def _was_owed(number: Seen, back: float) -> bool:
    """Whether it was ended at the provider only after that."""
    return any(at >= back and what in {"cancel", "finish"} for at, what in number.calls)


def _open(begins: float, ends: float, spans: Sequence[Span]) -> list[tuple[float, float]]:
    """The parts of that time that are in no span."""
    parts = []
    start = begins
    for span in sorted(spans, key=lambda each: each.begins):
        if span.begins > start:
            parts.append((start, min(span.begins, ends)))
        start = max(start, span.ends)
    parts.append((start, ends))
    return [(start, end) for start, end in parts if end > start]


def _seconds(at: datetime) -> float:
    return float((at - START) / timedelta(seconds=1))
