"""An example of every schema of the description, made from the schema itself."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_ID: Final = "35dde110-cee7-5ff5-a514-d40fd8bacc7b"
_AT: Final = "2026-01-01T12:00:00.000000Z"
#: Members of this name, wherever they stand.
_NAMED: Final[Mapping[str, Any]] = {
    "account": "ann",
    "activation": _ID,
    "amount_minor": 120,
    "available_minor": 500,
    "claim_kind": "non_receiving",
    "code": "482913",
    "country": "0",
    "currency": "USD",
    "destination": "balance",
    "fee_minor": 0,
    "detail": "Input should be a valid integer",
    "id": _ID,
    "key": f"hold:{_ID}",
    "next_cursor": None,
    "phone": "+12025550100",
    "pointer": "/amount_minor",
    "policy": "default",
    "price_minor": 120,
    "provider": "hero",
    "provider_ref": "635468021",
    "reason": "timeout",
    "reference": "payment-1",
    "service": "tg",
    "text": "Your code is 482913",
    "title": "The request is not valid",
    "what": "accepted",
}
#: Of one schema, so that what it says holds together.
_OF_SCHEMA: Final[Mapping[str, Mapping[str, Any]]] = {
    "Account": {"held_minor": 0, "state": "open"},
    "Activation": {"state": "refunded", "provider_state": "cancelled", "codes": []},
    "ActivationEnded": {"state": "refunded"},
    "BulkRefused": {"status": 422},
    "Entry": {
        "kind": "hold",
        "amount_minor": -120,
        "source": "available:ann",
        "destination": "held:ann",
    },
    "Event": {"type": "activation.refunded", "id": f"activation-refunded:1:{_ID}", "attempts": 0},
    "IntakeRefused": {"reason": "unknown_account", "job": "0f6f7c1d4f5e4c0a"},
    "Problem": {"type": "/problems/invalid", "status": 422},
    "Settlement": {"outcome": "refunded"},
}


def example_of(name: str, schemas: Schema) -> Any:  # noqa: ANN401 - JSON
    """An example of the schema of this name: of a body, what it needs."""
    return _example(schemas[name], schemas, name)


def _example(schema: Schema, schemas: Schema, name: str = "") -> Any:  # noqa: ANN401 - JSON
    match schema:
        case {"$ref": reference}:
            return example_of(reference.rpartition("/")[2], schemas)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": options}:
            return _example(options[0], schemas)
        case {"properties": members}:
            return _members(schema, members, schemas, name)
        case _:
            return _plain(schema, schemas)


def _members(schema: Schema, members: Schema, schemas: Schema, name: str) -> dict[str, Any]:
    own = _OF_SCHEMA.get(schema.get("title", name), {})
    needed = [*schema.get("required", ()), *schema.get("oneOf", [{}])[0].get("required", ())]
    return {
        member: own[member]
        if member in own
        else _NAMED[member]
        if member in _NAMED and _takes(of, _NAMED[member])
        else _example(of, schemas)
        for member, of in members.items()
        if member in needed or member in own
    }


def _takes(schema: Schema, value: object) -> bool:
    """Whether a schema has room for a value of this kind."""
    kind = {str: "string", int: "integer", type(None): "null"}[type(value)]
    options = schema.get("anyOf", [schema])
    return any(
        option.get("type") == kind and value in option.get("enum", [value]) for option in options
    )


def _plain(schema: Schema, schemas: Schema) -> Any:  # noqa: ANN401 - JSON
    kind = schema.get("type")
    if kind == "array":
        return [_example(schema["items"], schemas)]
    if kind == "string":
        return _text(schema)
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    return {"boolean": True, "number": 0.5, "null": None}.get(str(kind), {})


def _text(schema: Schema) -> str:
    """An id, an instant, a type of event by how it begins, or any word."""
    formats = {"date-time": _AT, "uuid": _ID}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    begins = schema.get("pattern", "").removeprefix("^").replace("\\", "")
    return f"{begins}closed" if begins.endswith(".") else "any"
