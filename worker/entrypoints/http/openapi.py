"""The OpenAPI 3.1 description of the API, from the signatures and models that also validate."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib import metadata
from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from worker.entrypoints.http.examples import example_of
from worker.entrypoints.http.problems import MEDIA_TYPE, ProblemDetails, ProblemKind, ProblemShown
from worker.entrypoints.http.routing import ACTOR, IDEMPOTENCY_KEY, Header, Route
from worker.entrypoints.http.webhooks import EVENT_DATA, WEBHOOKS

OpenApi: TypeAlias = dict[str, Any]  #: The whole description, or a part of it.

_REF = "#/components/schemas/{model}"
_ALWAYS = (ProblemKind.BAD_REQUEST, ProblemKind.INTERNAL, ProblemKind.STORE_UNAVAILABLE)
_WITH_TOKEN = (
    ProblemKind.UNAUTHENTICATED,
    ProblemKind.FORBIDDEN,
    ProblemKind.TOO_MANY_WRONG_TOKENS,
)
_WITH_BODY = (
    ProblemKind.INVALID_JSON,
    ProblemKind.BODY_TIMEOUT,
    ProblemKind.CONTENT_TOO_LARGE,
    ProblemKind.UNSUPPORTED_MEDIA_TYPE,
)
#: The groups of calls, by the part of the path that names them.
TAGS: Final[Mapping[str, str]] = {
    "accounts": "Customers' accounts: their balances, their ledger, what happened to them.",
    "activations": "Numbers rented for one SMS: rent one, or hand over one; follow and cancel it.",
    "rentals": "Numbers rented for hours, days or months.",
    "claims": "What customers ask back.",
    "withdrawals": "Money that leaves the platform.",
    "cases": "Claims, outages, withdrawals and account events, in one list.",
    "reviews": "What waits for a human.",
    "providers": "Companies that rent numbers out: their figures; stop and start renting there.",
    "events": "What is told to the outside.",
    "hooks": "Where providers push SMS.",
    "description": "This description.",
}


def describe(routes: Sequence[Route]) -> OpenApi:
    paths: OpenApi = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    schemas = _schemas(routes)
    used = {tag for methods in paths.values() for one in methods.values() for tag in one["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "activation-worker",
            "version": metadata.version("activation-worker"),
            "description": "Instants are UTC, RFC 3339, microseconds. "
            "Money is an integer in minor units. Errors are RFC 9457 problems.",
        },
        "tags": [{"name": tag, "description": says} for tag, says in TAGS.items() if tag in used],
        "paths": paths,
        "webhooks": {type_: {"post": _webhook(type_, body)} for type_, body in WEBHOOKS.items()},
        "components": {
            "schemas": schemas,
            "examples": {name: {"value": example_of(name, schemas)} for name in schemas},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> OpenApi:
    docstring = route.handler.__doc__ or ""
    operation: OpenApi = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": docstring.partition("\n")[0].strip(),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.scope is not None:
        operation["security"] = [{"bearer": []}]
        words = " or ".join(f"`{word}`" for word in route.scope.words)
        operation["description"] = f"Scope: {words}."
    body = _body(route)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    elif route.inputs.request and route.method == "POST":
        operation["requestBody"] = {"content": {"*/*": {}}}  # Whatever the provider sends.
    return operation


#: As Standard Webhooks 1.0 has them.
_SIGNED: Final[Mapping[str, str]] = {
    "webhook-id": "The event's id; the same when it is sent again.",
    "webhook-timestamp": "Of this attempt, in seconds since 1970.",
    "webhook-signature": "`v1,` and base64 of the HMAC-SHA256 of id, timestamp and body.",
}


def _webhook(type_: str, body: type[BaseModel]) -> OpenApi:
    """What `[events] url` gets for events of a type."""
    headers = [
        {"name": name, "in": "header", "required": True, "description": says}
        for name, says in _SIGNED.items()
    ]
    return {
        "operationId": "on_" + type_.removesuffix(".*").replace(".", "_"),
        "tags": ["events"],
        "summary": (EVENT_DATA[type_].__doc__ or "").partition("\n")[0],
        "parameters": [{**header, "schema": {"type": "string"}} for header in headers],
        "requestBody": {"required": True, "content": _json(body)},
        "responses": {
            "2XX": {"description": "It is taken; anything else is tried again."},
            "410": {"description": "The endpoint wants no more events."},
        },
    }


def _tag(route: Route) -> str:
    first = route.path.removeprefix("/v1").split("/")[1]
    return first if first in TAGS else "description"


def _parameters(route: Route) -> list[OpenApi]:
    parameters: list[OpenApi] = []
    for place, model in (("path", route.inputs.path), ("query", route.inputs.query)):
        schema = model.model_json_schema()
        required = set(schema.get("required", ()))
        parameters += [
            {"name": name, "in": place, "required": name in required, "schema": _plain(field)}
            for name, field in schema.get("properties", {}).items()
        ]
    optional = (
        *([IDEMPOTENCY_KEY] if route.run_once is not None else []),
        *([ACTOR] if takes_actor(route) else []),
    )
    headers = (*route.inputs.headers.values(), *optional)
    return parameters + [_header(header) for header in headers]


def takes_actor(route: Route) -> bool:
    """Every call that changes something: a person may have made it."""
    return route.method != "GET" and route.scope is not None


def _header(header: Header) -> OpenApi:
    pattern = {} if header.pattern is None else {"pattern": header.pattern}
    return {
        "name": header.name,
        "in": "header",
        "required": header.required,
        "schema": {"type": "string", **pattern},
    }


def _plain(schema: OpenApi) -> OpenApi:
    """Without null, because a caller leaves a parameter out; without the title, its name."""
    variants = [v for v in schema.get("anyOf", ()) if v != {"type": "null"}]
    merged = {**schema, **variants[0]} if variants else dict(schema)
    hidden = {"anyOf", "title"} | ({"default"} if merged.get("default", ...) is None else set())
    return {key: value for key, value in merged.items() if key not in hidden}


def _responses(route: Route) -> OpenApi:
    responses: OpenApi = {
        str(status): {"description": HTTPStatus(status).phrase}
        | ({} if model is None else {"content": _json(model)})
        for status, model in route.answers.items()
    }
    kinds: dict[int, list[ProblemKind]] = {}
    for kind in dict.fromkeys(_problems(route)):
        kinds.setdefault(kind.status, []).append(kind)
    for status, same_status in sorted(kinds.items()):
        example = ProblemDetails(same_status[0]).as_json()
        content = {MEDIA_TYPE: {"schema": _reference(ProblemShown), "example": example}}
        description = "; ".join(f"`{kind.type}`: {kind.title}" for kind in same_status)
        response = responses.setdefault(str(status), {"description": description})
        response["content"] = {**response.get("content", {}), **content}
    return responses


def _problems(route: Route) -> Iterable[ProblemKind]:
    yield from _ALWAYS
    if route.scope is not None:
        yield from _WITH_TOKEN
    if _body(route) is not None:
        yield from _WITH_BODY
    if _can_be_invalid(route):
        yield ProblemKind.INVALID
    if route.run_once is not None:
        yield from (ProblemKind.IDEMPOTENCY_KEY_REQUIRED, ProblemKind.IDEMPOTENCY_KEY_REUSED)
    yield from route.problems


def _can_be_invalid(route: Route) -> bool:
    fields = {**route.inputs.path.model_fields, **route.inputs.query.model_fields}
    return bool(fields) or _body(route) is not None or re.search("{", route.path) is not None


def _body(route: Route) -> type[BaseModel] | None:
    return route.body or route.inputs.body


def _json(model: type[BaseModel]) -> OpenApi:
    example = {"$ref": f"#/components/examples/{_public(model.__name__)}"}
    return {"application/json": {"schema": _reference(model), "examples": {"one": example}}}


def _reference(model: type[BaseModel]) -> OpenApi:
    return {"$ref": _REF.format(model=_public(model.__name__))}


def _schemas(routes: Sequence[Route]) -> OpenApi:
    told: list[type[BaseModel]] = [ProblemShown, *WEBHOOKS.values()]
    models: dict[type[BaseModel], JsonSchemaMode] = dict.fromkeys(told, "serialization")
    for route in routes:
        body = _body(route)
        models |= {} if body is None else {body: "validation"}
        models |= {model: "serialization" for model in route.answers.values() if model is not None}
    _, schemas = models_json_schema(list(models.items()), ref_template=_REF)
    definitions: OpenApi = schemas["$defs"]
    renamed: OpenApi = {_public(name): _renamed(schema) for name, schema in definitions.items()}
    assert len(renamed) == len(definitions), "two schemas have one public name"
    return renamed


def _public(model: str) -> str:
    """The name of a schema, which clients generate classes from: `Activation`."""
    return model.removesuffix("Shown")


def _renamed(schema: Any) -> Any:  # noqa: ANN401 - JSON
    match schema:
        case dict():
            return {
                key: _public(value)
                if key in {"title", "$ref"} and isinstance(value, str)
                else _renamed(value)
                for key, value in schema.items()
            }
        case list():
            return [_renamed(each) for each in schema]
        case _:
            return schema
