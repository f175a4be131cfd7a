"""Builds each part of the lifecycle once, from the names and types of its fields."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")


class Wiring:
    """A field whose type is a dataclass gets the one object of that class, built where it is new.

    Any other field gets the resource of its name, or else its default. A part that needs what is
    None is not configured: it is not built, and only a field that may be None does without it.
    """

    def __init__(self, named: Mapping[str, object], objects: Mapping[type, object]) -> None:
        self._named = named
        self._objects = dict(objects)

    def build(self, part: type[T]) -> T:
        built = self._object(part)
        assert isinstance(built, part), f"{part.__name__} is not configured"
        return built

    def _object(self, part: type) -> object:
        if part not in self._objects:
            self._objects[part] = self._built(part)
        return self._objects[part]

    def _built(self, part: type) -> object:
        types = get_type_hints(part)
        given: dict[str, object] = {}
        for each in fields(part):
            if self._keeps_default(each):
                continue
            type_, optional = _without_none(types[each.name])
            given[each.name] = self._value(each.name, type_)
            if given[each.name] is None and not optional:
                return None
        return part(**given)

    def _keeps_default(self, field: "Field[Any]") -> bool:
        has_one = field.default is not MISSING or field.default_factory is not MISSING
        return not field.init or (has_one and field.name not in self._named)

    def _value(self, name: str, type_: object) -> object:
        if isinstance(type_, type) and is_dataclass(type_):
            return self._object(type_)
        return self._named[name]


def _without_none(type_: object) -> tuple[object, bool]:
    """The type itself, and whether None may stand in its place."""
    options = get_args(type_)
    if type(None) not in options:
        return type_, False
    (only,) = (option for option in options if option is not type(None))
    return only, True
