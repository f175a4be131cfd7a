"""Virtual environments of their own, for what must never meet our packages; built below .state."""

import asyncio
import fcntl
import hashlib
import os
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


async def python_of(locked: Path, state: Path) -> Path:
    """The interpreter of the environment that *locked* pins; built when that file is new."""
    wanted = _pins_and_python(locked)
    folder = state / locked.stem
    python = folder / "venv" / "bin" / "python"
    built = folder / "built"
    with alone(folder):
        if not built.exists() or built.read_text() != wanted:
            await asyncio.to_thread(venv.create, folder / "venv", clear=True, with_pip=True)
            install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            await run(python, *install, "--require-hashes", "--no-deps", "-r", locked)
            built.write_text(wanted)
    return python


def _pins_and_python(locked: Path) -> str:
    return hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process builds an environment."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def without_ours() -> dict[str, str]:
    """The environment of a process that must not find our packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


async def run(*command: str | Path) -> str:
    """What *command* prints. Raises AssertionError, with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=without_ours(),
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    return out.decode()
