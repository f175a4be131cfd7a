"""Which words the code uses, and for how many things each: names, codes, the price's fate."""

import ast
import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.house.graph import imports
from tests.house.source import Source, classes, identifiers, texts, type_aliases

DOCS: Final = "worker/docs"

#: An edge of a number's life (E0 to E7), or a reading of the refund policies (R-DOCS).
CODE: Final = re.compile(r"(?<![\w-])(?:E[0-7][ab]?|R-[A-Z0-9]+(?:-[0-9]+)?)(?![\w-])")
#: The entry of a code is a row of a table that begins with it.
ENTRY: Final = re.compile(rf"^\| `?({CODE.pattern})`? \|", re.MULTILINE)

#: Folders of one per family: their modules are named alike on purpose, whatever the names are.
FAMILIES: Final = (
    "worker/adapters/providers",
    "worker/adapters/providers/*",
    "worker/simulator/faces",
    "worker/simulator/faces/*",
)
#: Floors: a noun of `NOUNS` is one thing on all of them: its rules, its steps, its rows, its calls.
FLOORS: Final = (
    "worker/domain",
    "worker/domain/*",
    "worker/ports",
    "worker/ports/*",
    "worker/lifecycle",
    "worker/lifecycle/*",
    "worker/adapters/*",
    "worker/bootstrap",
    "worker/entrypoints",
    "worker/entrypoints/http",
    "worker/entrypoints/cli",
    "worker/testing",
)
#: The nouns that floors share, each with its one meaning.
NOUNS: Final[Mapping[str, str]] = {
    "accept": "taking over a number that was rented",
    "account_events": "deletions and blocks of customers' accounts",
    "accounts": "customers' accounts and their balances",
    "activations": "rented numbers for one SMS",
    "obligations": "what is owed in a case",
    "audit": "the proof of the books",
    "books": "accounts' money, its audit, and what is kept for a while",
    "canary": "the worker's own number",
    "cases": "what is decided over days",
    "claims": "what customers ask back",
    "daemon": "the long-running process, and the command that starts it",
    "events": "what is told to the outside",
    "history": "what a provider says of past numbers",
    "instances": "the processes of the worker",
    "leadership": "the one process that acts for all",
    "migrate": "bringing the schema up to date",
    "orders": "numbers that are bought through us",
    "outbox": "events that are still to be sent",
    "outages": "rentals that did not work",
    "policies": "the rules that orders were made under",
    "provider": "a company that rents numbers out",
    "providers": "several of them",
    "purchases": "numbers bought at a provider, and their intents",
    "rentals": "numbers rented for hours or months",
    "reporter": "what ops are told",
    "reviews": "what waits for a human",
    "schedule": "when to look at which number",
    "service": "what shops may ask for",
    "settlements": "endings with their money",
    "timers": "dates on which something follows by itself",
    "withdrawals": "money that leaves the platform",
}

#: Where `claim` is the customer's word: policies, cases, and whatever is named after them.
CUSTOMERS: Final = re.compile(
    r"worker/(domain/policy/|domain/transfer|.*(claim|case|review|withdrawal|rental|silence|account))"
)
#: The customer's word in other places: reasons, facts, timers and calls about his claim.
CUSTOMERS_NAMES: Final = re.compile(
    r"claim_(approved|rejected|window|kind|at|open|channel|facts)|claim_?windows|(open|on|policy)_claims?",
    re.IGNORECASE,
)
#: Alone the word is a lease where work is taken, and the customer's elsewhere.
WORKERS: Final = ("worker.lifecycle.", "worker.adapters.", "worker.ports.")

#: Words for what became of a price: two of them in one closed set make it a vocabulary of that.
PRICE_WORDS: Final = frozenset(
    {
        "cancelled",
        "charged",
        "finished",
        "forgotten",
        "gave_back",
        "given_back",
        "gone",
        "kept",
        "kept_the_price",
        "not_told",
        "price_kept",
    }
)


class Citation(NamedTuple):
    code: str
    path: Path
    line: int


def class_names(source: Source) -> dict[str, list[str]]:
    """Names of classes and type aliases, with the modules that define them."""
    places = defaultdict(set)
    for module, node in classes(source):
        places[node.name].add(module.name)
    for module, name, _ in type_aliases(source):
        places[name].add(module.name)
    return {name: sorted(modules) for name, modules in sorted(places.items())}


def homonyms(source: Source) -> dict[str, list[str]]:
    """Public names that stand for several things."""
    return {
        name: modules
        for name, modules in class_names(source).items()
        if len(modules) > 1 and not name.startswith("_")
    }


def module_homonyms(source: Source) -> dict[str, list[str]]:
    """Names of modules that stand in several folders which are no siblings of each other."""
    places = defaultdict(list)
    for module in source.modules.values():
        if not module.is_package and module.path.stem != "__main__":
            places[module.path.stem].append(module.path.parent)
    return {
        stem: [str(folder / f"{stem}.py") for folder in folders]
        for stem, folders in sorted(places.items())
        if len(folders) > 1 and not _deliberate(stem, folders)
    }


