"""The README's commands, as a newcomer types them: `dev` in one terminal, the rest in another."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.world import Process, spawn, until
from tests.tidy.test_readme import commands
from worker.settings.dev_context import PLACE

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

#: What else finds the servers, the daemon and the token of a `dev` by itself.
BESIDE_IT = [["audit"], ["timers"], ["doctor"], ["provider", "report", "sim"], ["events", "list"]]
OTHER_TERMINAL = [one.split()[1:] for one in commands() if one.startswith("activation-worker ")][1:]


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Process]:
    """`dev`, on ports of its own: others may use the default ones now."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AW_API__LISTEN": "127.0.0.1:0",
        "AW_ADMIN__LISTEN": "127.0.0.1:0",
        "AW_DESK__LISTEN": "127.0.0.1:0",
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


def page_of(url: str) -> str:
    with urllib.request.urlopen(url) as response:
        text: str = response.read().decode()
    return text


async def test_what_the_readme_says_to_try_works(dev: Process, tmp_path: Path) -> None:
    deeper = tmp_path / "shop/src"
    deeper.mkdir(parents=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    for arguments in [*OTHER_TERMINAL, *BESIDE_IT]:
        done = await asyncio.to_thread(run, arguments, deeper, environment)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    context = json.loads((tmp_path / PLACE).read_text())
    page = await asyncio.to_thread(page_of, f"{context['desk_url']}/try")
    assert "Sign in" in page
    said = dev.log.read_text()
    assert f"{context['desk_url']}  sign in with {context['token']}" in said
    assert "rented" in said
    assert "refunded" in said
    assert "http.request" not in said

    dev.popen.send_signal(signal.SIGINT)
    assert dev.popen.wait(timeout=60) == 130
    assert not (tmp_path / PLACE).exists()
