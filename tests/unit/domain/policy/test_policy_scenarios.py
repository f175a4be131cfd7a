"""The worked cases of the five policies are decided exactly as expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from worker.domain.policy import Profile, Reason, decide, load_profile, override, question_from
from worker.domain.policy.language.loading import profile_from
from worker.entrypoints.cli.decide import instant_text

SCENARIOS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "golden" / "policy_scenarios.json").read_text()
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario["id"]))
def test_a_worked_case_is_decided_as_expected(scenario: dict[str, Any]) -> None:
    question = question_from(scenario["given"])
    profile = override(_policy(scenario), scenario["given"].get("profile_overrides", {}))

    decision = decide(profile, question.op, question.facts, question.now)

    assert {
        "outcome": decision.outcome.value,
        "amount_minor": decision.amount_minor,
        "fee_minor": decision.fee_minor,
        "destination": decision.destination.value if decision.destination else None,
        "reason": decision.reason.value,
        "deadline": instant_text(decision.deadline),
    } == scenario["expect"]


def _policy(scenario: dict[str, Any]) -> Profile:
    """That of the seed, or the whole policy that the case itself gives."""
    if "policy" in scenario:
        return profile_from(scenario["policy"], name="policy", file=scenario["id"])
    return load_profile(scenario["seed"])


def test_every_reason_has_a_worked_case_or_a_case_of_our_own() -> None:
    here = Path(__file__).parent
    words = "".join(file.read_text() for file in here.glob("test_policy_*.py"))
    worked = {scenario["expect"]["reason"] for scenario in SCENARIOS}

    missing = {reason.value for reason in Reason} - worked

    assert {reason for reason in missing if f'"{reason}"' not in words} == set()
