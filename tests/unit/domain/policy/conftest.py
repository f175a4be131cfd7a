"""Asking a shipped policy in few words: facts as keywords, times as offsets from the order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from worker.domain.policy import Decision, decide, load_profile, override, question_from

#: A Monday; every offset counts from here.
ORDERED_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)

Said: TypeAlias = tuple[str, str, int, int, str | None, timedelta | None]
Ask: TypeAlias = Callable[..., Said]


def json_value(value: Any) -> Any:
    match value:
        case timedelta():
            return (ORDERED_AT + value).isoformat(timespec="microseconds")
        case datetime():
            return value.isoformat(timespec="microseconds")
        case list():
            return [json_value(item) for item in value]
        case dict():
            return {key: json_value(item) for key, item in value.items()}
        case _:
            return value


def said(decision: Decision) -> Said:
    destination, deadline = decision.destination, decision.deadline
    return (
        decision.outcome.value,
        decision.reason.value,
        decision.amount_minor,
        decision.fee_minor,
        None if destination is None else destination.value,
        None if deadline is None else deadline - ORDERED_AT,
    )


def ask_policy(policy: str, op: str, **facts: Any) -> Said:
    """Unless told otherwise: an order of 350 at offset 0, claimed at the instant of asking."""
    now = facts.get("now", timedelta(0))
    given = {"op": op, "purchased_at": timedelta(0), "price_minor": 350, "now": now} | facts
    if op in {"claim", "withdrawal"}:
        given.setdefault("claim_at", now)
    profile = load_profile(policy)
    if "profile_overrides" in given:
        profile = override(profile, given["profile_overrides"])
    question = question_from(json_value(given))
    return said(decide(profile, question.op, question.facts, question.now))


@pytest.fixture(scope="session")
def ask() -> Ask:
    return ask_policy
