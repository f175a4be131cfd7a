"""Programs of Debian's packages, unpacked below `.state/`: nothing on the machine is changed.

What is on the PATH is taken as it is. Elsewhere than on Debian, and where its packages cannot be
had, the tests that need a program are skipped, and say so.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STATE = Path(__file__).parent.parent / ".state" / "debian"
TIMEOUT_S = 120


class NotToBeHadError(Exception):
    """The program is neither on the PATH nor among the packages: why, in one line."""


@dataclass(frozen=True, slots=True)
class Program:
    """An executable and what its environment needs to find its libraries."""

    path: Path
    environment: Mapping[str, str]


def program(name: str, packages: Sequence[str]) -> Program:
    """The program *name*, of the first of *packages*; the others hold its libraries.

    Raises `NotToBeHadError`. Processes that ask at once wait for the first.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is not None:
        return Program(Path(found), {})
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotToBeHadError(f"{name} is not installed, and this is no Debian")
    root = STATE / packages[0]
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "ready").exists():
            _unpack(packages, root)
    libraries = ":".join(str(path) for path in sorted(root.glob("usr/lib/*-linux-gnu")))
    for folder in ("usr/sbin", "usr/bin"):
        if (root / folder / name).exists():
            return Program(root / folder / name, {"LD_LIBRARY_PATH": libraries})
    raise NotToBeHadError(f"the package {packages[0]} holds no {name}")


def _unpack(packages: Sequence[str], root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("lists/partial", "archives/partial"):
        (root / folder).mkdir(parents=True)
    apt = [
        *("apt-get", "-q", "-o", f"Dir::State::lists={root / 'lists'}", "-o", f"Dir::Cache={root}"),
        *("-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"),
    ]
    _run([*apt, "update"], root)
    _run([*apt, "download", *packages], root)
    for archive in sorted(root.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(archive), str(root)], root)
        archive.unlink()
    shutil.rmtree(root / "lists")
    (root / "ready").touch()


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotToBeHadError(f"{command[0]} failed: {last}")
