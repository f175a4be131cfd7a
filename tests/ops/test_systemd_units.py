"""The units: as closed as promised, valid to systemd, and fitting the worker they start."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from tests.debian_package import NotToBeHad, unpacked
from tests.ops.conftest import STATE, tool
from tests.ops.queries import DEPLOY
from worker.entrypoints.cli.app import app
from worker.entrypoints.cli.exit_codes import Exit
from worker.settings import load_settings
from worker.settings.model import COMMAND_LINE_NAMES, Settings, is_known, path_of

UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
DAEMON: Final = DEPLOY / "systemd/activation-worker.service"
PROGRAM: Final = "/opt/activation-worker/.venv/bin/activation-worker"
DESK: Final = DEPLOY / "systemd/activation-worker-desk.service"
EXPOSURE_MAX: Final = 20  #: In tenths, as systemd-analyze counts it.


class Unit:
    """The settings of a unit file; one that is there several times has several values."""

    def __init__(self, path: Path) -> None:
        self.settings: dict[str, list[str]] = {}
        section = ""
        for line in path.read_text().split("\n"):
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                self.settings.setdefault(f"{section}.{name}", []).append(value)

    def __getitem__(self, name: str) -> str:
        [value] = self.settings[f"Service.{name}"]
        return value

    def commands(self) -> list[str]:
        return [
            value
            for name in ("Service.ExecStartPre", "Service.ExecStart")
            for value in self.settings.get(name, [])
        ]

    def sandbox(self) -> dict[str, list[str]]:
        """All that shuts the service in, from the first such setting on."""
        names = list(self.settings)
        begins = names.index("Service.DynamicUser")
        return {n: self.settings[n] for n in names[begins:] if n.startswith("Service.")}


@pytest.fixture(scope="session")
def systemd_analyze() -> tuple[str, dict[str, str]]:
    """The program and the environment it runs in."""
    program = tool("systemd-analyze", "systemd")
    if not program.is_relative_to(STATE):
        return str(program), dict(os.environ)
    try:
        libraries = unpacked("libsystemd-shared", STATE)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    found = next(libraries.rglob("libsystemd-shared-*.so"))
    return str(program), {**os.environ, "LD_LIBRARY_PATH": str(found.parent)}


def run(analyze: tuple[str, dict[str, str]], *arguments: str | Path) -> str:
    program, environment = analyze
    done = subprocess.run(
        [program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_a_unit_exposes_as_little_as_promised(
    systemd_analyze: tuple[str, dict[str, str]], unit: Path
) -> None:
    said = run(
        systemd_analyze,
        *("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager"),
        unit,
    )

    [exposure] = re.findall(r"exposure level for \S+: ([\d.]+) OK", said)
    [promised] = re.findall(r"exposure ([\d.]+) of 10", (DEPLOY / "README.md").read_text())
    assert float(exposure) <= float(promised)


def test_systemd_finds_nothing_wrong_with_the_units(
    systemd_analyze: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    ours = Path(sys.executable).with_name("activation-worker")
    installed = []
    for unit in UNITS:
        installed.append(tmp_path / unit.name)
        installed[-1].write_text(unit.read_text().replace(PROGRAM, str(ours)))

    assert run(systemd_analyze, "verify", "--man=no", *installed) == ""


def test_the_unit_that_migrates_may_have_a_login_of_its_own(
    systemd_analyze: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    readme = (DEPLOY / "README.md").read_text()
    [block] = re.findall(r"   ```ini\n(.*?)   ```", readme, re.DOTALL)
    ours = Path(sys.executable).with_name("activation-worker")
    unit = tmp_path / "activation-worker-migrate.service"
    unit.write_text((DEPLOY / "systemd" / unit.name).read_text().replace(PROGRAM, str(ours)))
    override = tmp_path / f"{unit.name}.d/override.conf"
    override.parent.mkdir()
    override.write_text(block.replace("   ", ""))
    for name, login in (("aw_database__url", "runs"), ("migrate_url", "migrates")):
        (tmp_path / name).write_text(f"postgresql://{login}@db/shop")
        (tmp_path / name).chmod(0o600)
    [told] = re.findall(r"Environment=(\S+)", block)
    name, _, file = told.partition("=")

    assert run(systemd_analyze, "verify", "--man=no", unit) == ""
    given = {name: file.replace("%d", str(tmp_path)), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    url = load_settings(None, environ=given).database.url
    assert url is not None
    assert url.get_secret_value() == "postgresql://migrates@db/shop"


def test_all_units_run_in_the_same_sandbox() -> None:
    first, *others = [Unit(unit).sandbox() for unit in UNITS]

    assert len(first) > 20
    assert [other for other in others if other != first] == []


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_what_a_unit_starts_is_a_command_of_ours(unit: Path) -> None:
    known = get_command(app)
    assert isinstance(known, TyperGroup)
    for command in Unit(unit).commands():
        program, name = command.split()
        assert program == PROGRAM
        assert known.get_command(typer.Context(known), name) is not None


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_the_environment_of_a_unit_has_settings_only(unit: Path) -> None:
    names = [pair.partition("=")[0] for pair in Unit(unit)["Environment"].split()]

    ours = [name for name in names if name.startswith("AW_")]
    assert ours
    assert [n for n in ours if n not in COMMAND_LINE_NAMES and not is_known(path_of(n))] == []


def test_the_secrets_that_the_unit_names_are_read_from_its_credentials(tmp_path: Path) -> None:
    prefix, _, directory = Unit(DAEMON)["LoadCredential"].partition(":")
    assert directory.startswith("/etc/activation-worker/")
    [told] = re.findall(r"arrives as the credential aw_NAME: ([^.]+)\.", _prose(DAEMON))
    names = told.split(", ")
    values = {
        "database__url": "postgresql://worker:from-a-file@db/activation_worker",
        "redis__url": "redis://from-a-file:6379/0",
        "api__tokens": "shop:operate:a-token-of-enough-characters-to-be-safe",
        "events__secret": "whsec_" + "QUFB" * 11,
        "providers__hero__api_key": "key-from-a-file",
    }
    assert sorted(names) == sorted(values)
    for name in names:  # As systemd does with a directory.
        (tmp_path / f"{prefix}_{name}").write_text(values[name] + "\n")
    config = tmp_path / "worker.toml"
    config.write_text(
        '[events]\nurl = "https://shop.example/hooks"\n'
        '[providers.hero]\nfamily = "handler_api"\nbase_url = "https://hero.example"\n'
    )

    shown = subprocess.run(
        [sys.executable, "-m", "worker", "check-config", "--show-effective"],
        env={"CREDENTIALS_DIRECTORY": str(tmp_path), "AW_CONFIG": str(config), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    for name in names:
        assert f"# file {tmp_path}/{prefix}_{name}" in shown


def test_the_desk_is_given_no_secret_and_its_configuration_needs_none(tmp_path: Path) -> None:
    assert "Service.LoadCredential" not in Unit(DESK).settings
    daemons = dict(pair.split("=", 1) for pair in Unit(DAEMON)["Environment"].split())
    own = dict(pair.split("=", 1) for pair in Unit(DESK)["Environment"].split())
    # Providers beside it would be read with it, and miss their keys.
    assert Path(own["AW_CONFIG"]).parent != Path(daemons["AW_CONFIG"]).parent
    [told] = re.findall(r"```toml\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    assert f"`{own['AW_CONFIG']}`" in (DEPLOY / "README.md").read_text()
    (tmp_path / "desk.toml").write_text(told)

    settings = load_settings(tmp_path / "desk.toml", environ={})

    assert settings.desk.actor_header is not None
    assert settings.desk.behind_tls
    assert settings.providers == {}


@pytest.mark.parametrize("unit", [DAEMON, DESK], ids=name_of)
def test_a_service_says_that_it_is_ready_and_is_missed_when_it_stands_still(unit: Path) -> None:
    assert Unit(unit)["Type"] == "notify"
    assert int(Unit(unit)["WatchdogSec"]) > 0
    assert Unit(unit)["Restart"] == "on-failure"


def test_the_daemon_may_end_its_jobs_before_it_is_killed() -> None:
    assert int(Unit(DAEMON)["TimeoutStopSec"]) > Settings().worker.drain_seconds


def test_bad_configuration_is_not_tried_again_and_a_missing_database_is() -> None:
    unit = Unit(DAEMON)

    assert unit["RestartPreventExitStatus"].split() == [str(int(Exit.BAD_CONFIG))]
    assert unit["Restart"] == "on-failure"
    assert unit.settings["Unit.StartLimitIntervalSec"] == ["0"]


def test_the_journal_is_read_by_the_names_of_units() -> None:
    for page in sorted((DEPLOY / "runbooks").glob("*.md")):
        for unit in re.findall(r"journalctl -u (\S+)", page.read_text()):
            assert (DEPLOY / f"systemd/{unit}.service").exists()


def _prose(unit: Path) -> str:
    comments = [line[1:].strip() for line in unit.read_text().split("\n") if line[:1] == "#"]
    return " ".join(comments)


@pytest.mark.parametrize("unit", [DAEMON, DESK], ids=name_of)
def test_bad_configuration_ends_the_service_and_no_restart_follows(
    unit: Path, tmp_path: Path
) -> None:
    """systemd asks for the status of the main process only: a check before it is run for ever."""
    [(_, command)] = [started.split() for started in Unit(unit).commands()]
    config = tmp_path / "bad.toml"
    config.write_text('[log]\nlevel = "loud"\n')

    done = subprocess.run(
        [sys.executable, "-m", "worker", command],
        env={"AW_CONFIG": str(config), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert Unit(unit)["RestartPreventExitStatus"] == str(done.returncode) == str(Exit.BAD_CONFIG)
    assert "log.level" in done.stderr
