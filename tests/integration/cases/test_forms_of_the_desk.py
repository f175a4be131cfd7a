"""After an act that failed, the form that was pressed holds all that was chosen and typed."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.desk_pages import pages_of_every_kind
from tests.integration.cases.rental_order import PRICE, order
from tests.integration.store.shop import SIM
from tests.unit.desk.conftest import desk_over
from tests.unit.desk.html_forms import Form, forms_in
from tests.unit.desk.visitor import Visitor
from tests.unit.http.caller import Api, Described
from tests.unit.http.two_providers import HERO, overview_over
from worker.domain.ids import AccountId
from worker.domain.policy.language.loading import profile_from
from worker.entrypoints import desk
from worker.entrypoints.desk import DeskConfig, build_desk
from worker.entrypoints.http.listener import listen
from worker.lifecycle.cases.account_events import AccountEventReport

TEMPLATES: Final = Path(desk.__file__).parent / "templates"
#: No form for staff who are signed in: one is asked for a page, one for the token.
OUTSIDE: Final = {"layout.html", "sign_in.html"}
#: Nothing is typed or chosen there.
BUTTONS_ALONE: Final = {
    "/sign-in", "/sign-out", "/a/{id}/shown", "/a/{id}/cancel", "/a/{id}/resend",
    "/a/{id}/finish", "/events/{id}/replay", "/events/endpoint/enable", "/try/{scenario}",
}  # fmt: skip
CONTROL: Final = re.compile(r'<(?:input|select|textarea)(?![^>]*type="hidden")[^>]*?name="(\w+)')


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    overview = overview_over(shop.store.books, shop.store.purchases)
    async with case_api(shop, described, providers=overview) as served:
        yield served


@asynccontextmanager
async def read_only(api_url: str) -> AsyncIterator[str]:
    """The API, where nothing can be changed just now."""
    async with aiohttp.ClientSession() as http:

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.method != "GET":
                busy = {"type": "/problems/store-unavailable", "title": "Busy", "status": 503}
                kind = "application/problem+json"
                return web.json_response(busy, status=503, content_type=kind)
            url = URL(api_url + request.raw_path, encoded=True)
            token = {"Authorization": request.headers["Authorization"]}
            async with http.get(url, headers=token) as found:
                kind = found.content_type
                return web.Response(body=await found.read(), status=found.status, content_type=kind)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
        host, port = runner.addresses[0]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


async def charged_back(shop: CaseShop, account: AccountId) -> None:
    """Which freezes it."""
    freezing = {"balance": {"chargeback": "freeze"}, "withdrawal": {"mode": "balance"}}
    shop.start_again({**shop.policies, "own": profile_from(freezing, name="own", file="own")})
    await shop.open_account(account, policy="own")
    await shop.service.account_event(account, AccountEventReport("chargeback"), "own")


@pytest.fixture
async def pages(shop: CaseShop, api: Api) -> list[str]:
    """All that have a form."""
    bob = AccountId("bob")
    pages = await pages_of_every_kind(shop, api)
    await shop.book_rental("down", policy="P3")
    await shop.report_outage("down")
    await shop.open_account(bob, amount_minor=PRICE)
    ordered = order(shop, account=bob, policy="P3")
    await shop.store.cases.begin_rental_order(ordered)
    await shop.store.cases.rental_order_unknown(ordered.id)
    await shop.store.purchases.drain(HERO)
    await charged_back(shop, AccountId("carol"))
    return [*pages, "/accounts/carol", "/rentals/sim/down", f"/?review={ordered.id}", "/providers"]


async def press(visitor: Visitor, form: Form, action: str) -> list[Form]:
    """Fill all of it, press the button, and read the forms of the page that comes back."""
    filled = {control.name: control.filled() for control in form.controls}
    page = await visitor.post(action, {**form.hidden, **filled})
    assert page.status in {422, 503}, (action, page.status)
    return list(forms_in(page.raw))


def all_names() -> set[str]:
    sources = [path for path in TEMPLATES.glob("*.html") if path.name not in OUTSIDE]
    return {name for path in sources for name in CONTROL.findall(path.read_text())}


def routes() -> dict[str, re.Pattern[str]]:
    app = build_desk(DeskConfig(api_url="http://127.0.0.1:9", now=lambda: NotImplemented))
    posts = [route.resource for route in app.router.routes() if route.method == "POST"]
    found = {each.canonical: each.get_info() for each in posts if each is not None}
    return {
        name: info.get("pattern") or re.compile(re.escape(info["path"]))
        for name, info in found.items()
    }


def not_kept(before: Form, after: Form) -> Iterator[str]:
    """Fields of the form that do not show what was given in them."""
    given = {control.name: control.filled() for control in before.controls}
    for control in after.controls:
        if control.holds != given[control.name] or not control.in_sight:
            yield control.name


async def test_a_form_keeps_all_that_was_given_and_no_other_form_gets_it(
    shop: CaseShop, api: Api, pages: list[str]
) -> None:
    pressed: dict[str, set[str]] = {}
    lost: dict[str, set[str]] = {}
    async with (
        read_only(api.url) as url,
        desk_over(url, now=lambda: shop.clock.now, simulated=str(SIM)) as visitor,
    ):
        await visitor.sign_in()
        for page in pages:
            before = list(forms_in((await visitor.get(page)).raw))
            buttons = [
                (form, action)
                for form in before
                for action in (form.action, *form.more_actions)
                if form.controls
            ]
            for form, action in buttons:
                after = {each.identity: each for each in await press(visitor, form, action)}
                lost.setdefault(action, set()).update(not_kept(form, after[form.identity]))
                pressed.setdefault(action, set()).update(form.values)
                for other in (each for each in before if each is not form):
                    assert after.get(other.identity, other).values == other.values, (form, other)

    assert {action: names for action, names in lost.items() if names} == {}
    walked = {name for name, path in routes().items() if any(map(path.fullmatch, pressed))}
    assert walked | BUTTONS_ALONE == set(routes())
    names = set().union(*pressed.values())
    assert {
        name for name in all_names() if not any(each.startswith(name) for each in names)
    } == set()


async def test_what_a_choice_does_is_chosen_and_not_there_from_the_start(
    shop: CaseShop, api: Api, pages: list[str]
) -> None:
    chosen = set()
    async with desk_over(api.url, now=lambda: shop.clock.now) as visitor:
        await visitor.sign_in()
        for path in pages:
            for form in forms_in((await visitor.get(path)).raw):
                chosen |= {each.name for each in form.controls if each.choices and each.value}

    assert chosen == {"destination"}  # It is the balance, as the API has it unless told.
