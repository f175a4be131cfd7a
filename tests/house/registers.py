"""How many files a new thing of a kind touches: the files where the name of an old one stands."""

import ast
import re
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.house.names import assigned
from tests.house.source import (
    WRITTEN_BY_COMMAND,
    Module,
    Source,
    identifiers,
    literals,
    texts,
)

#: What a change to the product touches; tests and pages come on top.
PLACES: Final = ("worker", "config", "deploy", "README.md")
#: Where a metric is declared, counted and drawn; alerts and runbooks come with a need. A command
#: makes the dashboards and the reference from these: nobody touches them.
METRIC_PLACES: Final = ("worker", "deploy/grafana")
MADE_BY_COMMAND: Final = ".json"
#: A place that knows a number's fields knows these of every number; rentals and orders have others.
NUMBER: Final = ("phone", "service", "country", "price_minor")
NUMBERS_OWN: Final = ("window", "deadline_at", "deadlines", "window_seconds")

_FAMILY_ROWS: Final = re.compile(r"<!-- providers:.*?<!-- providers: end -->", re.DOTALL)
_METRIC: Final = re.compile(r"`activation_worker_(\w+)`")
_PAGES: Final = Path("worker/docs")


def _product(source: Source) -> dict[Path, str]:
    """The text files of the product without its pages and what a command writes."""
    found = texts(source.root, *PLACES)
    made = (_PAGES, WRITTEN_BY_COMMAND)
    return {path: text for path, text in found.items() if not any(map(path.is_relative_to, made))}


def families(source: Source) -> list[str]:
    """The names in the generated table of what each provider can do."""
    found: dict[str, None] = {}
    for text in texts(source.root, "README.md", "worker/docs").values():
        for table in _FAMILY_ROWS.findall(text):
            found |= dict.fromkeys(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    return list(found)


def files_of_a_family(source: Source) -> list[str]:
    """Of the family with the fewest: files whose path or text has its name."""
    product = _product(source)
    return _fewest(
        [
            str(path)
            for path, text in product.items()
            if family in str(path).lower() or family in text.lower()
        ]
        for family in families(source)
    )


def tick_kinds(source: Source) -> list[str]:
    """The kinds of tick: the names in the rows of `TICKS`, else the keys of the ticker's tables."""
    kinds: list[str] = []
    for module in source.modules.values():
        tables = dict(_constants(module))
        if "TICKS" in tables:
            return list(dict.fromkeys(_names_of_rows(module)))
        for name in ("PER_PROVIDER", "FOR_ALL"):
            value = tables.get(name)
            if isinstance(value, ast.Dict):
                kinds += [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]
    return kinds


def _names_of_rows(module: Module) -> Iterator[str]:
    """Of each `…Tick(name, …)` in a module, the name."""
    for node in module.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Tick"):
            given = {each.arg: each.value for each in node.keywords}
            name = given.get("name", node.args[0] if node.args else None)
            if isinstance(name, ast.Constant):
                yield str(name.value)


def files_of_a_tick(source: Source) -> list[str]:
    """Modules that list the kinds of tick: that name at least half of them."""
    return _listing(source, tick_kinds(source), lambda _module: True)


def metrics(source: Source) -> list[str]:
    """The names in the generated reference; short ones are words of their own, and left out."""
    text = source.read(Path("deploy/telemetry.md"))
    return [name for name in dict.fromkeys(_METRIC.findall(text)) if name.count("_") > 1]


def files_of_a_metric(source: Source) -> list[str]:
    """Of the metric in the middle: files with its name, and its place on the board."""
    found = texts(source.root, *METRIC_PLACES)
    counted = []
    for name in metrics(source):
        word = re.compile(rf"\b(?:activation_worker_)?{name.removesuffix('_total')}(?:_\w+)?\b")
        counted.append(
            [
                str(path)
                for path, text in found.items()
                if word.search(text)
                and path.suffix != MADE_BY_COMMAND
                and not path.is_relative_to(_PAGES)
            ]
        )
    middle = statistics.median_low([len(files) for files in counted])
    return next(files for files in counted if len(files) == middle)


def files_of_a_field(source: Source) -> list[str]:
    """Files that spell the fields of a number: all of `NUMBER`, and one of a window's names."""
    return [
        str(path)
        for path, text in _product(source).items()
        if path.suffix in {".py", ".sql"}
        and all(_has(text, word) for word in NUMBER)
        and any(_has(text, word) for word in NUMBERS_OWN)
    ]


def files_of_a_policy(source: Source) -> list[str]:
    """Of a policy beside the default: files named after it, and modules that name it."""
    names = [path.stem for path in sorted((source.root / "config/policies").glob("*.toml"))]
    return _fewest(
        [str(path) for path in _product(source) if path.stem == name]
        + [str(module.path) for module in source.modules.values() if name in literals(module)]
        for name in names
        if name != "default"
    )


def files_of_a_call(source: Source) -> list[str]:
    """The module that declares a route, and those that list at least half of all routes."""
    declared: dict[str, Module] = {}
    for module in source.modules.values():
        for node in module.nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Route":
                path = next((each.value for each in node.keywords if each.arg == "path"), None)
                if isinstance(path, ast.Constant):
                    declared[str(path.value)] = module
    first = next(iter(declared.values()))
    return [
        str(first.path),
        *_listing(
            source,
            list(declared),
            lambda module: module.name.startswith("worker.entrypoints.http") and module != first,
        ),
    ]


def _listing(source: Source, names: list[str], where: Callable[[Module], bool]) -> list[str]:
    assert names, "nothing is listed: the table moved"
    return [
        str(module.path)
        for module in source.modules.values()
        if where(module)
        and 2 * len({*identifiers(module), *literals(module)} & set(names)) >= len(names)
    ]


def _fewest(counted: Iterable[list[str]]) -> list[str]:
    return min(counted, key=len)


def _has(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", text) is not None


def _constants(module: Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.tree.body:
        yield from assigned(node)
