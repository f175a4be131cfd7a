"""The desk with tokens of each scope: a button that a token may not press is not there."""

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.desk_pages import pages_of_every_kind
from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import WRITE_TOKEN, Api, Described
from worker.entrypoints.http.auth import KnownTokens, Token

NOT_ALLOWED = "your token does not allow this"
TOKENS = {
    "read": "r" * 32, "operate": "o" * 32, "decide": "d" * 32, "operate+decide": WRITE_TOKEN,
}  # fmt: skip
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)".*?</form>', re.DOTALL)
#: Of what a token of one scope alone may press: a button that it has, and one that it has not.
HAS = {
    "operate": ({"Cancel number", "Open claim", "Open withdrawal", "Book top-up", "Add"},
                {"Show code", "Grant", "Deny", "Keep note", "Lift it", "Pause"}),
    "decide": ({"Cancel number", "Open claim", "Grant", "Deny", "Keep note", "Lift it",
                "Show code"},
               {"Open withdrawal", "Book top-up", "Add", "Report outage", "Report number"}),
}  # fmt: skip


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    tokens = KnownTokens([Token.of(scope, scope, token) for scope, token in TOKENS.items()])
    async with case_api(shop, described, tokens=tokens) as served:
        yield served


@pytest.fixture
async def pages(shop: CaseShop, api: Api) -> list[str]:
    return await pages_of_every_kind(shop, api)


async def buttons(visitor: Visitor, pages: list[str]) -> set[str]:
    shown = [await visitor.get(page) for page in pages]
    assert {page.status for page in shown} <= {200, 303}, [page.status for page in shown]
    found = {name for page in shown for name in re.findall(r"<button[^>]*>([^<]*)<", page.raw)}
    return found - {"Sign out"}


def posts(page: Page) -> list[tuple[str, dict[str, str]]]:
    """Each form with what it holds, once for each button and for each choice of its list."""
    found = []
    for form in FORM.finditer(page.raw):
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        typed = {"note": "n", "reason": "because", "reference": "ref-1", "amount": "1.00"}
        fields = {**typed, **{name: unescape(value) for name, value in hidden.items()}}
        paths = [form[1], *re.findall(r'formaction="([^"]+)"', form[0])]
        lists = re.findall(r'<select[^>]*name="(event|step)"(.*?)</select>', form[0], re.DOTALL)
        choices = [
            {name: value or text}
            for name, options in lists
            for value, text in re.findall(r'<option(?: value="([^"]*)")?>([^<]*)<', options)
        ]
        for path in paths:
            found += [(unescape(path), {**fields, **choice}) for choice in choices or [{}]]
    return found


@pytest.mark.parametrize("scope", ["operate", "decide", "operate+decide"])
async def test_whatever_a_page_offers_the_token_may_do(
    shop: CaseShop, api: Api, pages: list[str], scope: str
) -> None:
    pressed = set()
    async with desk_over(api.url, now=lambda: shop.clock.now) as visitor:
        await visitor.sign_in(TOKENS[scope])
        for path in pages:
            for action, fields in posts(await visitor.get(path)):
                if action == "/sign-out":
                    continue
                answer = await visitor.post(action, fields)
                assert (answer.status, NOT_ALLOWED in answer.text) != (403, True), (action, fields)
                pressed.add(action.rpartition("/")[2])

    assert {"claims", "cancel"} <= pressed


async def test_a_token_that_reads_is_offered_nothing(
    shop: CaseShop, api: Api, pages: list[str]
) -> None:
    async with desk_over(api.url, now=lambda: shop.clock.now) as visitor:
        await visitor.sign_in(TOKENS["read"])

        assert await buttons(visitor, pages) == set()
        coded = await visitor.get(pages[6])
        review = await visitor.get(f"/?review={pages[8].rpartition('/')[2]}")

    assert "Show code needs a token with decide" in coded.text
    assert "Grant or Deny needs a token with decide" in review.text


@pytest.mark.parametrize("scope", HAS)
async def test_a_token_of_one_scope_is_offered_what_it_may(
    shop: CaseShop, api: Api, pages: list[str], scope: str
) -> None:
    has, has_not = HAS[scope]
    async with desk_over(api.url, now=lambda: shop.clock.now) as visitor:
        await visitor.sign_in(TOKENS[scope])
        found = await buttons(visitor, pages)

    assert has <= found
    assert not has_not & found
