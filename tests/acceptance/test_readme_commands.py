"""The README's commands, as a newcomer types them: `dev` in one terminal, the rest in another."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.world import Process, spawn, until
from tests.tidy.test_readme import commands

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

OTHER_TERMINAL = [one.split()[1:] for one in commands() if one.startswith("activation-worker ")][1:]


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Process]:
    """`dev`, on ports of its own: others may use the default ones now."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AW_API__LISTEN": "127.0.0.1:0",
        "AW_ADMIN__LISTEN": "127.0.0.1:0",
        "PWD": str(tmp_path),
    }
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        process = spawn(["dev"], tmp_path / "dev.log", environment)
    finally:
        os.chdir(before)
    try:
        await until(lambda: process.line("activation-worker: ready") is not None, process)
        yield process
    finally:
        process.end()


def run(
    arguments: list[str], directory: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_what_the_readme_says_to_try_works(dev: Process, tmp_path: Path) -> None:
    line = dev.line("activation-worker: api")
    assert line is not None
    token = (tmp_path / ".state/dev/token").read_text()
    environment = {**os.environ, "AW_URL": line.split()[-1], "AW_TOKEN": token}

    for arguments in OTHER_TERMINAL:
        done = await asyncio.to_thread(run, arguments, tmp_path, environment)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"

    dev.popen.send_signal(signal.SIGINT)
    assert dev.popen.wait(timeout=60) == 130
