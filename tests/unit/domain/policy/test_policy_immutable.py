"""Policies, their sections and kinds, clauses and decisions are immutable."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from worker.domain.policy import Decision, Outcome, Reason, load_profile
from worker.domain.policy.clauses import load_clauses

PROFILE = load_profile("P0")
VALUES = [
    PROFILE,
    load_clauses("P0")[0],
    Decision(Outcome.WAIT, Reason.SMS_WINDOW_OPEN),
    PROFILE.sms,
    PROFILE.claims.kinds["invalid_number"],
]
each = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


@each
def test_no_field_can_be_set(value: Any) -> None:
    for field in value.__dataclass_fields__:
        with pytest.raises(FrozenInstanceError):
            setattr(value, field, getattr(value, field))


@each
def test_a_copy_is_equal(value: Any) -> None:
    assert replace(value) == value


@each
def test_it_has_slots_for_its_fields_only(value: Any) -> None:
    assert set(value.__slots__) == set(value.__dataclass_fields__)


def test_a_policy_takes_keyword_arguments_only() -> None:
    with pytest.raises(TypeError):
        type(load_profile("P0"))("mine")  # type: ignore[call-arg]  # what is being refused
