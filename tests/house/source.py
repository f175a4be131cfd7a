"""The source that `make house` measures: every module of `worker`, parsed once."""

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
#: What a person writes or reads; a generated board is text too.
TEXT_ENDS: Final = {".py", ".sql", ".toml", ".md", ".json", ".yaml", ".yml", ".lua", ".example"}

#: What a command writes from something else counts there, and nobody reads it to change it.
WRITTEN_BY_COMMAND: Final = Path("worker/client/calls")

PAGES: Final = Path("worker/docs")  #: The small shop in there is read, and imported by nobody.

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One Python file of `worker`."""

    name: str  #: Dotted; a package is named by its folder.
    path: Path  #: Below the root.
    tree: ast.Module
    nodes: tuple[ast.AST, ...]  #: All of the tree, walked once.
    lines: int

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def room(self) -> str:
        """The package or module directly below `worker` that it belongs to."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "worker"


@dataclass(frozen=True, eq=False)
class Source:
    """A checkout."""

    root: Path

    @functools.cached_property
    def modules(self) -> Mapping[str, Module]:
        """By dotted name. Parsed when first asked for: tests are collected without it."""
        modules = {}
        for file in sorted((self.root / "worker").rglob("*.py")):
            path = file.relative_to(self.root)
            if any(map(path.is_relative_to, (WRITTEN_BY_COMMAND, PAGES))):
                continue
            text = file.read_text(encoding="utf-8")
            parts = path.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            tree = ast.parse(text)
            nodes = tuple(ast.walk(tree))
            modules[name] = Module(name, path, tree, nodes, len(text.splitlines()))
        return modules

    @property
    def lines(self) -> int:
        return sum(module.lines for module in self.modules.values())

    def sql(self) -> list[Path]:
        """Every SQL file of the worker, below the root."""
        return [path.relative_to(self.root) for path in sorted(self.root.glob("worker/**/*.sql"))]

    def read(self, path: Path) -> str:
        return (self.root / path).read_text(encoding="utf-8")


@functools.cache
def source_at(root: Path = ROOT) -> Source:
    return Source(root)


@functools.cache
def texts(root: Path, *places: str) -> Mapping[Path, str]:
    """The text files at these places, below the root; a place is a folder or a file."""
    found = {}
    for place in places:
        start = root / place
        for file in [start] if start.is_file() else sorted(start.rglob("*")):
            if file.suffix in TEXT_ENDS and "__pycache__" not in file.parts and file.is_file():
                found[file.relative_to(root)] = file.read_text(encoding="utf-8")
    return found


def classes(source: Source) -> Iterator[tuple[Module, ast.ClassDef]]:
    for module in source.modules.values():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                yield module, node


def type_aliases(source: Source) -> Iterator[tuple[Module, str, ast.expr]]:
    """Every `X: TypeAlias = …` on the first level of a module."""
    for module in source.modules.values():
        for node in module.tree.body:
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and ast.unparse(node.annotation) == "TypeAlias"
                and node.value is not None
            ):
                yield module, node.target.id, node.value


@functools.cache
def literals(module: Module) -> frozenset[str]:
    """Every text in a module."""
    return frozenset(
        node.value
        for node in module.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@functools.cache
def identifiers(module: Module) -> frozenset[str]:
    """Every name that a module defines or uses."""
    return frozenset(_names(module.nodes))


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.arg(arg=name) | ast.alias(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case _:
                pass
