"""`activation-worker policy`: what a shop owner gets to read."""

import json

import pytest
from typer.testing import CliRunner

from worker.domain.policy.loading import load_clauses
from worker.entrypoints.cli.app import app

POLICIES = ["P0", "P1", "P2", "P3", "P4"]


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["policy", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("policy", POLICIES)
def test_every_clause_is_explained_with_what_the_worker_does(policy: str) -> None:
    text = said("explain", policy)

    for clause in load_clauses(policy):
        row = next(line for line in text.splitlines() if line.startswith(clause.id))
        assert clause.says in row
        assert clause.worker in row


@pytest.mark.parametrize("policy", [*POLICIES, "default"])
def test_the_values_in_force_are_shown_under_their_names(policy: str) -> None:
    document = json.loads(said("explain", policy, "--output", "json"))

    assert document["name"] == policy
    assert document["values"]["sms.sms_window_s"] == 1200
    assert len(document["clauses"]) == len(load_clauses(policy))
    assert json.loads(said("explain", policy, "--output", "ndjson")) == document
    text = said("explain", policy)
    assert all(key in text for key in document["values"])


def test_the_first_sentences_say_what_matters() -> None:
    assert "the money goes back by itself. Cancel before an SMS gives the money back." in said(
        "explain", "P3"
    )
    p1 = said("explain", "P1")
    assert "the number is closed, and the money goes back on a claim." in p1
    assert "Cancel before an SMS only closes the number. Claims are accepted for 7 days." in p1


def test_tables_and_lists_are_readable() -> None:
    text = said("explain", "P4")
    assert "0 = 500, 1 = 1500, 2 = 2500, 3 = 3500" in text
    assert any(line.split() == ["withdrawal.kyc", "yes"] for line in text.splitlines())
    assert any(line.split() == ["outage.threshold_s", "-"] for line in text.splitlines())


def test_all_policies_are_listed() -> None:
    names = [line.split()[0] for line in said("list").splitlines()[1:]]
    rows = json.loads(said("list", "--output", "json"))
    lines = [json.loads(line) for line in said("list", "-o", "ndjson").splitlines()]

    assert names == [*POLICIES, "default"]
    assert rows == lines
    assert [row["name"] for row in rows] == names
    assert all(len(row["version"]) == 12 for row in rows)


def test_an_unknown_policy_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["policy", "explain", "P9"])
    assert result.exit_code == 2
    assert "P9" in result.stderr
