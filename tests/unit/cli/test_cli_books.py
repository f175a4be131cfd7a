"""`migrate`, `audit`, `timers`, `events replay`: the commands that talk to the database."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import TextClause, text

from tests.unit.cli.conftest import Cli
from worker.entrypoints.cli import audit, timers
from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.cli.output import Format
from worker.ports.store.books import Finding, QueueStats

HOLDS = Finding("sums", "Debits equal credits.", 0)
BROKEN = Finding("once", "An activation is settled once.", 2, ("a", "b"))


def test_migrate_makes_the_schema_and_then_finds_it(cli: Cli, empty_database_url: str) -> None:
    env = {"AW_DATABASE__URL": empty_database_url}

    first, second = cli("migrate", env=env), cli("migrate", env=env)

    assert (first.exit_code, "was missing and is now" in first.stderr) == (0, True)
    assert (second.exit_code, "is up to date" in second.stderr) == (0, True)


@pytest.mark.parametrize("command", ["migrate", "audit", "timers"])
def test_a_database_that_is_away_ends_with_5(cli: Cli, closed_url: str, command: str) -> None:
    address = closed_url.removeprefix("http://")

    result = cli(command, env={"AW_DATABASE__URL": f"postgresql://u:canary@{address}/db"})

    assert (result.exit_code, result.stdout) == (5, "")
    assert "the database cannot be reached" in result.stderr
    assert "canary" not in result.stderr


def test_audit_of_an_empty_database_checks_everything(cli: Cli, database_url: str) -> None:
    result = cli("audit", "-o", "json", env={"AW_DATABASE__URL": database_url})

    document = json.loads(result.stdout)
    assert (result.exit_code, document["holds"]) == (0, True)
    assert len(document["findings"]) > 5
    assert {each["violations"] for each in document["findings"]} == {0}


def test_a_period_is_closed_exported_and_dropped(
    cli: Cli, database_url: str, tmp_path: Path
) -> None:
    env = {"AW_DATABASE__URL": database_url}
    steps = [
        cli("books", "close", "--until", "2020-02-01", env=env),
        cli("books", "export", str(tmp_path), env=env),
        cli("books", "export", str(tmp_path), env=env),
        cli("books", "drop", env=env),
        cli("books", "close", "--until", "2020-02-01", env=env),
        cli("books", "close", "--until", "2020-01-01", env=env),
        cli("books", "drop", "-o", "json", env=env),
    ]

    assert [(step.exit_code, step.stderr.strip()) for step in steps] == [
        (0, "the books are closed until 2020-02-01: 0 accounts carried"),
        (0, f"{tmp_path}/until-2020-02-01: 0 rows, all sums as in the books"),
        (0, "every closed period is exported"),
        (0, "0 numbers dropped: 0 transfers, 0 transitions, 0 decisions"),
        (0, "the books were closed until 2020-02-01 already"),
        (1, "activation-worker: the books are closed until 2020-02-01 already"),
        (0, ""),
    ]
    nothing = {"numbers": 0, "transfers": 0, "transitions": 0, "decisions": 0}
    assert json.loads(steps[-1].stdout) == nothing


def test_an_export_is_one_document_for_programs(
    cli: Cli, database_url: str, tmp_path: Path
) -> None:
    env = {"AW_DATABASE__URL": database_url}
    for date in ("2020-02-01", "2020-03-01"):
        cli("books", "close", "--until", date, env=env)

    written = cli("books", "export", str(tmp_path), "-o", "json", env=env)
    nothing = cli("books", "export", str(tmp_path), "-o", "json", env=env)

    folders = [f"{tmp_path}/until-2020-02-01", f"{tmp_path}/until-2020-03-01"]
    periods = [{"folder": folder, "rows": 0} for folder in folders]
    assert json.loads(written.stdout) == {"periods": periods}
    assert json.loads(nothing.stdout) == {"periods": []}


def test_a_missing_schema_is_said_to_be_that(cli: Cli, empty_database_url: str) -> None:
    result = cli("audit", env={"AW_DATABASE__URL": empty_database_url})

    assert (result.exit_code, "try: activation-worker migrate" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("findings", "how"), [([HOLDS], Exit.OK), ([HOLDS, BROKEN], Exit.FAILED), ([], Exit.FAILED)]
)
@pytest.mark.parametrize("form", list(Format))
def test_audit_ends_with_0_only_when_all_hold(
    findings: list[Finding], how: Exit, form: Format
) -> None:
    assert audit.write_findings(findings, form) is how


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the database counts as violations of an invariant, in SQL; 0 for the others."""
    counts: dict[str, str] = {}

    def question(invariant: str, _: object) -> TextClause:
        count = counts.get(invariant, "0")
        return text(f"SELECT {count} AS violations, CAST('{{}}' AS text[]) AS offenders")

    monkeypatch.setattr("worker.adapters.store.audit._question", question)
    return counts


