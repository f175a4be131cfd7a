"""Ask a policy in few words: facts as keywords, instants as offsets from the order."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from worker.domain.policy import (
    Decision,
    Profile,
    decide,
    load_profile,
    override,
    question_from,
)
from worker.domain.policy.language.loading import profile_from

#: A Monday; every offset counts from here.
ORDERED_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
US = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = 20 * MINUTE

#: Outcome, reason, amount, fee, destination, and the deadline as an offset.
Answer: TypeAlias = tuple[str, str, int, int, str | None, timedelta | None]
AskPolicy: TypeAlias = Callable[..., Answer]


def ask_policy(policy: str | dict[str, Any], op: str, **facts: Any) -> Answer:
    """By default about an order of 350 at offset 0, claimed at the instant of asking."""
    now = facts.get("now", timedelta(0))
    given = {"op": op, "purchased_at": timedelta(0), "price_minor": 350, "now": now} | facts
    if op in {"claim", "withdrawal"}:
        given.setdefault("claim_at", now)
    profile = _profile(policy)
    if "profile_overrides" in given:
        profile = override(profile, given["profile_overrides"])
    question = question_from(_json_value(given))
    return _answer(decide(profile, question.op, question.facts, question.now))


@lru_cache(maxsize=256)
def _read(text: str) -> Profile:
    return profile_from(json.loads(text), name="policy", file="policy")


def _profile(policy: str | dict[str, Any]) -> Profile:
    """A shipped policy, or one that the test writes itself."""
    return load_profile(policy) if isinstance(policy, str) else _read(json.dumps(policy))


def _json_value(value: Any) -> Any:
    match value:
        case timedelta():
            return (ORDERED_AT + value).isoformat(timespec="microseconds")
        case datetime():
            return value.isoformat(timespec="microseconds")
        case list():
            return [_json_value(item) for item in value]
        case dict():
            return {key: _json_value(item) for key, item in value.items()}
        case _:
            return value


def _answer(decision: Decision) -> Answer:
    destination, deadline = decision.destination, decision.deadline
    return (
        decision.outcome.value,
        decision.reason.value,
        decision.amount_minor,
        decision.fee_minor,
        None if destination is None else destination.value,
        None if deadline is None else deadline - ORDERED_AT,
    )
