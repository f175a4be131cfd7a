"""The OpenAPI 3.1 description of the API, from the signatures and models that also validate."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from worker.entrypoints.http.problems import MEDIA_TYPE, Kind
from worker.entrypoints.http.responses import ProblemShown
from worker.entrypoints.http.routing import IDEMPOTENCY_KEY, Header, Route

Document: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["validation", "serialization"]

_REF = "#/components/schemas/{model}"
_ALWAYS = (Kind.BAD_REQUEST, Kind.INTERNAL, Kind.STORE_UNAVAILABLE)
_WITH_TOKEN = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN)
_WITH_BODY = (
    Kind.INVALID_JSON,
    Kind.BODY_TIMEOUT,
    Kind.CONTENT_TOO_LARGE,
    Kind.UNSUPPORTED_MEDIA_TYPE,
)


def document(routes: Sequence[Route]) -> Document:
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "activation-worker",
            "version": "1.0.0",
            "description": "Instants are UTC, RFC 3339, microseconds. "
            "Money is an integer in minor units. Errors are RFC 9457 problems.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> Document:
    told = route.handler.__doc__ or ""
    operation: Document = {
        "operationId": "_".join(re.findall(r"[a-z]+", _name(route))),
        "summary": told.partition("\n")[0].strip(),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.scope is not None:
        operation["security"] = [{"bearer": []}]
        operation["description"] = f"Scope: `{route.scope.value}`."
    body = _body(route)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    return operation


def _name(route: Route) -> str:
    """The class and method that answer, or the function alone."""
    return route.handler.__qualname__.rpartition("<locals>.")[2].lower()


def _parameters(route: Route) -> list[Document]:
    found: list[Document] = []
    for place, model in (("path", route.inputs.path), ("query", route.inputs.query)):
        schema = model.model_json_schema()
        required = set(schema.get("required", ()))
        found += [
            {"name": name, "in": place, "required": name in required, "schema": _plain(each)}
            for name, each in schema.get("properties", {}).items()
        ]
    optional = () if route.once is None else (IDEMPOTENCY_KEY,)
    return found + [_header(one) for one in (*route.inputs.headers.values(), *optional)]


def _header(header: Header) -> Document:
    pattern = {} if header.pattern is None else {"pattern": header.pattern}
    return {
        "name": header.name,
        "in": "header",
        "required": header.required,
        "schema": {"type": "string", **pattern},
    }


def _plain(schema: Document) -> Document:
    """A parameter that may be left out is left out, never null; its title is its name."""
    variants = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    merged = {**schema, **variants[0]} if variants else dict(schema)
    hidden = {"anyOf", "title"} | ({"default"} if merged.get("default", ...) is None else set())
    return {key: value for key, value in merged.items() if key not in hidden}


def _responses(route: Route) -> Document:
    responses: Document = {
        str(status): {"description": HTTPStatus(status).phrase}
        | ({} if model is None else {"content": _json(model)})
        for status, model in route.answers.items()
    }
    kinds: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(_problems(route)):
        kinds.setdefault(kind.status, []).append(kind)
    for status, of in sorted(kinds.items()):
        content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemShown.__name__)}}}
        told = "; ".join(f"`{kind.type}`: {kind.title}" for kind in of)
        known = responses.setdefault(str(status), {"description": told})
        known["content"] = {**known.get("content", {}), **content}
    return responses


def _problems(route: Route) -> Iterable[Kind]:
    yield from _ALWAYS
    if route.scope is not None:
        yield from _WITH_TOKEN
    if _body(route) is not None:
        yield from _WITH_BODY
    if _can_be_invalid(route):
        yield Kind.INVALID
    if route.once is not None:
        yield from (Kind.IDEMPOTENCY_KEY_REQUIRED, Kind.IDEMPOTENCY_KEY_REUSED)
    yield from route.problems


def _can_be_invalid(route: Route) -> bool:
    taken = {**route.inputs.path.model_fields, **route.inputs.query.model_fields}
    return bool(taken) or _body(route) is not None or re.search("{", route.path) is not None


def _body(route: Route) -> type[BaseModel] | None:
    return route.body or route.inputs.body


def _json(model: type[BaseModel]) -> Document:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _schemas(routes: Sequence[Route]) -> Document:
    taken: dict[type[BaseModel], Mode] = {ProblemShown: "serialization"}
    for route in routes:
        body = _body(route)
        taken |= {} if body is None else {body: "validation"}
        taken |= {model: "serialization" for model in route.answers.values() if model is not None}
    _, schemas = models_json_schema(list(taken.items()), ref_template=_REF)
    found: Document = schemas["$defs"]
    return found
