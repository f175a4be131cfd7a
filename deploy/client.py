"""Writes the calls and the types of the Python client: `python -m deploy.client` from the root.

They are made from the description of the API, so that the client has every call, by the name that
its `operationId` gives it, and no other.
"""

import json
import keyword
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[1]
DESCRIPTION: Final = ROOT / "tests/golden/openapi.json"
CALLS: Final = ROOT / "worker/client/calls"
IMPORTS: Final = {
    "Any": "from typing import Any",
    "Instant": "from worker.client.calls.shapes import Instant",
    "Literal": "from typing import Literal",
    "Mapping": "from collections.abc import Mapping",
    "Sequence": "from collections.abc import Sequence",
}
_SCALARS: Final = {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}
_PARTS: Final = "What stands in the answers of the API, typed. A newer daemon can add members."
_LISTS: Final = "The pages of lists that the API answers, typed. A newer daemon can add members."
_ANSWERS: Final = "What the API answers: plain JSON, typed. A newer daemon can add members."
_WRITTEN: Final = "\n\nWritten by `python -m deploy.client`; a test compares it with the API.\n"


def modules() -> dict[Path, str]:
    """Every module that is made, with its text."""
    description = json.loads(DESCRIPTION.read_text())
    tagged: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            tagged.setdefault(operation["tags"][0], []).append(
                Call(method, path, operation, description).text()
            )
    homes = {"parts": _PARTS, "list_pages": _LISTS, "shapes": _ANSWERS}
    texts = {CALLS / f"{home}.py": _shapes(description, home, homes[home]) for home in homes}
    for tag, calls in tagged.items():
        texts[CALLS / f"{tag}.py"] = _calls_module(tag, calls, description)
    texts[CALLS / "__init__.py"] = _all_calls(sorted(tagged))
    return {path: _formatted(text) for path, text in texts.items()}


def _class_of(tag: str) -> str:
    return f"{tag.removesuffix('s').title()}Calls"


class Call:
    """One method of the client."""

    def __init__(self, method: str, path: str, operation: Schema, description: Schema) -> None:
        self.method, self.path, self.operation = method.upper(), path, operation
        body = operation.get("requestBody", {}).get("content", {})
        self.raw = "*/*" in body
        reference = body.get("application/json", {}).get("schema", {}).get("$ref")
        self.body: Schema = _resolved(reference, description) if reference else {}
        self.in_path = [p["name"] for p in self._in("path")]

    def text(self) -> str:
        query = {name(p["name"]): p["name"] for p in self._in("query")}
        fields = {name(field): field for field in self.body.get("properties", {})}
        parts = [f'"{self.method}"', f'{"f" if self.in_path else ""}"{self._template()}"']
        parts += [f"query={_dict(query)}"] if query else []
        parts += [f"body={_dict(fields)}"] if self.body else []
        parts += ["content=content"] if self.raw else []
        parts += ["idempotency_key=idempotency_key"] if self._key() is not None else []
        answer = self._answer()
        return (
            f"    async def {self.operation['operationId']}({', '.join(self._parameters())}) "
            f'-> {answer}:\n        """{self._says()}"""\n'
            f"        answer: {answer} = await self.call({', '.join(parts)})\n"
            "        return answer\n"
        )

    def _in(self, place: str) -> list[Schema]:
        return [p for p in self.operation["parameters"] if p["in"] == place]

    def _key(self) -> Schema | None:
        named = [p for p in self._in("header") if p["name"] == "Idempotency-Key"]
        return named[0] if named else None

    def _template(self) -> str:
        return self.path.replace("{", "{segment(").replace("}", ")}")

    def _parameters(self) -> Iterator[str]:
        yield "self"
        yield from (f"{name(each)}: str" for each in self.in_path)
        if self.raw:
            yield "content: bytes"
        needed: list[str] = []
        optional: list[str] = []
        required = self.body.get("required", ())
        for field, schema in self.body.get("properties", {}).items():
            given = f"{name(field)}: {taken(schema)}"
            (needed if field in required else optional).append(given)
        optional += [f"{name(p['name'])}: {taken(p['schema'])}" for p in self._in("query")]
        key = self._key()
        if key is not None:
            (needed if key["required"] else optional).append("idempotency_key: str")
        if needed or optional:
            yield "*"
        yield from needed
        yield from (f"{each.removesuffix(' | None')} | None = None" for each in optional)

    def _answer(self) -> str:
        answers = {
            shown(content["schema"])
            for status, response in self.operation["responses"].items()
            if status < "300"
            for content in response.get("content", {}).values()
        }
        return " | ".join(sorted(answers))

    def _says(self) -> str:
        says: str = self.operation["summary"]
        body: str = self.body.get("description", "").strip()
        if body:
            wrapped = [line for each in body.split("\n\n") for line in (*_wrapped(each), "")]
            says += "\n\n" + "\n".join(wrapped[:-1]) + "\n        "
        return says


