"""`docs`: the guides that ship with the package."""

from importlib import resources
from typing import Annotated, Final

import typer

from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.output import write_line

FOLDER: Final = resources.files("worker") / "docs"


def docs(
    page: Annotated[str | None, typer.Argument(help="Its name; without one: a list.")] = None,
) -> None:
    """Print a guide, or list all of them."""
    pages = {
        file.name.removesuffix(".md"): file
        for file in sorted(FOLDER.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".md") or file.name == "shop.py"
    }
    if page is None:
        for name, file in pages.items():
            first = next(line for line in file.read_text(encoding="utf-8").splitlines() if line)
            write_line(f"{name:10} {first.strip('# ').strip(chr(34))}")
        return
    if page not in pages:
        raise Failure(Exit.USAGE, f"there is no page {page}", hint=f"one of {', '.join(pages)}")
    write_line(pages[page].read_text(encoding="utf-8").rstrip("\n"))
