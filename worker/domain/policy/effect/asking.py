"""Asks two policies the same questions about one key, until their answers differ."""

import itertools
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from worker.domain.calendar import DAY, is_business_day
from worker.domain.policy.decision import Decision
from worker.domain.policy.effect import axes
from worker.domain.policy.effect.axes import Pair, Variation
from worker.domain.policy.effect.operations import Plan
from worker.domain.policy.effect.plans import plans
from worker.domain.policy.language.profile import Profile, kind_of
from worker.domain.policy.question import FactError, Question, decide, question_from
from worker.domain.policy.vocabulary import Reason

EDGES_MAX = 8  #: Times that questions are asked around.
_WEEK = 7 * DAY
_LATEST = axes.MONDAY.replace(year=8000)  #: Questions can be asked for centuries after it.
_HOLIDAYS_ASKED_MAX = 10


def differ(one: Profile, other: Profile, key: str, orders: list[Variation]) -> bool:
    """Whether some question about *key*, on one of these orders, is answered differently."""
    for start in _starts(one, key):
        edges = _edges(one, other, key, start)
        if _differ(key, Pair(one, other, start, edges), orders):
            return True
    return False


def _differ(key: str, pair: Pair, orders: list[Variation]) -> bool:
    given: set[Reason | None] = {None}
    for plan in plans(key, pair):
        if plan.after not in given:
            continue
        for question in _questions(plan, pair, orders):
            answer = _answer(pair.one, question)
            if answer != _answer(pair.other, question):
                return True
            given.add(None if answer is None else answer.reason)
    return False


def _answer(profile: Profile, question: Question) -> Decision | None:
    """None: the policy lacks what an answer needs, a test of the log or a time to repair."""
    try:
        return decide(profile, question.op, question.facts, question.now)
    except (AssertionError, TypeError, ValueError):
        return None


def _questions(plan: Plan, pair: Pair, orders: list[Variation]) -> Iterator[Question]:
    for order in orders:
        for variations in itertools.product(*plan.axes):
            facts: dict[str, Any] = dict(plan.facts)
            for variation in variations:
                facts |= variation
            try:
                yield question_from(_given(facts | order, pair.start))
            except FactError:
                continue  # Variation that cannot be true together.


def _given(facts: dict[str, Any], start: datetime) -> dict[str, object]:
    if facts.get("product") == "rental" or facts["op"] == "outage_tick":
        facts.setdefault("rental_start", timedelta(0))
        facts.setdefault("rental_end", axes.RENTED_FOR)
    if facts.get("approved_at") == "now":
        facts["approved_at"] = facts["now"]
    return {name: _json(value, start) for name, value in facts.items()}


def _json(value: Any, start: datetime) -> Any:  # noqa: ANN401 - JSON
    match value:
        case timedelta():
            return (start + value).isoformat()
        case list():
            return [_json(item, start) for item in value]
        case dict():
            return {name: _json(item, start) for name, item in value.items()}
        case _:
            return value


def _starts(profile: Profile, key: str) -> Iterator[datetime]:
    """When the purchase is: on a Monday, and for the calendar also where days change."""
    start = axes.MONDAY
    since = min(profile.effective_from or start, _LATEST)
    while profile.effective_from is not None and start < since + 52 * _WEEK:
        start += 52 * _WEEK
    if key == "calendar.timezone":
        for hour in (23, 0):
            yield start.replace(hour=hour, minute=30)
            yield start.replace(hour=hour, minute=30) + 4 * DAY
    if key == "calendar.holidays":
        days = [day for day in sorted(profile.calendar.holidays) if is_business_day(day, set())]
        for day in days[:_HOLIDAYS_ASKED_MAX]:
            yield datetime.combine(day, time(10), start.tzinfo)
    yield start


def _edges(one: Profile, other: Profile, key: str, start: datetime) -> tuple[timedelta, ...]:
    """The times of the key itself; of one that is no time those that stand beside it."""
    times: set[timedelta] = set()
    for profile in (one, other):
        for said in (profile.said, *(when.changes for when in profile.whens)):
            times |= axes.lasting({key: said.get(key)}, profile, start)
    if not times:
        times = _times_beside(one, key, start) | _times_beside(other, key, start)
    return tuple(sorted(times)[:EDGES_MAX])


def _times_beside(profile: Profile, key: str, start: datetime) -> set[timedelta]:
    times: set[timedelta] = set()
    for said in (profile.said, *(when.changes for when in profile.whens)):
        near = {name: value for name, value in said.items() if _beside(name, key)}
        times |= axes.lasting(near, profile, start)
    return times


def _beside(name: str, key: str) -> bool:
    section = key.partition(".")[0]
    if section == "calendar":
        return True
    if kind := kind_of(key):
        return name == "claims.window" or name.startswith(f"claims.kinds.{kind}.")
    return name.startswith(f"{section}.")