def _wrapped(paragraph: str) -> list[str]:
    return textwrap.wrap(
        " ".join(paragraph.split()), 100, initial_indent=" " * 8, subsequent_indent=" " * 8
    )


def name(wire: str) -> str:
    """The Python name of a parameter: one of a builtin's, other than `id`, gets an underscore."""
    python = wire.replace("-", "_").lower()
    return f"{python}_" if keyword.iskeyword(python) or python == "type" else python


def taken(schema: Schema) -> str:
    """What a parameter may be: more than what comes back, as an instant may be a `datetime`."""
    return _type(schema, sequence="Sequence", mapping="Mapping", instant="Instant")


def shown(schema: Schema) -> str:
    return _type(schema, sequence="list", mapping="dict", instant="str")


def _type(schema: Schema, **words: str) -> str:
    match schema:
        case {"$ref": reference}:
            return str(reference.rpartition("/")[2])
        case {"anyOf": options}:
            return " | ".join(dict.fromkeys(_type(each, **words) for each in options))
        case {"const": value}:
            return f"Literal[{value!r}]"
        case {"enum": values}:
            return f"Literal[{', '.join(map(repr, values))}]"
        case _:
            return _plain_type(schema, **words)


def _plain_type(schema: Schema, *, sequence: str, mapping: str, instant: str) -> str:
    words = {"sequence": sequence, "mapping": mapping, "instant": instant}
    match schema.get("type"):
        case "array":
            return f"{sequence}[{_type(schema.get('items', {}), **words)}]"
        case "object":
            return f"{mapping}[str, Any]"
        case "string" if schema.get("format") == "date-time":
            return instant
        case kind:
            return _SCALARS.get(str(kind), "Any")


def _dict(names: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{wire}": {python}' for python, wire in names.items()) + "}"


