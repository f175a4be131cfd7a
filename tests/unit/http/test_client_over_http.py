"""The Python client against the API over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN, Api
from tests.unit.http.conftest import HOOK_SECRET
from tests.unit.http.fakes import NOW, PROVIDER
from worker.client import ApiProblem, ApiUnreachable, Client
from worker.entrypoints.http.listener import listen

RENTED = {
    "account": "acme",
    "phone": "+12025550100",
    "service": "tg",
    "country": "0",
    "price_minor": 20,
}


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Client]:
    async with Client(api.url, WRITE_TOKEN) as client:
        await client.open_account("acme", currency="USD")
        await client.top_up_account("acme", reference="first", amount_minor=100)
        yield client


async def test_answers_are_the_apis_json(client: Client) -> None:
    account = await client.get_account("acme")

    assert account["available_minor"] == 100
    assert account["currency"] == "USD"


async def test_a_number_is_handed_over_with_an_instant_of_python(client: Client) -> None:
    rented_at = NOW - timedelta(seconds=5)

    number = await client.watch_number(PROVIDER, "ref~1", rented_at=rented_at, **RENTED)  # type: ignore[arg-type] # a dict of several types

    assert datetime.fromisoformat(number["rented_at"]) == rented_at
    assert number["provider_ref"] == "ref~1"


async def test_several_people_act_over_the_same_connections() -> None:
    sent: list[tuple[str | None, str | None]] = []

    async def account(request: web.Request) -> web.Response:
        sent.append((request.headers.get("Authorization"), request.headers.get("X-Actor")))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/v1/accounts/acme", account)
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with Client(f"http://{host}:{port}") as client:
        for one in (client, client.acting("t1", "Ann"), client.acting("t2"), client):
            _ = await one.get_account("acme")
    await runner.cleanup()

    assert sent == [(None, None), ("Bearer t1", "Ann"), ("Bearer t2", None), (None, None)]


async def test_a_refusal_has_the_problems_type_and_names_the_fields(client: Client) -> None:
    with pytest.raises(ApiProblem) as refused:
        await client.top_up_account("acme", reference="second", amount_minor=-1)

    problem = refused.value
    assert (problem.type, problem.slug, problem.status) == ("/problems/invalid", "invalid", 422)
    assert [each["pointer"] for each in problem.errors] == ["/amount_minor"]
    assert "/amount_minor" in str(problem)
    assert problem.request_id == "made-here"


async def test_a_token_that_may_only_read_is_refused_what_it_may_not(api: Api) -> None:
    async with Client(api.url, READ_TOKEN) as viewer:
        with pytest.raises(ApiProblem, match="forbidden"):
            await viewer.open_account("acme", currency="USD")


async def test_an_order_sent_again_under_its_key_is_the_same_order(client: Client) -> None:
    order = {"account": "acme", "provider": PROVIDER, "service": "tg", "country": "0"}

    first = await client.rent_number(**order, price_minor=20, idempotency_key="order-1")  # type: ignore[arg-type] # a dict of texts
    again = await client.rent_number(**order, price_minor=20, idempotency_key="order-1")  # type: ignore[arg-type] # the same

    assert first["id"] == again["id"]


async def test_what_is_left_out_is_not_sent(client: Client) -> None:
    page = await client.list_activations(account="acme", limit=1)

    assert page == {"items": [], "next_cursor": None}


async def test_changes_end_with_the_number(client: Client) -> None:
    number = await client.watch_number(PROVIDER, "1", **RENTED)  # type: ignore[arg-type] # a dict of several types
    states: list[str] = []

    async with asyncio.timeout(30):
        async for seen in client.changes(number["id"]):
            states.append(seen["state"])
            if seen["state"] == "waiting":
                await client.cancel_activation(number["id"])

    assert states == ["waiting", "refunded"]


async def test_a_push_is_sent_as_it_came(client: Client) -> None:
    assert await client.push_sms(PROVIDER, HOOK_SECRET, content=b'{"ref": "1"}') == {}
    with pytest.raises(ApiProblem, match="not-found"):
        await client.push_sms(PROVIDER, "a guess", content=b"{}")


async def test_no_answer_says_so_without_the_path(unused_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_port}", "t") as client:
        with pytest.raises(ApiUnreachable) as lost:
            await client.push_sms("p", "a-secret", content=b"")

    assert "a-secret" not in str(lost.value)


async def test_a_server_that_is_not_ours_is_no_answer(api: Api) -> None:
    async with Client(f"{api.url}/elsewhere", WRITE_TOKEN) as client:
        with pytest.raises(ApiProblem, match="not-found"):
            await client.get_account("acme")


@pytest.fixture
def unused_port(unused_tcp_port: int) -> int:
    return unused_tcp_port


async def test_what_a_gateway_answers_is_no_problem_of_the_api() -> None:
    answers = [
        ("application/json", '{"status": "error", "errors": [{"code": 1}]}'),
        ("application/json", '{"errors": 5}'),
        ("application/json", "[]"),
        ("application/problem+json", "[]"),
    ]
    left = list(answers)

    async def gateway(_request: web.Request) -> web.Response:
        kind, text = left.pop(0)
        return web.Response(status=503, text=text, content_type=kind)

    app = web.Application()
    app.router.add_get("/v1/accounts/acme", gateway)
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with Client(f"http://{host}:{port}") as client:
        for _ in answers:
            with pytest.raises(ApiUnreachable, match="HTTP 503"):
                await client.get_account("acme")

        left.append(("application/problem+json", '{"status": "bad", "errors": [{"code": 1}, 2]}'))
        with pytest.raises(ApiProblem) as strange:
            await client.get_account("acme")
    await runner.cleanup()
    assert (strange.value.status, strange.value.errors) == (503, [])
