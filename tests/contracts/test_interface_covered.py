"""Each name that others rely on is there, and a test uses it; what is not built yet is listed."""

import ast
import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contracts import interface
from worker.entrypoints.cli.app import COMMANDS, _command
from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.http.problems import ProblemKind
from worker.settings.model import is_known

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
DESCRIPTION: Final = TESTS / "golden/openapi.json"
HTTP: Final = {"get", "put", "post"}
#: Names in a list of names are no use of them.
LISTS: Final = {"contracts/interface.py", "contracts/test_openapi_document.py"}


def _words(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each line's first words up to the colon, and those after it; an indented line goes on."""
    for line in re.sub(r"\n +", " ", text.strip()).splitlines():
        head, _, rest = line.partition(":") if ":" in line else line.partition(" ")
        yield head, rest.split()


def _names() -> Iterator[str]:
    for command, options in _words(interface.COMMANDS):
        yield f"command {command}"
        yield from (f"option {command} {option}" for option in options)
    for table, keys in _words(interface.KEYS):
        yield from (f"key {table}.{key}" for key in keys)
    for call, fields in _words(interface.CALLS):
        yield f"call {call}"
        yield from (f"field {call} {name}" for name in fields)
    for call, fields in _words(interface.ANSWERS):
        yield from (f"answer {call} {name}" for name in fields)
    for where, words in _words(interface.CHOICES):
        yield from (f"choice {where} {word}" for word in words)
    for kind in ("scenarios", "pages", "exit_codes", "problems", "admin", "events", "headers"):
        yield from (f"{kind} {each}" for each in getattr(interface, kind.upper()).split())
    yield from (f"python {each}" for each in interface.PYTHON.split())


NAMES: Final = tuple(_names())


# What is built.


@cache
def _description() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(DESCRIPTION.read_text())
    return found


@cache
def _operations() -> Mapping[str, Mapping[str, Any]]:
    paths = _description()["paths"]
    return {f"{m.upper()} {path}": one for path, of in paths.items() for m, one in of.items()}


@cache
def _webhooks() -> frozenset[str]:
    return frozenset(_description()["webhooks"])


def _fields(call: str) -> set[str]:
    operation = _operations().get(call, {})
    given = {each["name"] for each in operation.get("parameters", ())}
    schemas = _description()["components"]["schemas"]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        given |= _members(media.get("schema", {}), schemas)
    return given


def _answered(call: str) -> set[str]:
    schemas = _description()["components"]["schemas"]
    answers = _operations().get(call, {}).get("responses", {})
    medias = (m for code, a in answers.items() if code < "3" for m in a["content"].values())
    return set[str]().union(*(_members(media["schema"], schemas) for media in medias))


@cache
def _sources() -> str:
    return "\n".join(file.read_text() for file in (ROOT / "worker").rglob("*.py"))


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    return set(schema.get("properties", ())).union(*(_members(part, schemas) for part in parts))


@cache
def _options(command: str) -> frozenset[str] | None:
    """Those of a command that is there."""
    name, part = (command, "") if command in COMMANDS else command.partition("-")[::2]
    if name not in COMMANDS:
        return None
    found = _command(name)
    if part:
        found = getattr(found, "commands", {}).get(part)
    if found is None:
        return None
    return frozenset(o for p in found.params for o in (*p.opts, *p.secondary_opts))


def _is_module(name: str) -> bool:
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return not attribute or hasattr(found, attribute)


def _is_path_of_admin(path: str) -> bool:
    source = (ROOT / "worker/entrypoints/http/admin.py").read_text()
    return f'"{path.partition("?")[0]}"' in source and path.partition("?")[2] in source


BUILT: Final[Mapping[str, Callable[[str], bool]]] = {
    "command": lambda name: _options(name) is not None,
    "option": lambda name: name.split()[1] in (_options(name.split()[0]) or ()),
    "key": lambda name: is_known(
        ("providers", "x", name.partition(".")[2])
        if name.startswith("providers.")
        else tuple(name.split("."))
    ),
    "call": lambda name: name in _operations(),
    "field": lambda name: name.rpartition(" ")[2] in _fields(name.rpartition(" ")[0]),
    "answer": lambda name: name.rpartition(" ")[2] in _answered(name.rpartition(" ")[0]),
    "choice": lambda name: re.search(rf"\b{name.rpartition(' ')[2]}\b", _sources()) is not None,
    "scenarios": lambda name: f"[{name}]" in (ROOT / "config/scenarios.toml").read_text(),
    "pages": lambda name: (ROOT / f"worker/docs/{name}.md").is_file(),
    "exit_codes": lambda name: int(name) in {each.value for each in Exit} | {0},
    "problems": lambda name: name in {kind.slug for kind in ProblemKind},
    "admin": _is_path_of_admin,
    "events": lambda name: name in _webhooks(),
    "headers": lambda _: True,
    "python": _is_module,
}


# What tests use.


@cache
def _trees() -> tuple[ast.Module, ...]:
    files = [file for file in TESTS.rglob("*.py") if str(file.relative_to(TESTS)) not in LISTS]
    return tuple(ast.parse(file.read_text()) for file in files if file != Path(__file__))


@cache
def _nodes() -> tuple[ast.AST, ...]:
    return tuple(node for tree in _trees() for node in ast.walk(tree))


@cache
def _guides() -> str:
    """Their blocks are run by tests."""
    return "\n".join(file.read_text() for file in (ROOT / "worker/docs").glob("*.md"))


def _text(node: ast.expr) -> str | None:
    """A text, with x for what is put in."""
    match node:
        case ast.Constant(value=str()):
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_text(part) or "x" for part in node.values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name.isupper():
            return _constants().get(name, "x")
        case ast.Name(id=name):
            return _constants().get(name)
        case ast.BinOp(op=ast.Add()):
            return f"{_text(node.left) or 'x'}{_text(node.right) or 'x'}"
        case _:
            return None


@cache
def _constants() -> Mapping[str, str]:
    """Paths that a test module gives a name; of two with one name either may be meant."""
    return {
        node.targets[0].id: text
        for tree in _trees()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant | ast.JoinedStr)
        and (text := _without_names(node.value))
    }


