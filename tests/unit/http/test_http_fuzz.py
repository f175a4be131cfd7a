"""Whatever is sent, the API answers as it is described, and never with a fault of its own.

One event loop serves all examples of a test: hypothesis runs the calls in it one after another.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.http.caller import Api, Described
from tests.unit.http.conftest import HOOK_SECRET, World, deps_over
from tests.unit.http.numbers import item, number, order, rich_ann
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.listener import listen

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,  # The same examples in every run: what fails once fails again.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
WRITES = [
    ("PUT", "/v1/accounts/ann"),
    ("POST", "/v1/accounts/ann/topups"),
    ("PUT", "/v1/activations/alpha/1"),
    ("POST", "/v1/activations/bulk"),
    ("POST", "/v1/activations"),
    ("POST", f"/v1/hooks/alpha/{HOOK_SECRET}"),
]
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def served(loop: asyncio.Runner, described: Described) -> Iterator[Api]:
    async def start() -> tuple[Any, aiohttp.ClientSession]:
        app = build_api(deps_over(World()))
        runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
        return runner, aiohttp.ClientSession()

    runner, http = loop.run(start())
    host, port = runner.addresses[0]
    api = Api(http, f"http://{host}:{port}", described)
    loop.run(rich_ann(api))
    yield api
    loop.run(http.close())
    loop.run(runner.cleanup())


@pytest.mark.parametrize(("method", "path"), WRITES)
@FUZZ
@given(raw=st.binary(max_size=200))
def test_any_bytes_as_a_body(
    loop: asyncio.Runner, served: Api, method: str, path: str, raw: bytes
) -> None:
    reply = loop.run(served.call(method, path, raw=raw, headers=KEY))
    assert reply.status < 500


@pytest.mark.parametrize(("method", "path"), WRITES)
@FUZZ
@given(body=JSON)
def test_any_json_as_a_body(
    loop: asyncio.Runner, served: Api, method: str, path: str, body: object
) -> None:
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    reply = loop.run(served.call(method, path, raw=raw, headers=KEY))
    assert reply.status < 500


KEYS = sorted({*item(), *order(), "policy", "charge", "window_seconds", "expires_at", "rented_at"})


@FUZZ
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_any_value_in_a_number(
    loop: asyncio.Runner, served: Api, changes: dict[str, object]
) -> None:
    for method, path, body in (
        ("PUT", "/v1/activations/alpha/1", number() | changes),
        ("POST", "/v1/activations", order() | changes),
        ("POST", "/v1/activations/bulk", {"activations": [item("a"), item("b") | changes]}),
    ):
        raw = json.dumps(body).encode("utf-8", "surrogatepass")
        reply = loop.run(served.call(method, path, raw=raw, headers=KEY))
        assert reply.status < 500
        if path.endswith("bulk") and reply.status == 200:
            statuses = [one["status"] for one in reply.json["results"]]
            assert statuses[0] in {200, 201}
            assert statuses[1] < 500


PATHS = [
    "/v1/accounts/{}",
    "/v1/accounts/{}/entries",
    "/v1/activations/{}",
    "/v1/activations?cursor={}",
    "/v1/activations?state={}&limit={}",
    "/v1/activations?account={}&provider={}",
    "/v1/events?cursor={}",
    "/v1/events?limit={}",
    "/{}",
]


@pytest.mark.parametrize("path", PATHS)
@FUZZ
@given(text=st.text(max_size=40))
def test_any_text_in_a_path_or_query(
    loop: asyncio.Runner, served: Api, path: str, text: str
) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))
    reply = loop.run(served.get(path.replace("{}", quoted or "x")))
    assert reply.status < 500


@pytest.mark.parametrize("name", ["Authorization", "X-Request-Id", "Content-Type", "Expect"])
@FUZZ
@given(value=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
def test_any_text_in_a_header(loop: asyncio.Runner, served: Api, name: str, value: str) -> None:
    reply = loop.run(served.put("/v1/accounts/ann", {"currency": "USD"}, headers={name: value}))
    assert reply.status < 500
