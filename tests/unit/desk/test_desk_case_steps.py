"""What happened in a case is told on its page, whatever kind it is, until it is closed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web

from tests.unit.desk.conftest import desk_over
from tests.unit.desk.html_forms import forms_in
from tests.unit.desk.visitor import Page
from worker.entrypoints.desk.case_page import STEPS
from worker.entrypoints.http.listener import listen

ID: Final = "57fc1c62-11fb-51fe-8d8a-ce301b03e30d"
AT: Final = "2026-01-05T09:30:00.000000Z"
APPROVED: Final[dict[str, Any]] = {
    "id": ID, "account": "ann", "currency": "USD", "state": "approved", "moved_minor": 0,
    "withheld_minor": 0, "facts": {}, "evidence": [], "opened_at": AT, "closed_at": None,
    "charge": "hold", "activation": None, "rental": None, "order_ref": None, "decisions": [],
    "verdict": None, "timers": [], "policy": "P2",
    "decision": {
        "outcome": "payout", "amount_minor": 300, "fee_minor": 0, "destination": "client",
        "reason": "account_deleted", "by": "shop", "at": AT, "clauses": [], "deadline": None,
    },
    "obligations": [
        {"what": "refund_payment", "owed_by": "shop", "by_when": AT, "ended_at": None}
    ],
}  # fmt: skip


@asynccontextmanager
async def api_with(case: dict[str, Any], scopes: str) -> AsyncIterator[str]:
    """The API with one case, for a token with these scopes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        items = [case] if request.path == "/v1/cases" else []
        found = {"items": items, "next_cursor": None}
        return web.json_response(found, headers={"X-Token-Scopes": scopes})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def page_of(case: dict[str, Any], scopes: str = "operate decide") -> Page:
    async with api_with(case, scopes) as url, desk_over(url) as visitor:
        await visitor.sign_in()
        return await visitor.get(f"/cases/{ID}")


def steps_offered(page: Page) -> set[str]:
    controls = [control for form in forms_in(page.raw) for control in form.controls]
    return {name for control in controls if control.name == "step" for name in control.choices}


@pytest.mark.parametrize("kind", STEPS)
async def test_a_case_of_every_kind_that_has_steps_offers_all_of_them(kind: str) -> None:
    page = await page_of({**APPROVED, "kind": kind})

    assert steps_offered(page) == {"", *STEPS[kind]}


@pytest.mark.parametrize("kind", STEPS)
async def test_a_closed_case_offers_no_step(kind: str) -> None:
    page = await page_of({**APPROVED, "kind": kind, "state": "paid", "closed_at": AT})

    assert page.status == 200
    assert steps_offered(page) == set()
    assert "To tell what happened" not in page.text


@pytest.mark.parametrize(
    ("kind", "scopes", "needed"),
    [("claim", "read", "operate or decide"), ("rental_end", "read operate", "decide")],
)
async def test_who_may_tell_no_step_is_told_which_scope_it_takes(
    kind: str, scopes: str, needed: str
) -> None:
    page = await page_of({**APPROVED, "kind": kind}, scopes)

    assert steps_offered(page) == set()
    assert f"To tell what happened needs a token with {needed}." in page.text