def test_an_invariant_that_cannot_be_checked_hides_no_violation(
    cli: Cli, database_url: str, answers: dict[str, str]
) -> None:
    answers.update(balance_is_sum_of_transfers="1 / 0", hold_per_activation="2")

    result = cli("audit", "-o", "json", env={"AW_DATABASE__URL": database_url})

    document = json.loads(result.stdout)
    broken = [each["invariant"] for each in document["findings"] if each["violations"]]
    assert result.exit_code == 1
    assert (document["holds"], broken) == (False, ["hold_per_activation"])
    assert list(document["not_checked"]) == ["balance_is_sum_of_transfers"]
    assert result.stderr == ""


def test_an_invariant_that_cannot_be_checked_is_no_proof(
    cli: Cli, database_url: str, answers: dict[str, str]
) -> None:
    answers.update(balance_is_sum_of_transfers="1 / 0")

    result = cli("audit", env={"AW_DATABASE__URL": database_url})

    assert result.exit_code == 5
    assert "hold_per_activation" in result.stdout
    assert result.stderr.startswith("balance_is_sum_of_transfers was not checked: ")
    assert "hold\n" not in result.stderr


def test_audit_names_what_is_violated_and_by_whom(capsys: pytest.CaptureFixture[str]) -> None:
    audit.write_findings([HOLDS, BROKEN], Format.TEXT)

    told = capsys.readouterr()
    (line,) = [line for line in told.out.splitlines() if line.startswith("once")]
    assert line.split() == ["once", "2", *BROKEN.says.split(), "a", "b"]
    assert told.err == "1 do not hold\n"


def test_audit_gives_programs_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    audit.write_findings([BROKEN], Format.NDJSON)

    assert json.loads(capsys.readouterr().out) == {
        "invariant": "once",
        "says": "An activation is settled once.",
        "violations": 2,
        "offenders": ["a", "b"],
    }


def queue_stats(**overdue: int) -> QueueStats:
    return QueueStats(
        live={},
        overdue=0,
        oldest_overdue=timedelta(0),
        exposure_minor={},
        events_pending=0,
        cancel_ratio={},
        timers_overdue=overdue,
    )


def test_timers_of_an_empty_database(cli: Cli, database_url: str) -> None:
    result = cli("timers", env={"AW_DATABASE__URL": database_url})

    assert (result.exit_code, result.stderr) == (0, "no timer is overdue\n")


def test_overdue_timers_are_told_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    for form in Format:
        timers.write_counts(queue_stats(claim=2, rental=1), form)

    text = capsys.readouterr().out
    assert "claim   2" in text
    assert '{"kind":"claim","overdue":2}\n{"kind":"rental","overdue":1}' in text


def test_replaying_an_event_that_is_not_there_ends_with_1(cli: Cli, database_url: str) -> None:
    env = {"AW_DATABASE__URL": database_url}

    result = cli("events", "replay", "no-such-event", env=env)

    assert (result.exit_code, "0 of 1" in result.stderr) == (1, True)
