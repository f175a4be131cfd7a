"""Exit codes, where words go, and what start-up costs."""

import contextlib
import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli
from tests.unit.cli.fake_daemon import OPERATE, FakeDaemon, activation
from worker.entrypoints.children import EmbeddedError
from worker.entrypoints.cli.app import COMMANDS, app, wants_json
from worker.entrypoints.cli.exit_codes import IN_HELP, Exit, Failure, failure_of, report
from worker.entrypoints.http.listener import CannotListen
from worker.ports.errors import CommitUnknown, ScheduleUnavailable, SchemaMissing, StoreUnavailable

ROOT = Path(__file__).parents[3]


def worker(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *args],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("form", ["module", "script"])
def test_both_names_start_the_same_program(form: str) -> None:
    command = [sys.executable, "-m", "worker"]
    if form == "script":
        command = [str(Path(sys.executable).parent / "activation-worker")]

    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("activation-worker ")


def test_help_lists_every_command_and_exit_code(cli: Cli) -> None:
    result = cli("--help")

    assert result.exit_code == 0
    assert [name for name in COMMANDS if name not in result.stdout] == []
    assert all(str(int(code)) in IN_HELP for code in Exit)
    assert "130 interrupted" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(cli: Cli, name: str) -> None:
    result = cli(name, "--help")

    assert result.exit_code == 0
    assert "Usage: " in result.stdout
    assert result.stderr == ""


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    heavy = "aiohttp", "sqlalchemy", "arq", "redis", "pydantic", "prometheus_client", "alembic"
    code = (
        "import sys\nfrom worker.entrypoints.cli.app import app\n"
        "app(['--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stderr == "[]\n"


def test_no_command_at_all_shows_the_help(cli: Cli) -> None:
    result = cli()

    assert (result.exit_code, "trigger" in result.stdout + result.stderr) == (2, True)


@pytest.mark.parametrize(
    "args", [["no-such-command"], ["list", "--no-such"], ["show"], ["list", "--limit", "0"]]
)
def test_a_wrong_command_line_ends_with_2(cli: Cli, args: list[str]) -> None:
    result = cli(*args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage" in result.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["shw"], "No such command 'shw'; did you mean show?"),
        (["trigger", "cod"], "did you mean code-arrives?"),
    ],
)
def test_the_nearest_name_is_named(cli: Cli, args: list[str], says: str) -> None:
    assert says in cli(*args).stderr


@pytest.mark.parametrize("form", [["--output", "json"], ["--output=ndjson"], ["-o", "json"]])
def test_errors_are_json_where_json_was_asked_for(cli: Cli, form: list[str]) -> None:
    result = cli("list", "--no-such", *form)

    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, result.stdout, error["code"]) == (2, "", "usage")
    assert error["message"] == "No such option: --no-such"


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["list", "-ojson"], True),
        (["list", "--output", "text"], False),
        (["list", "--output"], False),
        (["show", "json"], False),
    ],
)
def test_json_is_recognised_before_anything_is_parsed(args: list[str], *, wanted: bool) -> None:
    assert wants_json(args) is wanted


def test_bad_configuration_ends_with_78_and_lists_the_problems(tmp_path: Path) -> None:
    done = worker("check-config", AW_NOPE="1", AW_REDIS__URL="x", HOME=str(tmp_path))

    assert (done.returncode, done.stdout) == (78, "")
    assert "2 problems" in done.stderr
    assert "AW_NOPE: no setting has this name" in done.stderr
    assert "redis.url (AW_REDIS__URL): must start with" in done.stderr


def test_nobody_there_ends_with_5(cli: Cli, closed_url: str) -> None:
    result = cli("list", "--url", closed_url, "-o", "json", env={"AW_TOKEN": "t"})

    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, error["code"]) == (5, "unreachable")
    assert "activation-worker dev" in error["hint"]


@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_token_that_is_not_known_ends_with_4(cli: Cli, daemon: FakeDaemon, token: str) -> None:
    result = cli("list", "--url", daemon.url, env={"AW_TOKEN": token})

    assert (result.exit_code, "bearer token" in result.stderr) == (4, True)
    assert "AW_TOKEN" in result.stderr


def test_an_interrupt_ends_with_130_and_without_a_traceback(daemon: FakeDaemon) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "watch", "--url", daemon.url],
        env={"PATH": os.environ["PATH"], "AW_TOKEN": OPERATE},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stderr is not None
    assert "Ctrl-C stops" in process.stderr.readline()

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (130, "")


