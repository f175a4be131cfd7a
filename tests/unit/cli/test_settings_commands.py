"""`check-config`: what is in effect, where it came from, and what is wrong."""

import json
import os
from pathlib import Path

import orjson
import pytest

from tests.unit.cli.conftest import Cli

CANARIES = {
    "AW_DATABASE__URL": "postgresql://u:hidden@h/db",
    "AW_API__TOKENS": "shop:operate:hidden-hidden-hidden-01",
}
TOML = """
[providers.hero]
family = "handler_api"
base_url = "https://provider.example"
api_key = "hidden"
poll_seconds = 1.5
"""


@pytest.fixture
def file(nothing_around: Path) -> str:
    (nothing_around / "mine.toml").write_text(TOML)
    return "mine.toml"


def test_a_good_configuration_is_said_to_be_one(cli: Cli, file: str) -> None:
    result = cli("check-config", "--config", file)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "warning: api.tokens: none are set" in result.stderr
    assert "mine.toml is valid" in result.stderr


def test_what_is_in_effect_is_shown_with_its_source(cli: Cli, file: str) -> None:
    result = cli("check-config", "--config", file, "--show-effective", env=CANARIES)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert 'database.url = "postgresql://u:********@h/db" # AW_DATABASE__URL' in lines
    assert 'api.tokens = ["shop:operate:********"] # AW_API__TOKENS' in lines
    assert "providers.hero.poll_seconds = 1.5 # mine.toml" in lines
    assert "defaults.window_seconds = 1200 # default" in lines
    assert 'events.url = "" # default' in lines
    assert "log.access = true # default" in lines
    assert "hidden" not in result.output


def test_the_file_may_be_named_in_the_environment(cli: Cli, file: str) -> None:
    result = cli("check-config", env={"AW_CONFIG": file})

    assert (result.exit_code, "mine.toml is valid" in result.stderr) == (0, True)


def test_programs_get_a_document(cli: Cli, file: str) -> None:
    result = cli("check-config", "--config", file, "--show-effective", "-o", "json", env=CANARIES)

    document = json.loads(result.stdout)
    assert (document["valid"], document["config_file"], document["warnings"]) == (True, file, [])
    assert {"key": "providers.hero.poll_seconds", "value": 1.5, "source": file} in document[
        "settings"
    ]
    assert "hidden" not in result.output


def test_programs_get_one_setting_a_line(cli: Cli, file: str) -> None:
    result = cli("check-config", "--config", file, "--show-effective", "-o", "ndjson")

    keys = [json.loads(line)["key"] for line in result.stdout.splitlines()]
    assert (keys[0], "providers.hero.family" in keys) == ("database.url", True)


def test_problems_are_json_where_json_was_asked_for(cli: Cli) -> None:
    result = cli("check-config", "-o", "json", env={"AW_NOPE": "hidden"})

    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, result.stdout, error["code"]) == (78, "", "bad-configuration")
    assert "AW_NOPE" in error["message"]
    assert "hidden" not in result.stderr


@pytest.fixture
def raw(nothing_around: Path) -> str:
    """A folder with a configuration, by a name that is not UTF-8."""
    folder = os.fsdecode(b"\xff")
    (nothing_around / folder).mkdir()
    (nothing_around / folder / "mine.toml").write_text(TOML)
    return folder


@pytest.mark.parametrize("form", [("json",), ("json", "--show-effective")])
def test_the_path_of_a_good_configuration_may_be_no_text(
    cli: Cli, raw: str, form: tuple[str, ...]
) -> None:
    result = cli("check-config", "--config", f"{raw}/mine.toml", "-o", *form)

    assert (result.exit_code, result.stderr) == (0, "")
    assert orjson.loads(result.stdout)["config_file"] == "?/mine.toml"


def test_a_setting_from_such_a_path_is_one_line(cli: Cli, raw: str) -> None:
    args = ("check-config", "--config", f"{raw}/mine.toml", "--show-effective", "-o", "ndjson")

    sources = {orjson.loads(line)["source"] for line in cli(*args).stdout.splitlines()}

    assert sources == {"default", "?/mine.toml"}


@pytest.mark.parametrize("command", ["check-config", "doctor", "list"])
def test_a_missing_file_of_such_a_path_is_one_line_of_json(
    cli: Cli, raw: str, command: str
) -> None:
    result = cli(command, "--config", f"{raw}/nowhere.toml", "-o", "json")

    error = orjson.loads(result.stderr)["error"]
    assert (result.exit_code, result.stdout, error["code"]) == (78, "", "bad-configuration")
    assert "?/nowhere.toml: there is no" in error["message"]


@pytest.mark.parametrize("command", ["run", "dev", "migrate", "audit", "doctor", "timers", "list"])
def test_no_command_starts_with_a_bad_configuration(cli: Cli, command: str) -> None:
    assert cli(command, env={"AW_NOPE": "1"}).exit_code == 78


def test_a_file_that_is_not_there_is_bad_configuration(cli: Cli) -> None:
    result = cli("check-config", "--config", "nowhere.toml")

    assert (result.exit_code, "nowhere.toml" in result.stderr) == (78, True)


def test_keys_of_policies_that_decide_nothing_are_problems(cli: Cli, nothing_around: Path) -> None:
    directory = nothing_around / "policies"
    directory.mkdir()
    (directory / "default.toml").write_text('[cancel]\nlate = "deny"\n')
    (directory / "shop.toml").write_text("[outage]\nrefund_cap_months = 1\n")

    result = cli("check-config", env={"AW_POLICIES__DIRECTORY": str(directory)})

    assert result.exit_code == 78
    assert "default.toml:2: cancel.late: decides nothing" in result.stderr
    assert "shop.toml:2: outage.refund_cap_months: decides nothing" in result.stderr


def test_a_socket_is_shown_as_it_is_written(cli: Cli, file: str) -> None:
    env = {"AW_REDIS__URL": "unix:///run/valkey.sock?password=hidden"}

    result = cli("check-config", "--config", file, "--show-effective", env=env)

    assert '"unix:///run/valkey.sock?password=********"' in result.stdout
