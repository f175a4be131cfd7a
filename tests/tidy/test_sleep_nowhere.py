"""Tests own their time: those that need no server wait for nothing but each other."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
WORKER: Final = TESTS.parent / "worker"
CLOCKS: Final = {"asyncio", "time"}


def sleeps(module: Path) -> Iterator[tuple[str, int]]:
    """Calls of `time.sleep` and `asyncio.sleep`."""
    for node in ast.walk(ast.parse(module.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if node.func.attr == "sleep" and isinstance(owner, ast.Name) and owner.id in CLOCKS:
            yield module.name, node.lineno


def test_no_unit_test_sleeps() -> None:
    assert [at for module in sorted((TESTS / "unit").rglob("*.py")) for at in sleeps(module)] == []


def test_no_contract_test_sleeps() -> None:
    found = [at for module in sorted((TESTS / "contracts").rglob("*.py")) for at in sleeps(module)]

    assert found == []


def test_nothing_blocks_the_event_loop_by_sleeping() -> None:
    found = [
        (module.name, node.lineno)
        for module in sorted(WORKER.rglob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "sleep"
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
    ]

    assert found == []


def test_the_lifecycle_reads_no_clock_and_throws_no_dice() -> None:
    """Both are handed in; a step that reads its own cannot be tested at its edges."""
    own = {"now", "utcnow", "time", "monotonic", "random", "uuid4", "sleep"}
    found = [
        (module.name, ast.unparse(node))
        for folder in ("domain", "lifecycle")
        for module in sorted((WORKER / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in own
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"datetime", "time", "random", "uuid", "asyncio", "date"}
    ]

    assert found == []
