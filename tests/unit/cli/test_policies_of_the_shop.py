"""`policy` and `decide` know the policies that the daemon uses, not only those that ship."""

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli
from worker.domain.shipped import config_directory

ASKED = json.dumps(
    {
        "id": 1,
        "given": {
            "op": "order_tick",
            "now": "2026-03-02T10:05:00Z",
            "purchased_at": "2026-03-02T10:00:00Z",
            "price_minor": 350,
        },
    }
)


@pytest.fixture
def policies(nothing_around: Path) -> Path:
    """The shop's: what ships, P3 with a shorter window, and one of its own."""
    directory = nothing_around / "config" / "policies"
    shutil.copytree(config_directory() / "policies", directory)
    ships = (directory / "P3.toml").read_text()
    shorter = ships.replace("sms_window_s = 1200", "sms_window_s = 60")
    for name in ("P3", "shop"):
        (directory / f"{name}.toml").write_text(shorter)
    return directory


@pytest.mark.usefixtures("policies")
def test_a_policy_beside_the_worker_is_listed_and_explained(cli: Cli) -> None:
    listed = json.loads(cli("policy", "list", "--output", "json").stdout)
    explained = json.loads(cli("policy", "explain", "shop", "--output", "json").stdout)

    assert "shop" in [row["name"] for row in listed]
    assert explained["values"]["sms.sms_window_s"] == 60


@pytest.mark.usefixtures("policies")
def test_a_changed_policy_is_explained_as_the_daemon_reads_it(cli: Cli) -> None:
    explained = json.loads(cli("policy", "explain", "P3", "--output", "json").stdout)

    assert explained["values"]["sms.sms_window_s"] == 60
    assert explained["clauses"][0]["id"] == "P3.01"


def test_a_directory_that_is_configured_is_the_one_read(cli: Cli, policies: Path) -> None:
    elsewhere = policies.rename(policies.parent / "elsewhere")
    env = {"AW_POLICIES__DIRECTORY": str(elsewhere)}

    assert "waits 1 minute" in cli("policy", "explain", "shop", env=env).stdout
    assert cli("policy", "explain", "shop").exit_code == 2


@pytest.mark.usefixtures("policies")
def test_questions_are_decided_by_the_shops_policy(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "asked.ndjson"
    file.write_text(ASKED)

    told = cli("decide", "--policy", "shop", "--input", str(file))

    assert json.loads(told.stdout)["reason"] == "no_sms_in_window"


def test_what_ships_stays_known_beside_the_policies_of_another_directory(
    cli: Cli, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "P3.toml").write_text("[sms]\nsms_window_s = 60\n")
    (own / "shop.toml").write_text("[sms]\nsms_window_s = 90\n")
    env = {"AW_POLICIES__DIRECTORY": str(own)}

    checked = cli("check-config", env=env)
    listed = json.loads(cli("policy", "list", "--output", "json", env=env).stdout)
    windows = {
        name: json.loads(cli("policy", "explain", name, "--output", "json", env=env).stdout)
        for name in ("P2", "P3", "shop")
    }

    assert checked.exit_code == 0, "the default policy is one that ships"
    assert {"P0", "P1", "P2", "P3", "P4", "default", "shop"} == {row["name"] for row in listed}
    assert [windows[name]["values"]["sms.sms_window_s"] for name in ("P3", "shop")] == [60, 90]
    assert windows["P2"]["clauses"], "with its clauses"
    assert windows["P3"]["clauses"] == [], "of the shop's own text nothing is said"


def test_a_default_policy_that_is_nowhere_is_refused_with_those_there_are(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "shop.toml").write_text("[sms]\nsms_window_s = 90\n")
    env = {"AW_POLICIES__DIRECTORY": str(tmp_path), "AW_DEFAULTS__POLICY": "shpo"}

    checked = cli("check-config", env=env)

    assert checked.exit_code == 78
    assert "shop" in checked.output