def _resolved(reference: str, description: Schema) -> Schema:
    found: Schema = description["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _calls_module(tag: str, calls: list[str], description: Schema) -> str:
    (says,) = (each["description"] for each in description["tags"] if each["name"] == tag)
    body = "\n".join(calls)
    schemas = sorted(n for n in description["components"]["schemas"] if _uses(body, n))
    plain = [line for word, line in IMPORTS.items() if _uses(body, word) and word != "Instant"]
    shapes = [*(["Instant"] if _uses(body, "Instant") else []), *schemas]
    imports = sorted(plain, key=lambda line: line.split()[1])
    connection = "ApiConnection, segment" if "segment(" in body else "ApiConnection"
    ours = _imported(shapes, _parts(description))
    ours += [f"from worker.client.api_connection import {connection}"]
    return (
        f'"""The calls of the tag `{tag}`.{_WRITTEN}"""\n\n'
        + "\n".join(imports)
        + ("\n\n" if imports else "")
        + "\n".join(ours)
        + f'\n\n\nclass {_class_of(tag)}(ApiConnection):\n    """{says}"""\n\n{body}'
    )


def _imported(names: Iterable[str], parts: AbstractSet[str]) -> list[str]:
    """The imports of shapes, each from where it is written."""
    homes: dict[str, list[str]] = {}
    for name in names:
        homes.setdefault(_home(name, parts), []).append(name)
    return [
        f"from worker.client.calls.{home} import {', '.join(found)}"
        for home, found in sorted(homes.items())
    ]


def _home(name: str, parts: AbstractSet[str]) -> str:
    if name in parts:
        return "parts"
    return "list_pages" if name.endswith("List") else "shapes"


def _uses(text: str, word: str) -> bool:
    marks = text.replace("[", " ").replace("]", " ").replace(",", " ").replace(":", " ")
    return word in marks.replace("(", " ").replace(")", " ").split()


def _all_calls(tags: list[str]) -> str:
    imports = "\n".join(f"from worker.client.calls.{tag} import {_class_of(tag)}" for tag in tags)
    bases = ", ".join(map(_class_of, tags))
    return (
        f'"""Every call of the API in one class.{_WRITTEN}"""\n\n{imports}\n\n\n'
        f'class AllCalls({bases}):\n    """One method for each `operationId`."""\n'
    )


def _shapes(description: Schema, home: str, says: str) -> str:
    schemas: Schema = description["components"]["schemas"]
    parts = _parts(description)
    names = {name for name in _reachable(description) if _home(name, parts) == home}
    held = {each for name in names for each in _references(schemas[name])} - names
    classes = "\n\n".join(_class(n, schemas[n]) for n in sorted(names))
    text = f'"""{says}{_WRITTEN}"""\n\nfrom __future__ import annotations\n\n'
    text += "from datetime import datetime\n"
    text += "from typing import Any, Literal, NotRequired, TypeAlias, TypedDict\n\n"
    text += "\n".join(_imported(sorted(held), parts)) + "\n\n"
    if says == _ANSWERS:
        text += "#: Given as RFC 3339 text, or as a `datetime` with its offset.\n"
        text += "Instant: TypeAlias = datetime | str\n\n\n"
    return f"{text}{classes}\n"


def _parts(description: Schema) -> set[str]:
    """What answers hold and no call answers by itself; it holds nothing but parts."""
    schemas = description["components"]["schemas"]
    answered = {
        reference
        for operations in description["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for reference in _references(response)
    }
    parts = set(_reachable(description)) - answered
    while wider := {n for n in parts if not parts.issuperset(_references(schemas[n]))}:
        parts -= wider
    return parts


def _reachable(description: Schema) -> Iterator[str]:
    """The schemas of answers, and what they hold."""
    schemas = description["components"]["schemas"]
    waiting = [
        reference
        for operations in description["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status < "300"
        for reference in _references(response)
    ]
    bodies = [o for operations in description["paths"].values() for o in operations.values()]
    for operation in bodies:
        for body in _references(operation.get("requestBody", {})):
            waiting += _references(schemas[body])
    known: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one not in known:
            known.add(one)
            waiting += _references(schemas[one])
            yield one


def _references(part: Any) -> list[str]:  # noqa: ANN401 - JSON
    match part:
        case dict():
            own = [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
            return own + [found for each in part.values() for found in _references(each)]
        case list():
            return [found for each in part for found in _references(each)]
        case _:
            return []


def _class(title: str, schema: Schema) -> str:
    says = schema.get("description", "")
    if "properties" not in schema and "enum" in schema:
        return f"#: {says}\n{title}: TypeAlias = {shown(schema)}\n"
    required = schema.get("required", ())
    fields = [
        f"    {each}: {shown(of) if each in required else f'NotRequired[{shown(of)}]'}"
        for each, of in schema.get("properties", {}).items()
    ]
    lines = [f"    {line}".rstrip() for line in says.strip().splitlines()]
    doc = '    """' + "\n".join(lines).strip() + ("\n    " if len(lines) > 1 else "") + '"""'
    body = "\n".join([*([doc, ""] if says else []), *fields]) or "    pass"
    return f"class {title}(TypedDict):\n{body}\n"


def _formatted(text: str) -> str:
    """Its imports in order and all used, its lines no longer than those of all other modules.

    A word of a text looks like the name of a shape.
    """
    for what in (["check", "--quiet", "--fix", "--select", "I,F401"], ["format"]):
        command = [sys.executable, "-m", "ruff", *what, "--stdin-filename", "worker/client.py", "-"]
        done = subprocess.run(  # noqa: S603 - our own text through our own tool
            command, input=text, capture_output=True, text=True, check=True, cwd=ROOT
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    for path, made in modules().items():
        path.write_text(made)
