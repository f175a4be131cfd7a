"""Gets binaries out of a Debian package without installing it or touching anything of the system.

apt's own state goes to a directory of ours: no lock, list, cache or hook of the system is used for
writing, so this works as root and as anybody else. What is fetched is checked by apt's signatures.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

FETCH_SECONDS = 180


class NotToBeHad(Exception):
    """Why the package cannot be had here, for the reason of a skip."""


def unpacked(package: str, state: Path) -> Path:
    """The directory *package* is unpacked in; fetched the first time. Raises `NotToBeHad`."""
    state = state.resolve()  # apt reads a relative path as relative to its own directories.
    state.mkdir(parents=True, exist_ok=True)
    with (state / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Tests may run in several processes.
        root = state / package
        if not root.is_dir():
            _unpack(package, root, state / "apt")
        return root


def _unpack(package: str, root: Path, apt: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotToBeHad(f"{package} is not on PATH, and there is no apt to fetch it with")
    for directory in ("lists/partial", "cache/archives/partial", "none"):
        (apt / directory).mkdir(parents=True, exist_ok=True)
    half = apt / "unpacked"
    shutil.rmtree(half, ignore_errors=True)
    _run(["dpkg-deb", "--extract", str(_downloaded(package, apt)), str(half)], apt, {})
    half.rename(root)
    shutil.rmtree(apt)


def _downloaded(package: str, apt: Path) -> Path:
    # The lists the system has are enough, unless it has none or they are too old.
    try:
        return _download(package, apt, {"Dir::Cache": f"{apt}/cache"})
    except NotToBeHad:
        own = {"Dir::Cache": f"{apt}/cache", "Dir::State::lists": f"{apt}/lists"}
        _run(["apt-get", "--quiet", "update"], apt, own)
        return _download(package, apt, own)


def _download(package: str, apt: Path, options: dict[str, str]) -> Path:
    _run(["apt-get", "--quiet", "download", package], apt, options)
    found = sorted(apt.glob(f"{package}_*.deb"))
    if not found:
        raise NotToBeHad(f"apt has no package {package}")
    return found[-1]


def _run(command: list[str], apt: Path, options: dict[str, str]) -> None:
    config = _config(apt, options)
    try:
        done = subprocess.run(
            command,
            cwd=apt,
            env={**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"{' '.join(command)} took more than {FETCH_SECONDS} s") from None
    finally:
        config.unlink()
    if done.returncode:
        raise NotToBeHad(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


def _config(apt: Path, options: dict[str, str]) -> Path:
    """apt's settings for one run: how to fetch as the system says, everything else ours.

    The system's other settings are left out because they hold hooks that act on the system.
    """
    said = subprocess.run(
        ["apt-config", "dump"], capture_output=True, text=True, timeout=30, check=False
    )
    acquire = [line for line in said.stdout.splitlines() if line.startswith("Acquire::")]
    ours = {
        "Dir::Etc::parts": f"{apt}/none",
        "Acquire::Languages": "none",
        # Root would fetch as a user of apt's own, who cannot write here.
        "APT::Sandbox::User": "root",
        **options,
    }
    config = apt / "apt.conf"
    config.touch(mode=0o600)
    config.write_text("\n".join(acquire + [f'{name} "{value}";' for name, value in ours.items()]))
    return config
