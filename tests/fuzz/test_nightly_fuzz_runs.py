"""The nightly fuzzing runs, and says so where something is wrong: here with few replies."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.adapters import ADAPTERS
from tests.fuzz.nightly import STATE

ROOT = Path(__file__).parents[2]
REPLIES = 3_900
PYTHON = STATE / "venv" / "bin" / "python"

# They share the environment that make builds: a file's tests are run by one process, one by one.
pytestmark = [pytest.mark.nightly, pytest.mark.acceptance, pytest.mark.timeout(600)]


def ran(*command: str | Path, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def make(target: str, options: str = "") -> "subprocess.CompletedProcess[str]":
    quietly = ("make", "--no-print-directory")
    return ran(*quietly, target, f"PYTHON={sys.executable}", f"OPTIONS={options}")


def test_every_adapter_reads_its_share(tmp_path: Path) -> None:
    done = make("fuzz", f"--replies {REPLIES} --state {tmp_path}")

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(ADAPTERS)
    assert int(lines[-1].split()[0].replace(",", "")) >= REPLIES


def test_what_it_finds_is_kept_and_can_be_asked_again(tmp_path: Path) -> None:
    """With adapters that take a redirect for an answer."""
    assert make(str(STATE.relative_to(ROOT) / ".ready")).returncode == 0
    broken = broken_copy(tmp_path / "broken")
    nightly = (PYTHON, "-m", "tests.fuzz.nightly")
    few = ("--adapter", "smsman", "--replies", "20000")

    done = ran(*nightly, *few, "--state", tmp_path / "state", cwd=broken)

    assert done.returncode == 1, done.stdout + done.stderr
    (found,) = (tmp_path / "state" / "found").iterdir()
    assert f"found {found}" in done.stdout
    assert ran(*nightly, "--reproduce", found, cwd=broken).returncode == 1
    assert ran(*nightly, "--reproduce", found).returncode == 0


def broken_copy(to: Path) -> Path:
    for folder in ("worker", "tests/fuzz", "tests/golden"):
        shutil.copytree(ROOT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"))
    reply = to / "worker" / "adapters" / "providers" / "reply.py"
    whole = reply.read_text()
    reply.write_text(whole.replace("200 <= self.status < 300", "200 <= self.status < 400"))
    assert reply.read_text() != whole
    return to
