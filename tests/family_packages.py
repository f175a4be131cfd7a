"""Packages that bring a provider family: written to a folder, seen as if installed."""

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker.domain import families

PAGE: Final = Path(__file__).parents[1] / "worker/docs/providers.md"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The blocks of the page, in their order: the package's files, then how its tests are run.
_FILES: Final = (
    "pyproject.toml",
    "pigeon_provider/__init__.py",
    "pigeon_provider/face.py",
    "test_pigeon.py",
)


def example() -> tuple[dict[str, str], str]:
    """The files of the page's package, and the command that tests it."""
    *files, command = [text for _, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    return dict(zip(_FILES, files, strict=True)), command


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@contextmanager
def installed(folder: Path, files: Mapping[str, str], **entries: str) -> Iterator[None]:
    """The modules in *folder*, and their *entries*: the family's name, and what it points to."""
    lines = [f"{family} = {points_to}" for family, points_to in entries.items()]
    info = f"{folder.name.replace('-', '_')}_family-1.0.0.dist-info"
    told = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: wild-family\nVersion: 1.0.0\n",
        f"{info}/entry_points.txt": "\n".join([f"[{families.ENTRY_POINTS}]", *lines, ""]),
    }
    written(folder, {**files, **told})
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    _look_again()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
        _look_again()


def _look_again() -> None:
    """What is installed is read once in a process."""
    importlib.invalidate_caches()
    families.registered.cache_clear()
    families.family_package.cache_clear()
