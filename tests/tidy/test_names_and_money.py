"""What must stand in no tracked file, and what must never touch an amount of money."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
WORKER: Final = ROOT / "worker"

#: In pieces, so that this file is not what it looks for.
REGISTRIES: Final = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "test.py" + "pi",
    "registry.npm" + "js",
    "proxy.go" + "lang",
    "crates" + ".io",
    "rubygems" + ".org",
)
PATHS: Final = ("/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "C:" + "\\Users")
TEXT_MAX: Final = 5_000_000


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that git would keep, as text; what is no text is left out."""
    skipped = {".venv", ".state", ".git", ".hypothesis"}
    for path in sorted(ROOT.iterdir()):
        if path.name in skipped or path.name.endswith("_cache") or ".coverage" in path.name:
            continue
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in found:
            if "__pycache__" in file.parts or not file.is_file():
                continue
            if file.stat().st_size <= TEXT_MAX:
                yield file.relative_to(ROOT), file.read_text(errors="replace")


@pytest.mark.parametrize("needles", [REGISTRIES, PATHS], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_place_on_somebodys_machine(needles: tuple[str, ...]) -> None:
    found = [
        (str(path), needle)
        for path, text in texts()
        for needle in needles
        if needle in text and not _explained(needle, text)
    ]

    assert found == []


def _explained(needle: str, text: str) -> bool:
    """A path inside a container or of a service is no place on somebody's machine."""
    if needle not in PATHS:
        return False
    inside = re.findall(rf"(\S*){re.escape(needle)}", text)
    return all(before.endswith((".", "$", "}", "~", "*")) for before in inside)


def floats_near_money(tree: ast.AST) -> Iterator[int]:
    """Lines where a name ending in `_minor` meets a true division, a float, or `round`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            if any(map(is_money, sides)) and (
                isinstance(node.op, ast.Div) or any(map(is_float, sides))
            ):
                yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = itertools.chain.from_iterable(map(ast.walk, node.args))
            if node.func.id in {"float", "round"} and any(map(is_money, given)):
                yield node.lineno
        if (
            isinstance(node, ast.AnnAssign)
            and is_money(node.target)
            and "float" in ast.unparse(node.annotation)
        ):
            yield node.lineno


def is_money(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    return isinstance(name, str) and name.endswith("_minor")


def is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "float"


@pytest.mark.parametrize(
    "bad",
    ["fee_minor / 2", "row.price_minor * 0.5", "float(a_minor)", "round(x.fee_minor, 2)",
     "cost_minor: float = 0", "float(rate) * price_minor"],
)  # fmt: skip
def test_the_check_sees_a_float_near_money(bad: str) -> None:
    assert list(floats_near_money(ast.parse(bad))) != []


def test_no_float_comes_near_an_amount() -> None:
    found = [
        (str(module.relative_to(ROOT)), line)
        for module in sorted(WORKER.rglob("*.py"))
        for line in floats_near_money(ast.parse(module.read_text()))
    ]

    assert found == []