@pytest.mark.parametrize(
    ("error", "how", "hint"),
    [
        (StoreUnavailable("database: OSError"), Exit.UNREACHABLE, "doctor"),
        (CommitUnknown("database"), Exit.UNREACHABLE, "doctor"),
        (SchemaMissing("no schema"), Exit.FAILED, "migrate"),
        (EmbeddedError("no wheel"), Exit.FAILED, ""),
        (CannotListen("127.0.0.1:80: address in use"), Exit.FAILED, "another one"),
        (OSError(errno.EACCES, "denied", "/closed/.state"), Exit.FAILED, "another folder"),
        (OSError(errno.EROFS, "read-only", "/closed/.state"), Exit.FAILED, "another folder"),
        (OSError(errno.ENOSPC, "full", "/full/.state"), Exit.FAILED, "make room"),
        (ScheduleUnavailable(), Exit.UNREACHABLE, "doctor"),
        (Failure(Exit.GAVE_UP, "enough", hint="x"), Exit.GAVE_UP, "x"),
    ],
)
def test_what_can_go_wrong_has_an_exit_code(error: Exception, how: Exit, hint: str) -> None:
    failure = failure_of(error)

    assert failure is not None
    assert (failure.how, hint in failure.hint) == (how, True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_file_that_cannot_be_written_is_named(number: int) -> None:
    failure = failure_of(OSError(number, os.strerror(number), "/closed/.state"))

    assert failure is not None
    assert f"write /closed/.state: {os.strerror(number)}" in failure.message


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("desk --listen [::zz]:80", 1, "cannot listen on [::zz]:80: "),
        ("desk --listen 192.0.2.1:80", 1, "cannot listen on 192.0.2.1:80: Cannot assign"),
        ("desk --listen a..b:80", 2, "--listen the host is no name"),
        ("simulate-provider --allow-remote --listen a..b:80", 2, "listen: the host is no name"),
        ("simulate-provider --allow-remote --listen [::zz]:80", 1, "cannot listen on [::zz]:80: "),
        ("dev", 1, "cannot read or write "),
        ("demo", 1, "cannot read or write "),
        ("run --embedded", 1, "cannot read or write "),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    nothing_around: Path, command: str, code: int, says: str
) -> None:
    (nothing_around / ".state").touch()  # No folder of that name can be made, not even by root.

    done = worker(*command.split())

    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert len([line for line in done.stderr.splitlines() if says in line]) == 1


@pytest.mark.parametrize("bug", [KeyError("x"), OSError(errno.EIO, "x")])
def test_a_bug_is_not_hidden_behind_an_exit_code(bug: Exception) -> None:
    assert failure_of(bug) is None


def test_a_failure_is_told_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    report(Failure(Exit.FAILED, "no", hint="yes"), as_json=False)

    assert capsys.readouterr() == ("", "activation-worker: no\n  try: yes\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_closed_is_nowhere(closed: str) -> None:
    code = f"exec {shlex.quote(sys.executable)} -m worker policy list {closed}"

    ended = subprocess.run(
        ["sh", "-c", code], capture_output=True, text=True, check=False, cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("POLICY" in ended.stdout) is (closed in ("<&-", "2>&-"))


def test_completion_is_offered(cli: Cli) -> None:
    assert "--show-completion" in cli("--help").stdout
    assert app.info.epilog == IN_HELP


def test_on_a_terminal_the_window_is_drawn_and_nothing_is_left_of_it(daemon: FakeDaemon) -> None:
    id_ = daemon.add(activation(1))
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "watch", id_, "--url", daemon.url],
        env={"PATH": os.environ["PATH"], "AW_TOKEN": OPERATE, "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    os.close(theirs)
    drawn = read_to_end(ours)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, said.startswith("refunded: ")) == (0, True)
    assert "refunded  " + "█" * 20 in drawn
    assert drawn.count("back.") == 1


def read_to_end(terminal: int) -> str:
    read = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the other side is closed.
        while chunk := os.read(terminal, 65_536):
            read += chunk
    os.close(terminal)
    return read.decode()


@pytest.mark.parametrize("args", [["watch", "\udcff"], ["account", "show", "a\udcff"]])
def test_an_argument_that_is_no_utf8_is_a_wrong_command_line(
    cli: Cli, daemon: FakeDaemon, args: list[str]
) -> None:
    result = cli(*args, "--url", daemon.url, env={"AW_TOKEN": OPERATE})

    assert (result.exit_code, "is not UTF-8" in result.stderr) == (2, True)


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "worker", "policy", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )

    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert "cannot write: No space left on device" in done.stderr


ASCII = {"PYTHONIOENCODING": "ascii"}
ASCII_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("where", [ASCII, ASCII_LOCALE], ids=["stream", "locale"])
@pytest.mark.parametrize("args", [["--help"], ["decide", "--help"], ["docs", "api"]])
def test_what_a_terminal_cannot_show_is_escaped(args: list[str], where: dict[str, str]) -> None:
    done = worker(*args, **where)

    assert (done.returncode, done.stderr) == (0, "")
    assert (done.stdout.isascii(), "\\u" in done.stdout) == (True, True)


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
def test_data_is_written_to_a_stream_that_takes_ascii_alone(daemon: FakeDaemon, form: str) -> None:
    daemon.add(activation(1, account="Zoë 😀"))
    done = worker("list", "--url", daemon.url, "-o", form, AW_TOKEN=OPERATE, **ASCII)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Zo\\u00eb \\ud83d\\ude00" in done.stdout
    if form == "json":
        assert json.loads(done.stdout)["items"][0]["account"] == "Zoë 😀"


def test_an_error_in_json_is_json_where_stderr_takes_ascii_alone(daemon: FakeDaemon) -> None:
    done = worker("show", "é", "--url", daemon.url, "-o", "json", AW_TOKEN=OPERATE, **ASCII)

    assert (done.returncode, json.loads(done.stderr)["error"]["message"]) == (1, "no number fits é")


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_an_instant_that_utc_cannot_write_is_a_wrong_command_line(cli: Cli, since: str) -> None:
    file = str(ROOT / "config/policies/P1.toml")

    result = cli("policy", "replay", "P1", "--with", file, "--since", since)

    assert (result.exit_code, "--since: " in result.stderr) == (2, True)


@pytest.mark.parametrize("act", ["show", "open", "note"])
def test_an_account_without_a_name_is_a_wrong_command_line(
    cli: Cli, daemon: FakeDaemon, act: str
) -> None:
    more = ["text"] if act == "note" else []

    result = cli("account", act, "", *more, "--url", daemon.url, env={"AW_TOKEN": OPERATE})

    assert (result.exit_code, "account list" in result.stderr) == (2, True)
