"""`activation-worker decide` as a process: codes, pipes and what goes where."""

import json
import subprocess
import sys
from pathlib import Path

COMMAND = [
    sys.executable,
    "-c",
    "from worker.entrypoints.cli.app import main; main()",
    "decide",
]
GIVEN = {
    "op": "order_tick",
    "now": "2026-03-02T10:20:00Z",
    "purchased_at": "2026-03-02T10:00:00Z",
    "price_minor": 350,
}
LINE = json.dumps({"id": 1, "given": GIVEN}) + "\n"
ROOT = Path(__file__).parents[3]


def run(*arguments: str, asked: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # our own command
        [*COMMAND, *arguments],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )


def test_questions_from_standard_input_are_answered_on_standard_output() -> None:
    done = run(asked=LINE * 2)

    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["reason"] for line in done.stdout.splitlines()] == [
        "sms_window_open"
    ] * 2


def test_questions_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "asked.ndjson"
    file.write_text(LINE)

    done = run("--policy", "P3", "--input", str(file))

    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_policies_may_be_those_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text((ROOT / "config/policies/default.toml").read_text())

    known = run("--policies-dir", str(tmp_path), "--policy", "own", asked=LINE)
    unknown = run("--policy", "own", asked=LINE)

    assert (known.returncode, unknown.returncode) == (0, 2)


def test_a_bad_line_ends_in_exit_1_and_is_counted() -> None:
    done = run(asked=LINE + "nonsense\n" + LINE)

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "1 of 3 lines could not be decided\n"


def test_an_unknown_policy_or_file_is_a_usage_error() -> None:
    policy = run("--policy", "P9", asked=LINE)
    file = run("--input", "/nowhere/at/all")

    assert (policy.returncode, policy.stdout) == (2, "")
    assert "P9" in policy.stderr
    assert (file.returncode, file.stdout) == (2, "")


def test_a_closed_standard_input_is_a_usage_error() -> None:
    done = subprocess.run(  # our own command
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "activation-worker: standard input is closed\n  try: --input FILE, or a pipe\n"
    )


def test_a_dash_is_standard_input() -> None:
    done = run("--input", "-", asked=LINE)

    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_a_reader_that_goes_away_is_no_drama(tmp_path: Path) -> None:
    file = tmp_path / "asked.ndjson"
    file.write_text(LINE * 20_000)
    with subprocess.Popen(  # our own command
        [*COMMAND, "--input", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()

    assert process.returncode == 1
    assert complaints == b""


def test_somebody_who_writes_one_line_and_waits_gets_his_answer() -> None:
    with subprocess.Popen(  # our own command
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LINE)
        process.stdin.flush()
        answer = process.stdout.readline()
        process.stdin.close()

    assert json.loads(answer)["id"] == 1
    assert process.returncode == 0


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    with subprocess.Popen(  # our own command
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(LINE)
        process.stdin.flush()
        process.stdout.readline()  # It is at work now.
        process.send_signal(2)
        complaints = process.stderr.read()

    assert process.returncode == 130
    assert "Traceback" not in complaints
