"""The Python client has the calls that the API describes, by their names, with their arguments."""

import inspect
import json
from typing import Any

from deploy.client import DESCRIPTION, modules, name
from worker.client import Client


def operations() -> list[dict[str, Any]]:
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return [operation for methods in paths.values() for operation in methods.values()]


def test_what_is_committed_is_what_is_made_from_the_description() -> None:
    """Else: `python -m deploy.client`."""
    assert {path.name: path.read_text() for path in modules()} == {
        path.name: text for path, text in modules().items()
    }


def test_every_operation_is_a_method_and_takes_what_the_operation_takes() -> None:
    described = operations()

    assert len(described) > 30
    for operation in described:
        method = getattr(Client, operation["operationId"])
        assert inspect.iscoroutinefunction(method)
        taken = set(inspect.signature(method).parameters)
        given = {name(p["name"]) for p in operation["parameters"] if p["in"] != "header"}
        assert given <= taken, operation["operationId"]


def test_a_parameter_named_as_a_word_of_python_gets_an_underscore() -> None:
    assert [name(each) for each in ("account", "Idempotency-Key", "type", "from", "id")] == [
        "account",
        "idempotency_key",
        "type_",
        "from_",
        "id",
    ]
