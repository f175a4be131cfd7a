"""The figures of the house: what is counted, what it was, what it is, and what it should be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.house import calls, graph, registers, words
from tests.house.source import Source

Found: TypeAlias = Sequence[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `before` is of the survey that began the work; None where it gave none."""

    name: str
    before: float | None
    aim: float
    counted: str  #: What is counted, exactly.
    find: Callable[[Source], Found]
    value: Callable[[Source, Found], float] = lambda _source, found: len(found)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    measure: Measure
    now: float
    found: Found  #: What was counted, one by one.

    @property
    def ok(self) -> bool:
        return self.now <= self.measure.aim


def measured(source: Source) -> list[Figure]:
    return [figure(measure, source) for measure in MEASURES]


def figure(measure: Measure, source: Source) -> Figure:
    found = measure.find(source)
    return Figure(measure, measure.value(source, found), found)


def _places(found: dict[str, list[str]]) -> Found:
    return [f"{what}: {', '.join(where)}" for what, where in found.items()]


def _arrows(found: Sequence[graph.Arrow]) -> Found:
    return [f"{here} -> {there}" for here, there in sorted(found)]


def _circles(source: Source) -> Found:
    found = [*graph.room_circles(source), *graph.module_circles(source)]
    return [" - ".join(circle) for circle in found]


def _unresolved(source: Source) -> Found:
    return [f"{code} {path}:{line}" for code, path, line in words.unresolved(source.root)]


def _protocols(source: Source) -> Found:
    found = words.store_protocols(source)
    return [f"{module}.{name}" for module, names in found.items() for name in names]


def _import_share(source: Source, _found: Found) -> float:
    return round(100 * graph.import_lines(source) / source.lines, 1)


def _put_or_never(_source: Source, found: Found) -> float:
    """A way that is not found is no short one."""
    return len(found) or float("inf")


MEASURES: Final[Sequence[Measure]] = (
    Measure(
        "files for a family",
        10,
        7,
        "files in worker, config, deploy and the README with the name of the smallest family",
        registers.files_of_a_family,
    ),
    Measure(
        "files for a tick",
        7,
        1,
        "modules that name at least half of the kinds of tick",
        registers.files_of_a_tick,
    ),
    Measure(
        "files for a metric",
        5,
        4,
        "files written by hand, in worker and on the board, with the metric in the middle",
        registers.files_of_a_metric,
    ),
    Measure(
        "files for a field of a number",
        16,
        9,
        "Python and SQL files with phone, service, country, price_minor and a word of the window",
        registers.files_of_a_field,
    ),
    Measure(
        "files for a policy",
        2,
        2,
        "files named after one policy, and modules with its name as a text",
        registers.files_of_a_policy,
    ),
    Measure(
        "files for an HTTP call",
        1,
        1,
        "the module with its route, and modules of HTTP that list at least half of all routes",
        registers.files_of_a_call,
    ),
    Measure(
        "class homonyms",
        62,
        15,
        "public names of classes and type aliases that stand in more than one module of worker",
        lambda source: _places(words.homonyms(source)),
    ),
    Measure(
        "module names with two meanings",
        15,
        0,
        "names of modules in several folders that are no deliberate siblings",
        lambda source: _places(words.module_homonyms(source)),
    ),
    Measure(
        "citations without an entry",
        53,
        0,
        "places in worker, tests, config and deploy that cite a code no page explains"
        " (before: those in worker)",
        _unresolved,
    ),
    Measure(
        "vocabularies for the price",
        8,
        2,
        "closed sets with two words for what became of a price, and SQL that words it by itself",
        lambda source: _places(words.price_vocabularies(source)),
    ),
    Measure(
        "claim used as a lease",
        18,
        0,
        "files where an identifier says claim and no customer claims anything",
        lambda source: _places(words.leases_named_claim(source)),
    ),
    Measure(
        "attributes set from outside",
        1,
        0,
        "places in bootstrap that set an attribute of a finished object",
        words.set_after_construction,
    ),
    Measure(
        "names for the store",
        24,
        6,
        "protocols in ports and lifecycle whose methods a repository of the store has",
        _protocols,
    ),
    Measure(
        "share of import lines",
        10.4,
        8.5,
        "lines of import statements among all lines of worker",
        lambda _source: (),
        _import_share,
        " %",
    ),
    Measure(
        "crumbs",
        18,
        5,
        f"modules below {graph.CRUMB_LINES} lines that one module imports",
        graph.crumbs,
    ),
    Measure(
        "arrows between rooms",
        27,
        27,
        "pairs of rooms, one importing the other; a room is what stands directly below worker",
        lambda source: _arrows([*graph.arrows(source)]),
    ),
    Measure(
        "arrows upward",
        0,
        0,
        "arrows to the same layer or a higher one, by .importlinter",
        lambda source: _arrows(graph.upward(source)),
    ),
    Measure(
        "circles",
        0,
        0,
        "groups of rooms, and of modules, that import each other",
        _circles,
    ),
    Measure(
        "files from PUT to stored",
        20,
        18,
        "files whose code a handed-over number passes until its row is inserted, see calls.py",
        calls.passed,
        _put_or_never,
    ),
    Measure(
        "modules",
        321,
        270,
        "Python files of worker",
        lambda _source: (),
        lambda source, _found: len(source.modules),
    ),
    Measure(
        "lines",
        35_538,
        33_000,
        "lines of the Python files of worker",
        lambda _source: (),
        lambda source, _found: source.lines,
    ),
)
