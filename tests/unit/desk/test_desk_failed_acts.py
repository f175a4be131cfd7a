"""An act whose end nobody knows: the page says so, and sent again it is the same act."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Page, Visitor
from worker.entrypoints.http.listener import listen

ACCOUNT: dict[str, Any] = {
    "account": "ann", "currency": "USD", "policy": "default", "available_minor": 1000,
    "held_minor": 0, "state": "open", "obligations": [], "notes": [],
}  # fmt: skip
OUT = "/accounts/ann/withdrawals"
STORE = {"type": "/problems/store-unavailable", "title": "No database", "status": 503}


class FailingApi:
    """It answers what is read; whatever is done there ends as *fails* says."""

    def __init__(self) -> None:
        self.fails = "problem"
        self.done: list[tuple[str, dict[str, Any], str | None]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            body = await request.json() if request.can_read_body else {}
            self.done.append((request.path, body, request.headers.get("Idempotency-Key")))
        if request.method == "POST" or self.fails == "everything":
            if self.fails == "problem":
                kind = "application/problem+json"
                return web.json_response(STORE, status=503, content_type=kind)
            assert request.transport is not None
            request.transport.abort()
        if request.path == "/v1/accounts/ann":
            return web.json_response(ACCOUNT)
        return web.json_response({"items": [], "next_cursor": None})


@asynccontextmanager
async def desk_and_api() -> AsyncIterator[tuple[Visitor, FailingApi]]:
    api, app = FailingApi(), web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with desk_over(f"http://{host}:{port}") as visitor:
        await visitor.sign_in()
        yield visitor, api
    await runner.cleanup()


def form_of(page: Page, path: str) -> dict[str, str]:
    """What the form that goes to *path* holds."""
    found = re.search(rf'<form[^>]*action="{path}".*?</form>', page.raw, re.DOTALL)
    assert found is not None, page.raw
    names = re.findall(r'<input[^>]*?name="(\w+)"[^>]*?value="([^"]*)"', found[0])
    texts = re.findall(r'<textarea[^>]*?name="(\w+)"[^>]*>([^<]*)<', found[0])
    return dict([*names, *texts])


@pytest.mark.parametrize("fails", ["problem", "no answer"])
async def test_a_payout_that_may_have_been_opened_is_sent_again_as_the_same(fails: str) -> None:
    typed = {"amount": "1.00", "withdraw_reason": "changed_mind", "reason": "he left"}
    async with desk_and_api() as (visitor, api):
        api.fails = fails
        page = await visitor.get("/accounts/ann")
        other = form_of(page, "/accounts/ann/notes")["key"]
        page = await visitor.post(OUT, {**form_of(page, OUT), **typed})
        assert page.status == (503 if fails == "problem" else 502)
        assert "It may have been done" in page.text
        assert "Nothing was changed" not in page.text
        assert '<option value="changed_mind" selected>' in page.raw
        again = form_of(page, OUT)
        assert again["amount"] == "1.00"
        assert form_of(page, "/accounts/ann/notes")["key"] not in {other, again["key"]}

        await visitor.post(OUT, {**again, "withdraw_reason": "changed_mind"})

    first, second = api.done
    assert first == second
    assert first[2] is not None
    assert first[1]["reference"]


async def test_what_was_typed_as_the_payouts_reference_stays() -> None:
    async with desk_and_api() as (visitor, api):
        form = form_of(await visitor.get("/accounts/ann"), OUT)
        page = await visitor.post(OUT, {**form, "reference": "ticket-7"})

    assert api.done[0][1]["reference"] == "ticket-7"
    assert form_of(page, OUT)["reference"] == "ticket-7"


async def test_where_not_even_the_page_can_be_read_the_same_is_sent_again_from_there() -> None:
    async with desk_and_api() as (visitor, api):
        form = form_of(await visitor.get("/accounts/ann"), "/accounts/ann/notes")
        api.fails = "everything"
        page = await visitor.post("/accounts/ann/notes", {**form, "note": 'he "said" so'})
        assert (page.status, "It may have been done" in page.text) == (502, True)
        again = form_of(page, "/accounts/ann/notes")
        assert (again["key"], again["note"]) == (form["key"], "he &#34;said&#34; so")

        read = await visitor.get("/accounts/ann")

    assert (read.status, "It may have been done" in read.text) == (502, False)


@pytest.mark.parametrize("fails", ["problem", "no answer"])
async def test_a_look_at_the_codes_that_may_be_recorded_is_not_said_to_be_recorded_once(
    fails: str,
) -> None:
    async with desk_and_api() as (visitor, api):
        csrf = (await visitor.get("/accounts/ann")).csrf
        api.fails = fails
        said = await visitor.post("/a/77001/shown", {"csrf": csrf}, **{"HX-Request": "true"})

    assert "It may have been done: look first. Pressed again, it is done again." in said.text
    assert "done once" not in said.text
