"""Which files a number passes until it is stored: the calls from its PUT to the statement.

Counted are the files of every function on the way to that statement, of the classes and constants
such a function uses, and of all that it calls before the number is stored.
"""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.house.names import Env, Index, Key
from tests.house.source import Function, Source

ENTRY_METHOD: Final = "PUT"
ENTRY_PATH: Final = "/v1/activations/"
#: What stores a number.
STORED: Final = re.compile(r"INSERT INTO activation\b")


@dataclass(slots=True)
class Steps:
    """What one function leads to, each with the first line where it stands."""

    calls: dict[Key, int] = field(default_factory=dict)
    values: dict[Key, int] = field(default_factory=dict)  #: Classes and constants.
    sql: dict[Path, int] = field(default_factory=dict)


@dataclass(slots=True)
class Walk:
    """What each function leads to, from the handler on."""

    index: Index
    steps: dict[Key, Steps] = field(default_factory=dict)

    def follow(self, start: Key) -> None:
        ahead = [start]
        while ahead:
            key = ahead.pop()
            if key not in self.steps:
                self.steps[key] = self._look_into(key)
                ahead += self.steps[key].calls

    def _look_into(self, key: Key) -> Steps:
        if key in self.index.functions:
            function = self.index.functions[key]
            return self._read(key, function, self.env(key, function))
        return self._read(key, self.index.constants[key], {})

    def env(self, key: Key, function: Function) -> Env:
        index, module = self.index, key.module
        env = index.parameters(module, function)
        owner = Key(module, key.name.partition(".")[0])
        if "." in key.name and owner in index.classes:
            env["self"] = frozenset({owner})
        for node in ast.walk(function):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() if node is not function:
                    env = {**index.parameters(module, node), **env}
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    env.setdefault(name, index.infer(module, value, env))
                case (
                    ast.For(target=ast.Name(id=name), iter=value)
                    | ast.AsyncFor(target=ast.Name(id=name), iter=value)
                    | ast.comprehension(target=ast.Name(id=name), iter=value)
                    | ast.withitem(optional_vars=ast.Name(id=name), context_expr=value)
                    | ast.NamedExpr(target=ast.Name(id=name), value=value)
                ):
                    env.setdefault(name, index.infer(module, value, env))
                case _:
                    pass
        return env

    def _read(self, key: Key, body: ast.AST, env: Env) -> Steps:
        module, steps = key.module, Steps()
        for node in ast.walk(body):
            if isinstance(node, ast.Call):
                self._read_call(module, node, env, steps)
            if isinstance(node, ast.Name | ast.Attribute):
                named = self.index.target_of(module, node)
                if named in self.index.classes:
                    _keep(steps.values, named, node.lineno)
                elif named in self.index.constants:
                    _keep(steps.calls, named, node.lineno)
        return steps

    def _read_call(self, module: str, call: ast.Call, env: Env, steps: Steps) -> None:
        """What is called, what is handed on to be called, and which statement is named."""
        index = self.index
        found = index.callees(module, call.func, env)
        for each in (*call.args, *(keyword.value for keyword in call.keywords)):
            found += index.named(module, each, env)
            if isinstance(each, ast.Constant) and each.value in index.sql:
                _keep(steps.sql, index.sql[str(each.value)], call.lineno)
        for target in found:
            if target in index.functions:
                _keep(steps.calls, target, call.lineno)


def _keep(lines: dict[Any, int], what: object, line: int) -> None:
    lines[what] = min(line, lines.get(what, line))


@functools.cache
def passed(source: Source) -> list[str]:
    """The files, in order of their paths; none where the way is not found."""
    index = Index(source)
    walk = Walk(index)
    start = _handler(index)
    if start is None:
        return []
    walk.follow(start)
    goals = {path for path in source.sql() if STORED.search(source.read(path))}
    way = _on_the_way(walk, goals)
    files: set[Path] = set()
    helpers: set[Key] = set()
    for key in way:
        steps, last = walk.steps[key], _last_line(walk, key, way, goals)
        files |= {path for path, line in steps.sql.items() if line <= last}
        files |= {_file(source, each) for each, line in steps.values.items() if line <= last}
        helpers |= {each for each, line in steps.calls.items() if line <= last} - way
    for key in _all_called(walk, helpers, way):
        files |= {_file(source, key), *walk.steps[key].sql}
    files |= {_file(source, key) for key in way}
    return sorted(str(path) for path in files)


def _file(source: Source, key: Key) -> Path:
    return source.modules[key.module].path


def _last_line(walk: Walk, key: Key, way: AbstractSet[Key], goals: AbstractSet[Path]) -> int:
    """Where the statement ends that takes the last step on the way; what follows comes after."""
    steps = walk.steps[key]
    on_the_way = [line for each, line in steps.calls.items() if each in way]
    on_the_way += [line for path, line in steps.sql.items() if path in goals]
    last = max(on_the_way)
    function = walk.index.functions.get(key)
    ends = [] if function is None else [node.end_lineno or 0 for node in function.body]
    return next((end for end in ends if end >= last), last)


def _all_called(walk: Walk, start: AbstractSet[Key], without: AbstractSet[Key]) -> set[Key]:
    found: set[Key] = set()
    ahead = list(start)
    while ahead:
        key = ahead.pop()
        if key not in found and key not in without:
            found.add(key)
            ahead += walk.steps[key].calls
    return found


def _handler(index: Index) -> Key | None:
    """What answers the PUT: as the route says in the function that makes it."""
    for key, function in index.functions.items():
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (handler := _put(node)) is not None:
                found = index.named(key.module, handler, Walk(index).env(key, function))
                return next(iter(found), None)
    return None


def _put(call: ast.Call) -> ast.expr | None:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    method, path = given.get("method"), given.get("path")
    texts = {each.value for each in (method, path) if isinstance(each, ast.Constant)}
    if ENTRY_METHOD in texts and any(str(text).startswith(ENTRY_PATH) for text in texts):
        return given.get("handler")
    return None


def _on_the_way(walk: Walk, goals: Iterable[Path]) -> set[Key]:
    """The functions from which a goal is reached, by whatever calls."""
    callers: dict[Key, set[Key]] = defaultdict(set)
    for caller, steps in walk.steps.items():
        for each in steps.calls:
            callers[each].add(caller)
    ahead = [key for key, steps in walk.steps.items() if steps.sql.keys() & set(goals)]
    found: set[Key] = set()
    while ahead:
        key = ahead.pop()
        if key not in found:
            found.add(key)
            ahead += callers[key]
    return found
