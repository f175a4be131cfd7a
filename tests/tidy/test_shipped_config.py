"""What ships beside the code: all of `config/` and the pages, never somebody's provider file."""

import tomllib
from typing import Final

from hatchling.builders.wheel import WheelBuilder

from tests.ops.queries import DEPLOY, ROOT

CONFIG: Final = ROOT / "config"
OWN: Final = "config/providers/*.toml"
WHEEL: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]


def ships(name: str) -> bool:
    """Whether the wheel has this file of `config/`, at its place in `worker/_config/`."""
    return any(
        (name == source or name.startswith(f"{source}/"))
        and target == source.replace("config", "worker/_config", 1)
        for source, target in WHEEL["force-include"].items()
    )


def test_a_wheel_has_the_whole_configuration() -> None:
    files = [file for file in CONFIG.rglob("*") if file.is_file() and not file.match(OWN)]

    assert len(files) > 10
    assert [str(file) for file in files if not ships(str(file.relative_to(ROOT)))] == []


def test_a_wheel_has_the_pages() -> None:
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    pages = [str(page.relative_to(ROOT)) for page in (ROOT / "worker/docs").glob("*.md")]

    assert len(pages) >= 3
    assert [page for page in pages if page not in shipped] == []


def test_a_provider_file_is_in_no_wheel_image_or_commit() -> None:
    assert not ships("config/providers/mine.toml")
    assert OWN in (ROOT / ".gitignore").read_text().splitlines()
    context = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert context.index("!config") < context.index(OWN)  # The last one that fits counts.
