"""What `ls` shows is what there is: short modules with a first sentence, at their places."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
MODULE_MAX: Final = 400
TEST_MODULE_MAX: Final = 500  #: A suite reads top to bottom, and splitting one hides its order.
FUNCTION_MAX: Final = 50

TOP_FOLDERS: Final = {"worker", "config", "deploy", "tests"}
TOP_FILES: Final = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements-build.txt",
    "requirements-demo.txt",
    "requirements-dev.txt",
    "requirements.txt",
}
#: Names that say nothing, so that anything ends up there.
NAMELESS: Final = {"base", "common", "helper", "helpers", "misc", "util", "utils"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def tracked() -> list[Path]:
    """Every file of the project: known to git, or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [Path(name) for name in listing.stdout.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def lines_of(module: Path) -> int:
    return len(module.read_text().splitlines())


def test_modules_are_short() -> None:
    limits = {"worker": MODULE_MAX, "deploy": MODULE_MAX, "tests": TEST_MODULE_MAX}

    long = {
        str(module.relative_to(ROOT)): lines
        for folder, limit in limits.items()
        for module in modules(folder)
        if (lines := lines_of(module)) > limit
    }

    assert long == {}


def test_functions_are_short() -> None:
    """From the first statement on: a command's signature is its options, one a line."""
    long = {
        f"{module.relative_to(ROOT)}:{node.name}": lines
        for module in modules("worker", "tests")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, Function)
        and (lines := (node.end_lineno or 0) - node.body[0].lineno + 1) > FUNCTION_MAX
    }

    assert long == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(module.relative_to(ROOT))
        for module in modules("worker", "deploy", "tests")
        if not ast.get_docstring(ast.parse(module.read_text()))
    ]

    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [path for path in tracked() if NAMELESS & {*path.parent.parts, path.stem}]

    assert named == []


def test_the_top_level_holds_nothing_else() -> None:
    top = {path.parts[0]: len(path.parts) > 1 for path in tracked()}

    strange = [
        name
        for name, is_folder in top.items()
        if not name.startswith(".") and name not in (TOP_FOLDERS if is_folder else TOP_FILES)
    ]

    assert strange == []
