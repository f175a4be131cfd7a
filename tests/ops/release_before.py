"""The code of the version before, out of the repository's history."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from worker.adapters.store import migrate

ROOT = Path(__file__).parents[2]
VERSIONS = Path(migrate.__file__).parent / "migrations/versions"
GIT_SECONDS = 60
#: The last revision of the version before: it was released, and what came after it was not.
BEFORE = "0023"


class NoHistory(Exception):
    """Why that code cannot be had, for the reason of a skip."""


def unpack_release_before(folder: Path) -> str:
    """Put its `worker` and `config` into *folder*; its commit. Raises `NoHistory`."""
    versions = VERSIONS.relative_to(ROOT)
    # Also where it got its number in a merge; the oldest, whatever it was called at first.
    how = ("--first-parent", "-m", "--no-renames", "--diff-filter=A")
    after = f"{int(BEFORE) + 1:04}"
    added = _git("log", *how, "--format=%H", "--", f"{versions}/{after}_*.py").decode().split()
    if not added:
        raise NoHistory(f"{after} is not committed yet")
    before = f"{added[-1]}~1"
    packed = _git("archive", before, "worker", "config")
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return before


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise NoHistory("there is no git") from None
    if done.returncode:
        raise NoHistory(done.stderr.decode(errors="replace").strip()[-200:])
    return done.stdout
