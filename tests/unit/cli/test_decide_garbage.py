"""Whatever JSON a line holds, it gets exactly one answer, and nothing breaks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.entrypoints.cli.decide import LineDecider

SCENARIOS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "policy_scenarios.json").read_text()
)
NAMES = sorted({name for scenario in SCENARIOS for name in scenario["given"]})
VALUES = [value for scenario in SCENARIOS for value in scenario["given"].values()]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["1970-01-01T00:00:00Z", "8999-12-31T23:59:59.999999Z", "x" * 300]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.none(), max_size=2),
)
changes = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), odd), max_size=4
)
ANSWERS = (
    {"id", "error"},
    {"id", "outcome", "amount_minor", "fee_minor", "destination"}
    | {
        "reason",
        "deadline",
    },
)
#: A busy machine is not a wrong answer.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.sampled_from(SCENARIOS), changes, st.sampled_from(["P0", "P1", "P2", "P3", "P4"]))
def test_a_changed_question_gets_one_answer(
    scenario: dict[str, Any], changed: dict[str, Any], policy: str
) -> None:
    asked = {"id": 1, "policy": policy, "given": scenario["given"] | changed}

    told = LineDecider("default").decide([json.dumps(asked).encode()]).splitlines()

    assert len(told) == 1
    assert set(json.loads(told[0])) in ANSWERS


@unhurried
@given(st.binary(max_size=200).filter(lambda line: line.strip() and b"\n" not in line))
def test_any_bytes_get_one_answer(line: bytes) -> None:
    told = LineDecider("default").decide([line]).splitlines()

    assert len(told) == 1
    assert set(json.loads(told[0])) == {"id", "error"}


DEEP: Any = "end"
for _ in range(300):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "changed",
    [{"id": DEEP}, {"policy": {"sms": DEEP}}, {"given": {"profile_overrides": {"sms": DEEP}}}],
    ids=["id", "policy", "overrides"],
)
def test_a_line_nested_too_deeply_is_answered_by_an_error_and_the_next_is_read(
    changed: dict[str, Any],
) -> None:
    good: dict[str, Any] = {"id": 1, "policy": "P1", "given": SCENARIOS[0]["given"]}
    deep = good | changed | {"given": good["given"] | changed.get("given", {})}
    lines = [json.dumps(each).encode() for each in (good, deep, good)]

    first, second, third = map(json.loads, LineDecider("default").decide(lines).splitlines())

    assert first == third
    assert "outcome" in first
    assert second == {
        "id": None, "error": {"line": 2, "field": None, "message": "nested too deeply"}
    }  # fmt: skip
