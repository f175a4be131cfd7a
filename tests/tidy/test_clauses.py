"""Every clause of every policy is tested: by a worked case, or by a test that names it."""

import json
import re
from pathlib import Path

import pytest

from worker.domain.policy import load_profile
from worker.domain.policy.clauses import load_clauses
from worker.domain.shipped import config_directory

TESTS = Path(__file__).parent.parent
POLICIES = ["P0", "P1", "P2", "P3", "P4"]
#: Clauses that only ask for a record or say nothing; no decision can depend on them.
RULES_NOTHING = {"P3.32"}


def clauses_with_a_test() -> set[str]:
    worked = json.loads((TESTS / "golden" / "policy_scenarios.json").read_text())
    found = {clause for case in worked for clause in case["clause_ids"]}
    for file in (TESTS / "unit" / "domain" / "policy").glob("test_policy_*.py"):
        for name in re.findall(r"def (test_\w+)", text := file.read_text()):
            found |= {f"P{p}.{n}" for p, n in re.findall(r"p([0-4])_([0-9]{2})(?=_)", name)}
        found |= set(re.findall(r'"(P[0-4]\.[0-9]{2})"', text))
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_every_clause_has_a_test(policy: str) -> None:
    clauses = {clause.id for clause in load_clauses(policy)}
    assert clauses - clauses_with_a_test() - RULES_NOTHING == set()


@pytest.mark.parametrize("policy", POLICIES)
def test_every_clause_the_policy_file_names_exists(policy: str) -> None:
    named = set(re.findall(rf"{policy}\.[0-9]{{2}}", policy_text(policy)))
    assert named - {clause.id for clause in load_clauses(policy)} == set()


@pytest.mark.parametrize("policy", [*POLICIES, "default"])
def test_every_value_of_a_policy_file_says_why(policy: str) -> None:
    lines = policy_text(policy).splitlines()
    silent = [
        line
        for number, line in enumerate(lines)
        if re.match(r"\w+ =", line) and "#" not in line and "#" not in lines[number - 1]
    ]
    assert silent == []
    assert load_profile(policy).name == policy


def policy_text(policy: str) -> str:
    return (config_directory() / "policies" / f"{policy}.toml").read_text()
