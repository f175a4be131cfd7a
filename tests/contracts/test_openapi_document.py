"""The description of the API: valid, committed, and what the application really serves.

After a change that is meant, run this file with `UPDATE_GOLDEN=1` in the environment.
"""

import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.api import build_api, routes_of
from worker.entrypoints.http.events import feed_poll_of
from worker.entrypoints.http.long_poll import LongPoll
from worker.entrypoints.http.openapi import describe

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi.json"

#: What clients rely on.
CALLS = {
    "PUT /v1/accounts/{account}",
    "GET /v1/accounts",
    "POST /v1/accounts/bulk",
    "GET /v1/accounts/{account}",
    "POST /v1/accounts/{account}/topups",
    "GET /v1/accounts/{account}/entries",
    "PUT /v1/activations/{provider}/{provider_ref}",
    "POST /v1/activations/bulk",
    "POST /v1/activations",
    "GET /v1/activations/{id}",
    "GET /v1/activations/{provider}/{provider_ref}",
    "GET /v1/activations",
    "POST /v1/activations/{id}/cancel",
    "POST /v1/activations/{id}/finish",
    "POST /v1/activations/{id}/resend",
    "POST /v1/activations/{id}/report",
    "GET /v1/rentals",
    "GET /v1/withdrawals",
    "GET /v1/cases",
    "GET /v1/reviews",
    "POST /v1/activations/{id}/notes",
    "POST /v1/activations/{id}/shown",
    "POST /v1/claims/{id}/notes",
    "POST /v1/withdrawals/{id}/notes",
    "POST /v1/accounts/{id}/notes",
    "GET /v1/providers",
    "GET /v1/providers/{name}",
    "POST /v1/providers/{name}/pause",
    "POST /v1/providers/{name}/resume",
    "POST /v1/providers/{name}/drain",
    "GET /v1/events",
    "POST /v1/hooks/{provider}/{secret}",
    "GET /openapi.json",
}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    deps = deps_over(World())
    return describe(routes_of(deps, LongPoll(deps.activations.versions), feed_poll_of(deps.outbox)))


def test_the_description_is_valid_openapi(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()


def test_the_committed_description_is_the_one_that_is_served(described: dict[str, Any]) -> None:
    fresh = json.dumps(described, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(fresh)
    assert GOLDEN.read_text() == fresh, "see the docstring of this file"


def test_every_call_of_the_contract_is_described_and_no_other(described: dict[str, Any]) -> None:
    calls = {
        f"{method.upper()} {path}"
        for path, operations in described["paths"].items()
        for method in operations
    }
    assert calls >= CALLS


def test_what_is_described_is_what_the_application_routes(described: dict[str, Any]) -> None:
    app: web.Application = build_api(deps_over(World()))
    routed = {(r.method.lower(), r.resource.canonical) for r in app.router.routes() if r.resource}
    told = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert routed == told


def test_operations_have_names_of_their_own_and_say_what_they_do(described: dict[str, Any]) -> None:
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert all(re.fullmatch(r"[A-Z].+\.", one["summary"]) for one in operations)


def test_each_call_stands_under_the_noun_of_its_path(described: dict[str, Any]) -> None:
    told = {tag["name"] for tag in described["tags"]}
    for path, methods in described["paths"].items():
        noun = path.split("/")[2] if path.startswith("/v1/") else "description"
        assert noun in told
        assert [one["tags"] for one in methods.values()] == [[noun]] * len(methods)


def test_no_amount_of_money_is_described_as_a_float(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    amounts = [
        (name, key, each)
        for name, schema in schemas.items()
        for key, each in schema.get("properties", {}).items()
        if key.endswith("_minor")
    ]
    assert amounts
    for name, key, schema in amounts:
        kinds = {one.get("type") for one in schema.get("anyOf", [schema])}
        assert kinds <= {"integer", "null"}, f"{name}.{key}"


def _media(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    places = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [each for place in places for each in place.get("content", {}).items()]


def test_every_body_and_answer_has_an_example_that_its_schema_takes(
    described: dict[str, Any],
) -> None:
    components = described["components"]
    operations = [
        operation
        for group in ("paths", "webhooks")
        for methods in described[group].values()
        for operation in methods.values()
    ]
    checked = 0
    for operation in operations:
        for kind, media in _media(operation):
            if kind == "*/*":
                continue
            name = media["schema"]["$ref"].rpartition("/")[2]
            example = media.get("example") or components["examples"][name]["value"]
            schema = {"$ref": f"#/components/schemas/{name}", "components": components}
            errors = [f"{name}: {e.message}" for e in OAS31Validator(schema).iter_errors(example)]
            assert errors == [], operation["operationId"]
            checked += 1
    assert checked > 200


def test_every_type_of_event_is_described_as_a_webhook(described: dict[str, Any]) -> None:
    """The types of the contract, each with the body that is sent and its headers."""
    types = {"activation.code_received", "activation.delivered", "activation.refunded"}
    types |= {"activation.closed", "activation.in_review", "intake.refused"}
    types |= {"review.opened", "review.decided", "review.late"}
    types |= {f"{case}.*" for case in ("claim", "rental", "withdrawal", "account")}

    assert set(described["webhooks"]) == types
    for type_, operations in described["webhooks"].items():
        headers = [each["name"] for each in operations["post"]["parameters"]]
        assert headers == ["webhook-id", "webhook-timestamp", "webhook-signature"]
        ((_, media),) = _media({**operations["post"], "responses": {}})
        name = media["schema"]["$ref"].rpartition("/")[2]
        value = described["components"]["examples"][name]["value"]
        assert value["type"].startswith(type_.rstrip("*"))


def test_the_version_is_that_of_the_package(described: dict[str, Any]) -> None:
    assert described["info"]["version"] == metadata.version("activation-worker")
