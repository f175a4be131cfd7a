"""A number or what came to it must not reach a log through the repr of a value that holds it."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import worker
from worker.entrypoints.http.responses import ResponseBody

#: Fields by name: what they hold is a phone, a code, an SMS, or words of a reply that may be one.
HIDDEN = frozenset({"phone", "code", "text", "rest", "word", "api_key", "key_suffix", "base_url"})
NOT_OURS = ("worker.simulator", "worker.adapters.store.migrations")  #: Inventions; statements.
SECRET = "79991234567"
#: Fields of such a name that hold something else.
HARMLESS = {
    ("BalanceBounds", "rest"),
    ("ProviderSums", "rest"),
    ("ProviderSettings", "api_key"),  # A SecretStr by itself.
    ("ProviderSettings", "base_url"),  # Without the key.
    ("Scenario", "code"),
    ("AccountEvents", "word"),
    ("Claims", "word"),
    ("Outages", "word"),
    ("Withdrawals", "word"),
}


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(worker.__path__, "worker."):
        if not found.name.startswith(NOT_OURS) and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def fields_of(value: type) -> frozenset[str]:
    if dataclasses.is_dataclass(value):
        return frozenset(field.name for field in dataclasses.fields(value))
    if issubclass(value, BaseModel):
        return frozenset(value.model_fields)
    return frozenset(getattr(value, "_fields", ()))


def holders() -> list[tuple[type, str]]:
    values = {
        value
        for module in modules()
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        # Only described to OpenAPI: nobody makes one.
        and not issubclass(value, ResponseBody)
    }
    found = [(value, name) for value in values for name in fields_of(value) & HIDDEN]
    return sorted(
        (one for one in found if (one[0].__name__, one[1]) not in HARMLESS),
        key=lambda one: (one[0].__module__, one[0].__name__, one[1]),
    )


def made_of(value: Any, name: str) -> object:
    """One that holds the secret there and nothing elsewhere, whatever it asks of its fields."""
    content = dict.fromkeys(fields_of(value)) | {name: SECRET}
    if issubclass(value, BaseModel):
        return value.model_construct(**content)
    if issubclass(value, tuple):
        return value(**content)
    empty = object.__new__(value)
    for field, held in content.items():
        object.__setattr__(empty, field, held)
    return empty


@pytest.mark.parametrize(("value", "name"), holders())
def test_no_repr_shows_what_a_value_hides(value: type, name: str) -> None:
    made = made_of(value, name)

    assert getattr(made, name) == SECRET
    assert SECRET not in f"{made!r} {made}"