def _deliberate(stem: str, folders: Sequence[Path]) -> bool:
    others = [folder for folder in folders if not _among(folder, FAMILIES)]
    if stem == "face":  # Beside the engine it says what a face is; each family has its own.
        others = [folder for folder in others if folder != Path("worker/simulator")]
    return not others or (stem in NOUNS and all(_among(folder, FLOORS) for folder in others))


def _among(folder: Path, group: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(str(folder), one) for one in group)


def citations(root: Path) -> Iterator[Citation]:
    """Every place in the code, its tests and its configuration that cites a code."""
    for path, text in texts(root, "worker", "tests", "config", "deploy").items():
        if path.is_relative_to(DOCS):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            for code in CODE.findall(line):
                yield Citation(code, path, number)


def entries(root: Path) -> set[str]:
    """The codes that the pages explain."""
    return {code for text in texts(root, DOCS).values() for code in ENTRY.findall(text)}


def unresolved(root: Path) -> list[Citation]:
    known = entries(root)
    return [cited for cited in citations(root) if cited.code not in known]


def leases_named_claim(source: Source) -> dict[str, list[str]]:
    """Identifiers and files with `claim` in them where no customer claims anything."""
    found = {}
    for module in source.modules.values():
        if CUSTOMERS.match(str(module.path)):
            continue
        names = {
            name
            for name in identifiers(module)
            if "claim" in name.lower() and not _customers(module.name, name)
        }
        if names:
            found[str(module.path)] = sorted(names)
    for path in source.sql():
        if "claim" in path.stem and not CUSTOMERS.match(str(path.parent)):
            found[str(path)] = [path.stem]
    return found


def _customers(module: str, name: str) -> bool:
    """Whether a name outside the customer's places means his claim all the same."""
    if name.lower() in {"claim", "claims"}:
        return not module.startswith(WORKERS)
    return CUSTOMERS_NAMES.fullmatch(name) is not None


def price_vocabularies(source: Source) -> dict[str, list[str]]:
    """Closed sets of the worker that say what became of a price, and SQL that words it by itself.

    The simulator is left out: it is the oracle, and knows nothing of the adapters.
    """
    found = {}
    for where, members in _closed_sets(source):
        words = sorted(PRICE_WORDS & members)
        if len(words) > 1 and not where.startswith("worker.simulator."):
            found[where] = words
    in_sql = sorted(
        str(path)
        for path in source.sql()
        if "migrations" not in path.parts and "'given_back'" in source.read(path)
    )
    return found | ({"sql": in_sql} if in_sql else {})


def _closed_sets(source: Source) -> Iterator[tuple[str, set[str]]]:
    """Enums, unions of classes, and the constants and makers on the first level of a module.

    A provider's module translates its company's words, so its constants are left out.
    """
    for module, node in classes(source):
        if any(ast.unparse(base).endswith("Enum") for base in node.bases):
            yield f"{module.name}.{node.name}", _assigned(node.body)
    for module, name, value in type_aliases(source):
        members = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}
        yield f"{module.name}.{name}", {_snake(member) for member in members}
    for module in source.modules.values():
        if module.name.startswith("worker.adapters.providers."):
            continue
        functions = {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)}
        yield module.name, {name.lower() for name in _assigned(module.tree.body) | functions}


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    targets = [
        target
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id.lower() for target in targets if isinstance(target, ast.Name)}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def store_protocols(source: Source) -> dict[str, list[str]]:
    """Protocols of the ports and the lifecycle that a repository implements: each names the store.

    The lock of the leader is no part of it: it has a connection of its own and knows no rows.
    """
    methods = _methods(source)
    stored = {
        name
        for (module, class_), names in methods.items()
        if module.startswith("worker.adapters.store.") and class_.endswith("Repository")
        for name in names
    }
    found = defaultdict(list)
    for module, node in classes(source):
        bases = [ast.unparse(base) for base in node.bases]
        if "Protocol" not in bases or module.room not in {"ports", "lifecycle"}:
            continue
        own = _protocol_methods(source, methods, module.name, node)
        if own and own <= stored:
            found[module.name].append(node.name)
    return dict(found)


def _methods(source: Source) -> Mapping[tuple[str, str], set[str]]:
    return {
        (module.name, node.name): {
            each.name
            for each in node.body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and not each.name.startswith("_")
        }
        for module, node in classes(source)
    }


def _protocol_methods(
    source: Source,
    methods: Mapping[tuple[str, str], set[str]],
    module: str,
    node: ast.ClassDef,
) -> set[str]:
    """Its own and those of the protocols it joins, which are in its module or imported there."""
    around = {module, *imports(source)[module]}
    joined = {ast.unparse(base) for base in node.bases} | {node.name}
    renamed = {
        alias.asname: alias.name
        for each in source.modules[module].nodes
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
        if alias.asname
    }
    names = {renamed.get(name, name) for name in joined}
    return {
        method
        for (place, name), own in methods.items()
        if place in around and name in names
        for method in own
    }


def set_after_construction(source: Source) -> list[str]:
    """Places in the wiring that set an attribute of a finished object."""
    found = []
    for module in source.modules.values():
        if module.room != "bootstrap":
            continue
        for node in module.nodes:
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            found += [
                f"{module.path}:{target.lineno} {ast.unparse(target)}"
                for target in targets
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) != "self"
            ]
    return found