def _without_names(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
    return "".join(map(str, parts))


@cache
def _strings() -> frozenset[str]:
    found = {text for node in _nodes() if isinstance(node, ast.expr) and (text := _text(node))}
    return frozenset(found)


@cache
def _all_text() -> str:
    return "\n".join(sorted(_strings())) + _guides()


@cache
def _keywords() -> frozenset[str]:
    return frozenset(node.arg for node in _nodes() if isinstance(node, ast.keyword) and node.arg)


@cache
def _calls() -> frozenset[str]:
    """METHOD and path of each call that a test makes; methods of the client by their names."""
    made: set[str] = set()
    for node in _nodes():
        if isinstance(node, ast.Call):
            made |= _calls_of(node)
        elif isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1:
            made |= _pairs([_text(part) for part in node.elts])
    for verb, path in re.findall(r"(?:-X (\w+) )?\$AW_URL(/[\w/${}.-]*)", _guides()):
        shape = re.sub(r"\$\w+|\$\{\w+\}", "x", path)
        made |= {f"{verb or method} {shape}" for method in ("GET", "POST")}
    return frozenset(made)


def _calls_of(node: ast.Call) -> set[str]:
    texts = [_text(argument) for argument in node.args]
    made = _pairs(texts)
    if isinstance(node.func, ast.Attribute):
        made |= {f"client {node.func.attr}", *(f"{node.func.attr} {text}" for text in texts)}
        if node.func.attr in HTTP:
            paths = [text for text in texts if text and "/" in text]
            made |= {f"{node.func.attr.upper()} {_path(text)}" for text in paths}
    return made


def _pairs(texts: list[str | None]) -> set[str]:
    both = itertools.pairwise(texts)
    return {f"{a} {_path(b)}" for a, b in both if a and b and a.lower() in HTTP and "/" in b}


def _path(text: str) -> str:
    return "/" + text.partition("/")[2].partition("?")[0]


def _is_called(call: str) -> bool:
    operation = _operations()[call]["operationId"]
    method, _, path = call.partition(" ")
    shape = re.compile(f"{method} .*" + re.sub(r"{\w+}", "[^/]+", path))
    if f"client {operation}" in _calls() or any(map(shape.fullmatch, _calls())):
        return True
    # Of several steps that one test takes, each is a word of its own.
    begin, _, step = path.rpartition("/")
    several = re.compile(f"{method} .*" + re.sub(r"{\w+}", "[^/]+", begin) + "/x")
    if f"step {step}" in _calls() or f"x/{step}" in _strings():
        return True
    return step in _strings() and any(map(several.fullmatch, _calls()))


def _is_run(command: str) -> bool:
    name, part = (command, "") if command in COMMANDS else command.partition("-")[::2]
    if re.search(rf"activation-worker {name} {part}".rstrip(), _all_text()):
        return True
    if ((name, part) if part else (name,)) in _told():
        return True
    # Or a test has a command of its own for the group.
    return bool(part) and any({name, part} <= texts for texts in _texts_of_modules())


@cache
def _told() -> frozenset[tuple[str | None, ...]]:
    """What a test tells in a list or a call: each text, and each with the one after it."""
    told: set[tuple[str | None, ...]] = set()
    for node in _nodes():
        if isinstance(node, ast.List | ast.Tuple | ast.Call):
            texts = [_text(part) for part in getattr(node, "elts", getattr(node, "args", ()))]
            told.update((text,) for text in texts)
            told.update(itertools.pairwise(texts))
    return frozenset(told)


@cache
def _texts_of_modules() -> tuple[frozenset[str | None], ...]:
    return tuple(
        frozenset(_text(each) for each in ast.walk(tree) if isinstance(each, ast.expr))
        for tree in _trees()
    )


def _is_set(key: str) -> bool:
    table, _, name = key.partition(".")
    by_environment = rf"AW_{table.upper()}__(\w+__)?{name.upper()}\b"
    by_file = rf"\b{name} *= "
    return bool(re.search(f"{by_environment}|{by_file}", _all_text())) or name in _keywords()


def _is_mentioned(name: str) -> bool:
    word = name.rpartition(" ")[2]
    return (
        word in _strings()
        or word in _keywords()
        or word in _guides()
        or re.search(rf"[?&]{word}=", _all_text()) is not None
    )


@cache
def _imported() -> frozenset[str]:
    return frozenset(
        alias.name for node in _nodes() if isinstance(node, ast.ImportFrom) for alias in node.names
    )


USED: Final[Mapping[str, Callable[[str], bool]]] = {
    "command": _is_run,
    "option": lambda name: name.rpartition(" ")[2] in _all_text(),
    "key": _is_set,
    "call": _is_called,
    "events": lambda name: name.rstrip("*") in _all_text(),
    "admin": lambda name: name in _all_text(),
    "pages": _is_mentioned,
    "exit_codes": lambda name: re.search(rf"\b{name}\b|Exit\.", _all_text()) is not None,
    "python": lambda name: (
        name.rpartition(":")[2] in _imported()
        or name.replace(":", ".").removesuffix(".") in _all_text()
    ),
}


def _is_built(name: str) -> bool:
    kind, _, rest = name.partition(" ")
    return BUILT[kind](rest)


def _is_used(name: str) -> bool:
    kind, _, rest = name.partition(" ")
    return USED.get(kind, _is_mentioned)(rest)


def test_no_name_is_promised_twice() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_what_is_not_built_yet_is_listed_and_nothing_else() -> None:
    """A name that is built leaves the list; one that was built must not come back to it."""
    missing = {name for name in NAMES if not _is_built(name)}

    assert missing - interface.NOT_YET == set(), "promised, and not there"
    assert interface.NOT_YET - missing == set(), "built: take it from NOT_YET"


@pytest.mark.parametrize("kind", sorted(BUILT))
def test_each_that_is_built_is_used_by_a_test(kind: str) -> None:
    built = [name for name in NAMES if name.split()[0] == kind and _is_built(name)]

    assert built
    unused = {name for name in built if not _is_used(name)}
    untested = {name for name in interface.UNTESTED if name.split()[0] == kind}
    assert unused - untested == set(), "no test uses it"
    assert untested - unused == set(), "used: take it from UNTESTED"
