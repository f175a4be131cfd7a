"""`import numbers --dry-run`: what is wrong with each line, without a daemon."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from worker.entrypoints.cli.app import app
from worker.entrypoints.cli.moving_in import LINE_BYTES_MAX

GOOD: dict[str, Any] = {
    "provider": "sim",
    "provider_ref": "1",
    "account": "acme",
    "phone": "+12025550100",
    "service": "tg",
    "country": "0",
    "price_minor": 20,
}


def dry_run(file: Path, *options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["import", "numbers", str(file), "--dry-run", *options])
    return done.exit_code, done.stdout, done.stderr


def written(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "numbers.ndjson"
    file.write_text("\n".join(lines))
    return file


def test_good_lines_are_counted(tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps(GOOD), "", json.dumps({**GOOD, "provider_ref": "2"}))

    code, stdout, _ = dry_run(file, "-o", "json")

    report = json.loads(stdout)
    assert code == 0
    assert (report["lines"], report["new"], report["refused"]) == (2, 2, 0)
    assert report["agrees"] is True


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (json.dumps({**GOOD, "price_minor": 1.5}), "/price_minor: "),
        (json.dumps({**GOOD, "phome": "1"}), "/phome: "),
        (json.dumps({**GOOD, "rented_at": "2026-01-01T00:00:00"}), "/rented_at: not an RFC 3339"),
        ('{"provider": ', "no-json"),
    ],
)
def test_a_bad_line_is_named_with_its_field(tmp_path: Path, line: str, says: str) -> None:
    code, _, stderr = dry_run(written(tmp_path, json.dumps(GOOD), line))

    assert code == 1
    assert "line 2: " in stderr
    assert says in stderr
    assert "1 of 2 lines were refused" in stderr


def test_programs_get_json(tmp_path: Path) -> None:
    code, stdout, _ = dry_run(written(tmp_path, json.dumps({**GOOD, "account": 7})), "-o", "json")

    report = json.loads(stdout)
    assert code == 1
    assert (report["lines"], report["refused"], report["new"]) == (1, 1, 0)
    assert report["first_refused"][0]["line"] == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    code, _, stderr = dry_run(tmp_path / "nothing")

    assert code == 2
    assert "cannot be read" in stderr


def test_a_line_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps({**GOOD, "service": "x" * 2 * LINE_BYTES_MAX}), "{")

    code, stdout, stderr = dry_run(file, "-o", "json")

    report = json.loads(stdout)
    refused = [(each["line"], each["why"].split(":")[0]) for each in report["first_refused"]]
    assert (code, report["lines"]) == (1, 2), stderr
    assert refused == [(1, "too-long"), (2, "no-json")]


def test_what_another_system_charged_is_not_said_to_be_booked(tmp_path: Path) -> None:
    elsewhere = {**GOOD, "provider_ref": "2", "charge": "external", "price_minor": 300}
    file = written(tmp_path, json.dumps(GOOD), json.dumps(elsewhere))

    _, stdout, _ = dry_run(file)

    rows = [line.split() for line in stdout.splitlines()]
    assert ["booked,", "?", "20"] in rows
    assert ["charged", "elsewhere,", "?", "300"] in rows
