"""Environments of their own, for what must never meet our packages; built below .state.

Of Python, or of Node where npm is there; all that is in one is pinned by a lock file with hashes.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NPM: Final = shutil.which("npm")
#: Set where Node must be there, so that its absence is a failure.
NODE_REQUIRED: Final = "NODE_REQUIRED"
#: Compilers that a package wants beside it are left out.
NPM_OPTIONS: Final = (
    *("--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"),
    *("--legacy-peer-deps", "--prefer-offline"),
)


async def python_of(locked: Path, state: Path) -> Path:
    """The interpreter of the environment that *locked* pins; built when that file is new.

    What there is no wheel of is in a file beside it, and is built with the rest.
    """
    source = locked.with_suffix(".source.txt")
    locks = [locked, source] if source.exists() else [locked]
    folder = state / locked.stem
    python = folder / "venv" / "bin" / "python"
    with _once(folder, locks, sys.version) as is_new:
        if is_new:
            # Our own pip installs there: a copy of it would take longer than all the rest.
            await asyncio.to_thread(venv.create, folder / "venv", clear=True)
            pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
            install = (*pip, "--python", python, "install", "--require-hashes", "--no-deps")
            for lock in locks:
                await run(*install, "--no-compile", "--no-build-isolation", "-r", lock)
    return python


async def node_modules_of(locked: Path, state: Path) -> Path:
    """Where Node finds what the package.json and its lock in the folder *locked* pin."""
    locks = [locked / each for each in ("package.json", "package-lock.json")]
    folder = state / locked.name
    with _once(folder, locks, "npm") as is_new:
        if is_new:
            for lock in locks:
                shutil.copy(lock, folder)
            assert NPM is not None
            await run(NPM, "ci", *NPM_OPTIONS, cwd=folder)
    return folder / "node_modules"


@contextmanager
def _once(folder: Path, locks: Sequence[Path], tool: str) -> Iterator[bool]:
    """Whether the environment has to be built; noted as built where the block ends well."""
    pinned = b"".join(lock.read_bytes() for lock in locks)
    wanted = hashlib.sha256(pinned + tool.encode()).hexdigest()
    built = folder / "built"
    with alone(folder):
        is_new = not built.exists() or built.read_text() != wanted
        yield is_new
        if is_new:
            built.write_text(wanted)


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


async def run(
    *command: str | Path, cwd: Path | None = None, more: Mapping[str, str] | None = None
) -> str:
    """What *command* prints. Raises AssertionError, with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=without_ours() | dict(more or {}),
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    return out.decode()
