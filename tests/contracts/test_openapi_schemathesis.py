"""Schemathesis reads the description and looks for a call that is answered otherwise."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.pytest._test_builder import build_operation_test

from tests.unit.http.caller import WRITE_TOKEN
from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.api import build_api, routes_of
from worker.entrypoints.http.events import feed_poll_of
from worker.entrypoints.http.listener import listen
from worker.entrypoints.http.long_poll import LongPoll
from worker.entrypoints.http.openapi import describe

T = TypeVar("T")

DESCRIPTION = json.loads((Path(__file__).parents[1] / "golden/openapi.json").read_text())
LABELS = sorted(
    f"{method.upper()} {path}"
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
    if "responses" in operation
)

#: For each operation; `make nightly` asks for more.
EXAMPLES = int(os.environ.get("AW_API_EXAMPLES", "10"))
#: What is meant to be otherwise than schemathesis would have it.
EXCLUDED = [
    # A cursor is opaque, 1.0 is no integer here, and an instant has limits no pattern tells.
    positive_data_acceptance,
    # Paths overlap: PUT …/{provider}/{provider_ref} with POST …/{id}/cancel, GET …/{id} with
    # POST …/bulk. Methods that one of them has are allowed, rightly; the 405 is tested in
    # test_http_middleware.
    allow_header_conformance,
    unsupported_method,
]
#: A bad item of a bulk call fails alone, in an answer of 200.
EXCLUDED_OF_BULK = [*EXCLUDED, negative_data_rejection]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The application on a loop of its own: schemathesis calls it and waits."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=10)

    # Wrong tokens slow their address down, and here all come from one: hours pass between two.
    patient = replace(deps_over(World()), monotonic=lambda: time.monotonic() * 100_000)
    runner = run(listen(build_api(patient), "127.0.0.1", 0, drain_seconds=1))
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    run(runner.cleanup())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """By their labels. Read here and not as the module is: that takes half a minute each time."""
    deps = deps_over(World())
    routes = routes_of(deps, LongPoll(deps.activations.versions), feed_poll_of(deps.outbox))
    schema = schemathesis.openapi.from_dict(describe(routes))
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_one_that_is_described(
    label: str, operations: dict[str, Any], url: str
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(
            base_url=url,
            headers={"Authorization": f"Bearer {WRITE_TOKEN}"},
            excluded_checks=EXCLUDED_OF_BULK if case.path.endswith("/bulk") else EXCLUDED,
        )

    operation = operations[label]
    build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=call,
        given_kwargs={},
        feedback=NO_FEEDBACK,
    )()


def test_every_operation_of_the_description_is_called(operations: dict[str, Any]) -> None:
    assert sorted(operations) == LABELS
