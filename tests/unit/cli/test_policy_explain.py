"""`activation-worker policy`: what a shop owner gets to read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from worker.domain.policy import load_profile
from worker.domain.policy.clauses import load_clauses
from worker.domain.policy.explain.page import sentences
from worker.domain.policy.language.schema import KEYS
from worker.entrypoints.cli.app import app

POLICIES = ["P0", "P1", "P2", "P3", "P4"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments])


def said(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("policy", [*POLICIES, "default"])
def test_every_sentence_is_shown_with_its_key_and_its_clauses(policy: str) -> None:
    text = said("explain", policy)
    document = json.loads(said("explain", policy, "--output", "json"))

    made = list(sentences(load_profile(policy)))
    assert [row["text"] for row in document["sentences"]] == [each.words for each in made]
    for sentence, row in zip(made, document["sentences"], strict=True):
        line = next(line for line in text.splitlines() if line.startswith(sentence.words))
        assert sentence.key in line
        assert ("(default)" in line) == row["default"] == (not sentence.said)
        assert all(clause in line for clause in row["clauses"])


@pytest.mark.parametrize("policy", POLICIES)
def test_every_clause_is_shown_with_what_it_says(policy: str) -> None:
    text = said("explain", policy)
    for clause in load_clauses(policy):
        assert any(line.split() == [clause.id, *clause.says.split()] for line in text.splitlines())


@pytest.mark.parametrize("policy", [*POLICIES, "default"])
def test_the_values_in_force_are_told_under_their_keys(policy: str) -> None:
    document = json.loads(said("explain", policy, "--output", "json"))

    assert document["name"] == policy
    assert document["values"].keys() == {key.says for key in KEYS.values()}
    assert document["values"]["sms.sms_window_s"] == 1200
    assert len(document["clauses"]) == len(load_clauses(policy))
    assert json.loads(said("explain", policy, "--output", "ndjson")) == document


def test_a_sentence_names_the_clauses_it_comes_from() -> None:
    lines = said("explain", "P3").splitlines()
    fraud = next(line for line in lines if "Confirmed fraud bars money that leaves." in line)
    assert fraud.split()[-2:] == ["bars.fraud", "P3.21"]


def test_all_policies_are_listed() -> None:
    names = [line.split()[0] for line in said("list").splitlines()[1:]]
    rows = json.loads(said("list", "--output", "json"))
    lines = [json.loads(line) for line in said("list", "-o", "ndjson").splitlines()]

    assert names == [*POLICIES, "default"]
    assert rows == lines
    assert [row["name"] for row in rows] == names
    assert all(len(row["version"]) == 12 for row in rows)
    assert (
        "At the end of the window without an SMS the money goes back by itself."
        in (rows[0]["in_short"])
    )


def test_an_unknown_policy_is_a_usage_error() -> None:
    result = run("explain", "P9")
    assert result.exit_code == 2
    assert "P9" in result.stderr


def test_a_file_without_problems_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('sms.auto_credit_mode = "automatic"\n')

    result = run("check", str(tmp_path / "shop.toml"))

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "1 file: no problems\n"


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[payout]\nfee_steps = [[0, 5]]\n[sms]\nsms_windows_s = 3\n")
    two.write_text('[cancel]\nlate = "deny"\n')

    result = run("check", str(one), str(two))

    assert result.exit_code == 78
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{one}:4: sms.sms_windows_s: there is no such key; did you mean")
    assert second == f"{two}:2: cancel.late: decides nothing: no cancel.until_s"
    assert result.stderr == "2 files: 2 problems\n"


def test_problems_can_be_read_by_programs(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('cancel.late = "deny"\n')
    problem = {
        "file": str(file),
        "key": "cancel.late",
        "problem": "decides nothing: no cancel.until_s",
        "line": 1,
    }

    assert json.loads(run("check", str(file), "-o", "json").stdout) == {"problems": [problem]}
    assert json.loads(run("check", str(file), "-o", "ndjson").stdout) == problem


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    assert run("check", "absent.toml").exit_code == 2
