"""Who imports whom: rooms, arrows between them, circles, crumbs, and what imports cost in lines."""

import ast
import configparser
import functools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar

from tests.house.source import Module, Source

CRUMB_LINES: Final = 60  #: A shorter module with one importer is a crumb.

Arrow: TypeAlias = tuple[str, str]
Node = TypeVar("Node", bound=Hashable)


@functools.cache
def _imported(source_modules: frozenset[str], module: Module) -> frozenset[str]:
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in source_modules else node.module)
    return frozenset(found & source_modules)


def imports(source: Source) -> Mapping[str, frozenset[str]]:
    """For each module, the modules of `worker` that it imports, at its top or inside a function."""
    known = frozenset(source.modules)
    return {name: _imported(known, module) for name, module in source.modules.items()}


def import_lines(source: Source) -> int:
    """Lines that belong to an import statement."""
    return sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in source.modules.values()
        for node in module.nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def crumbs(source: Source) -> list[str]:
    """Modules below `CRUMB_LINES` lines that one other module imports."""
    importers: dict[str, set[str]] = defaultdict(set)
    for importer, imported in imports(source).items():
        for name in imported:
            importers[name].add(importer)
    return sorted(
        name
        for name, module in source.modules.items()
        if module.lines < CRUMB_LINES and not module.is_package and len(importers[name]) == 1
    )


def arrows(source: Source) -> set[Arrow]:
    """Pairs of rooms of which the first imports the second."""
    return {
        (here, there)
        for name, imported in imports(source).items()
        for other in imported
        if (here := source.modules[name].room) != (there := source.modules[other].room)
    }


def upward(source: Source) -> list[Arrow]:
    """Arrows to a room of the same layer or of a higher one, by `.importlinter`."""
    layer = {
        room: number
        for number, line in enumerate(_layers(source))
        for room in line.replace("|", " ").replace(":", " ").split()
    }
    last = len(layer)
    return sorted(
        (here, there)
        for here, there in arrows(source)
        if layer.get(here, last) >= layer.get(there, last)
    )


def _layers(source: Source) -> list[str]:
    """The layers from the top to the bottom, one line each."""
    parser = configparser.ConfigParser()
    parser.read(source.root / ".importlinter")
    for section in parser.values():
        if section.get("type") == "layers":
            return section["layers"].strip().splitlines()
    return []


def module_circles(source: Source) -> list[tuple[str, ...]]:
    return circles(imports(source))


def room_circles(source: Source) -> list[tuple[str, ...]]:
    by_room: dict[str, set[str]] = defaultdict(set)
    for here, there in arrows(source):
        by_room[here].add(there)
    return circles(by_room)


def circles(graph: Mapping[Node, Iterable[Node]]) -> list[tuple[Node, ...]]:
    """Groups of nodes that reach each other: what is left when nodes without a successor go."""
    left = {node: set(after) - {node} for node, after in graph.items()}
    for after in list(left.values()):
        for node in after:
            left.setdefault(node, set())
    while True:  # First the leaves go, then the roots: only nodes between two circles stay beside.
        leaves = {node for node, after in left.items() if not after & left.keys()}
        reached = {node for after in left.values() for node in after}
        gone = leaves | (left.keys() - reached)
        if not gone:
            break
        left = {node: after - gone for node, after in left.items() if node not in gone}
    return _groups(left)


def _groups(graph: Mapping[Node, set[Node]]) -> list[tuple[Node, ...]]:
    reach = {node: _reached(graph, node) for node in graph}
    groups = {
        frozenset(other for other in reach[node] if node in reach[other])
        for node in graph
        if node in reach[node]
    }
    return [tuple(sorted(group, key=str)) for group in groups]


def _reached(graph: Mapping[Node, set[Node]], start: Node) -> set[Node]:
    seen: set[Node] = set()
    ahead = list(graph[start])
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            ahead += graph[node]
    return seen
