"""What each name in the code stands for: followed through imports, annotations and protocols.

A call is followed by the types that the code writes down: of fields, parameters and results. Where
it goes to a protocol, it goes on at each class that has all its methods. What has no written type
is not followed.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.house.source import Function, Module, Source

Env: TypeAlias = dict[str, frozenset["Key"]]  #: The classes that each local name may be of.


class Key(NamedTuple):
    """A function, a class, or a constant: `Intakes.accept` in its module. No name: a module."""

    module: str
    name: str


@dataclass(slots=True)
class Index:
    """Every name of every module, and what it stands for."""

    source: Source
    names: dict[str, dict[str, Key]] = field(default_factory=dict)  #: By module; name "": a module.
    classes: dict[Key, ast.ClassDef] = field(default_factory=dict)
    functions: dict[Key, Function] = field(default_factory=dict)
    constants: dict[Key, ast.expr] = field(default_factory=dict)
    aliases: set[Key] = field(default_factory=set)  #: Constants that are type aliases.
    sql: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.source.sql():
            self.sql[str(path.with_suffix("")).rpartition("/sql/")[2]] = path
        for module in self.source.modules.values():
            self._define(module)
        for module in self.source.modules.values():
            self._import(module)

    def _define(self, module: Module) -> None:
        names = self.names.setdefault(module.name, {})
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef | Function):
                names[node.name] = Key(module.name, node.name)
            if isinstance(node, ast.ClassDef):
                self._define_class(names[node.name], node)
            elif isinstance(node, Function):
                self.functions[names[node.name]] = node
            for name, value in assigned(node):
                names[name] = Key(module.name, name)
                self.constants[names[name]] = value
                if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
                    self.aliases.add(names[name])

    def _define_class(self, key: Key, node: ast.ClassDef) -> None:
        self.classes[key] = node
        for each in node.body:
            if isinstance(each, Function):
                self.functions[Key(key.module, f"{key.name}.{each.name}")] = each

    def _import(self, module: Module) -> None:
        names = self.names[module.name]
        for node in module.nodes:
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module not in self.source.modules:
                continue
            for alias in node.names:
                here = alias.asname or alias.name
                full = f"{node.module}.{alias.name}"
                if full in self.source.modules:
                    names[here] = Key(full, "")
                else:
                    names[here] = self.target(Key(node.module, alias.name))

    def target(self, key: Key) -> Key:
        """Where a name that a package hands on is defined."""
        known = self.names.get(key.module, {}).get(key.name)
        return key if known is None or known == key else self.target(known)

    def lookup(self, module: str, name: str) -> Key | None:
        found = self.names[module].get(name)
        return None if found is None else self.target(found)

    def types_in(self, module: str, annotation: ast.expr | None) -> frozenset[Key]:
        """Every class that an annotation names, in a union, a sequence or a result alike."""
        if annotation is None:
            return frozenset()
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        found: set[Key] = set()
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name | ast.Attribute):
                key = self.target_of(module, node)
                if key in self.classes:
                    found.add(key)
                elif key is not None and key in self.aliases:
                    found |= self.types_in(key.module, self.constants[key])
        return frozenset(found)

    def target_of(self, module: str, node: ast.expr) -> Key | None:
        if isinstance(node, ast.Name):
            return self.lookup(module, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            base = self.lookup(module, node.value.id)
            if base is not None and not base.name:
                return self.lookup(base.module, node.attr)
        return None

    def bases(self, key: Key) -> Iterator[Key]:
        """The class and those it is made of, the nearest first."""
        yield key
        for base in self.classes[key].bases:
            found = self.target_of(key.module, base)
            if found in self.classes:
                yield from self.bases(found)

    def is_protocol(self, key: Key) -> bool:
        return any(ast.unparse(base).startswith("Protocol") for base in self.classes[key].bases)

    def methods(self, key: Key) -> dict[str, Key]:
        found: dict[str, Key] = {}
        for each in self.bases(key):
            for node in self.classes[each].body:
                if isinstance(node, Function):
                    found.setdefault(node.name, Key(each.module, f"{each.name}.{node.name}"))
        return found

    def behind(self, key: Key) -> list[Key]:
        """The class itself; for a protocol the classes with all its methods and what these take."""
        if not self.is_protocol(key):
            return [key]
        wanted = self._signatures(key)
        return [
            each
            for each in self.classes
            if not self.is_protocol(each)
            and not each.module.startswith("worker.simulator")
            and all(
                takes <= self._signatures(each).get(name, frozenset())
                for name, takes in wanted.items()
            )
        ]

    def _signatures(self, key: Key) -> dict[str, frozenset[str]]:
        """By the name of each method the names of what it takes: `self` is always among them."""
        return {name: _takes(self.functions[each]) for name, each in self.methods(key).items()}

    def field_types(self, key: Key, name: str) -> frozenset[Key]:
        for each in self.bases(key):
            for node in self.classes[each].body:
                if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
                    return self.types_in(each.module, node.annotation)
                if isinstance(node, Function) and node.name == name:
                    return self.types_in(each.module, node.returns)  # A property.
                if isinstance(node, Function) and node.name == "__init__":
                    found = self._set_in(each, node, name)
                    if found:
                        return found
        return frozenset()

    def _set_in(self, key: Key, init: ast.AST, name: str) -> frozenset[Key]:
        assert isinstance(init, Function)
        env = self.parameters(key.module, init)
        for node in ast.walk(init):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if ast.unparse(target) == f"self.{name}":
                    return self.infer(key.module, node.value, env)
        return frozenset()

    def parameters(self, module: str, function: Function) -> Env:
        arguments = function.args
        return {
            each.arg: self.types_in(module, each.annotation)
            for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        }

    def infer(
        self, module: str, node: ast.expr, env: Mapping[str, frozenset[Key]]
    ) -> frozenset[Key]:
        """The classes a value may be of."""
        found: frozenset[Key] = frozenset()
        match node:
            case ast.Name(id=name):
                found = env.get(name, found)
            case ast.Attribute(value=value, attr=attr):
                owners = self.infer(module, value, env)
                found = found.union(*(self.field_types(each, attr) for each in owners))
            case ast.Await(value=value) | ast.Subscript(value=value):
                found = self.infer(module, value, env)
            case ast.Call(func=func):
                made = self.callees(module, func, env)
                found = found.union(*map(self._made, made))
            case ast.BoolOp(values=values):
                found = found.union(*(self.infer(module, each, env) for each in values))
            case _:
                pass
        return found

    def _made(self, key: Key) -> frozenset[Key]:
        """What a call of it gives."""
        if key in self.classes:
            return frozenset({key})
        return self.types_in(key.module, self.functions[key].returns)

    def callees(self, module: str, func: ast.expr, env: Mapping[str, frozenset[Key]]) -> list[Key]:
        """The functions and classes that a call leads to, by its name or by its object's type."""
        found = self.named(module, func, env)
        for owner in self.infer(module, func, env):
            found += self._method(owner, "__call__")
        return found

    def named(self, module: str, node: ast.expr, env: Mapping[str, frozenset[Key]]) -> list[Key]:
        """The function, class or methods that a name stands for: to be called, or handed on."""
        key = self.target_of(module, node)
        if key is not None and (key in self.classes or key in self.functions):
            return [key]
        if not isinstance(node, ast.Attribute):
            return []
        owners = self.infer(module, node.value, env)
        if ast.unparse(node.value) == "super()":
            here = env.get("self", frozenset())
            owners = frozenset(base for each in here for base in [*self.bases(each)][1:])
        return [key for owner in owners for key in self._method(owner, node.attr)]

    def _method(self, owner: Key, name: str) -> list[Key]:
        return [
            methods[name] for each in self.behind(owner) if name in (methods := self.methods(each))
        ]


def assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement of a module assigns, with their values."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield ast.unparse(target), node.value
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield ast.unparse(node.target), node.value


def _takes(function: Function) -> frozenset[str]:
    arguments = function.args
    return frozenset(
        each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    )
