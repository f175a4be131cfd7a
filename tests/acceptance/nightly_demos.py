"""`demo --family F`: the mixed crowd and its outage at every family's simulated provider.

Runs in `make nightly`: one after the other, each for the better part of a minute.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from worker.domain.families import every_dialect

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("family", "dialect"), list(every_dialect()))
def test_every_number_ends_as_it_must(family: str, dialect: str) -> None:
    command = [sys.executable, "-m", "worker", "demo", "--numbers", "60", "--family", family]
    command += ["--dialect", dialect] if dialect else []
    with TemporaryDirectory(prefix="aw-") as home:  # Short: a socket's path must fit.
        Path(home).chmod(0o755)
        done = subprocess.run(
            command,
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
