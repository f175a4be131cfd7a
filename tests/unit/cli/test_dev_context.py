"""Beside a `dev` every command in its folder finds what it needs, unless it is told otherwise."""

import json
import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli, a_dev
from tests.unit.cli.fake_daemon import FakeDaemon, activation
from worker.settings import dev_context

pytestmark = pytest.mark.usefixtures("nothing_around")


def test_the_file_is_for_its_owner_alone(nothing_around: Path) -> None:
    assert stat.S_IMODE(a_dev(nothing_around).stat().st_mode) == 0o600


def test_a_command_below_the_folder_of_a_dev_asks_that_one_and_says_so(
    cli: Cli, daemon: FakeDaemon, nothing_around: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.add(activation(1))
    file = a_dev(nothing_around, daemon.url)
    (nothing_around / "shop/src").mkdir(parents=True)
    monkeypatch.chdir(nothing_around / "shop/src")

    result = cli("list")

    assert (result.exit_code, f"using the `dev` of {file}" in result.stderr) == (0, True)
    assert activation(1)["id"] in result.stdout


def test_a_context_elsewhere_is_named_by_the_environment(
    cli: Cli, daemon: FakeDaemon, nothing_around: Path
) -> None:
    file = a_dev(nothing_around / "elsewhere", daemon.url)

    assert cli("list", env={"AW_CONTEXT": str(file)}).exit_code == 0


def test_the_database_and_redis_are_those_of_dev(cli: Cli, nothing_around: Path) -> None:
    a_dev(nothing_around)

    shown = json.loads(cli("check-config", "--show-effective", "-o", "json").stdout)

    values = {each["key"]: each["value"] for each in shown["settings"]}
    assert "/nowhere" in values["database.url"]
    assert "/nowhere/valkey" in values["redis.url"]
    assert values["api.listen"] == "127.0.0.1:1"


@pytest.mark.parametrize(
    ("args", "env"),
    [
        ((), {"AW_DATABASE__URL": "postgresql://h/production"}),
        ((), {"AW_REDIS__URL": "redis://h"}),
        (("--config", "mine.toml"), {}),
        ((), {"AW_CONFIG": "mine.toml"}),
    ],
)
def test_who_says_where_things_are_is_believed(
    cli: Cli, nothing_around: Path, args: tuple[str, ...], env: dict[str, str]
) -> None:
    a_dev(nothing_around)
    (nothing_around / "mine.toml").write_text("")

    result = cli("check-config", "--show-effective", *args, env=env)

    assert (result.exit_code, "/nowhere" in result.stdout + result.stderr) == (0, False)


def test_the_token_of_dev_goes_to_no_other_machine(cli: Cli, nothing_around: Path) -> None:
    a_dev(nothing_around)

    result = cli("list", "--url", "http://shop.invalid")

    assert result.exit_code == 5
    assert "token" not in result.stdout


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_touch_is_not_believed(
    cli: Cli, daemon: FakeDaemon, nothing_around: Path, mode: int
) -> None:
    file = a_dev(nothing_around, daemon.url)
    file.chmod(mode)

    assert "using" not in cli("list").stderr
    named = cli("list", env={"AW_CONTEXT": str(file)})
    assert (named.exit_code, "mode 0600" in named.stderr) == (78, True)
    assert daemon.calls == []


def test_a_file_that_is_named_and_is_not_there_is_told_so(cli: Cli, tmp_path: Path) -> None:
    named = cli("list", env={"AW_CONTEXT": str(tmp_path / "none.json")})

    assert (named.exit_code, "is not there" in named.stderr) == (78, True)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"api_url": 1}', "null"])
def test_a_file_that_no_dev_wrote_is_an_error_that_names_it(
    cli: Cli, nothing_around: Path, content: str
) -> None:
    file = a_dev(nothing_around)
    file.write_text(content)

    result = cli("list")

    assert (result.exit_code, str(dev_context.PLACE) in result.stderr) == (78, True)
