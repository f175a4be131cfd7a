"""Who sees the desk: signing in by a token, and what keeps it from other sites and scripts."""

from typing import Any

import pytest
from multidict import CIMultiDict

from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN
from tests.unit.http.conftest import World
from worker.client import Client
from worker.entrypoints.desk.sign_in import WRONG_AT_ONCE
from worker.entrypoints.http.auth import KnownTokens

PAGES = ("/", "/find?q=x", "/a/x", "/cases/x", "/accounts/x", "/providers", "/events", "/try")


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_a_page_without_signing_in(stranger: Visitor, path: str) -> None:
    page = await stranger.get(path)

    assert page.status == 303
    assert page.goes_to.startswith("/sign-in")
    assert page.raw == ""


async def test_after_signing_in_the_page_that_was_asked_for_is_shown(stranger: Visitor) -> None:
    asked = await stranger.get("/find?q=79990000001")

    form = await stranger.get(asked.goes_to)
    assert 'value="/find?q=79990000001"' in form.raw
    fields = {"csrf": form.csrf, "token": WRITE_TOKEN, "next": "/find?q=79990000001"}
    assert (await stranger.post("/sign-in", fields)).goes_to == "/find?q=79990000001"


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""],
)
async def test_signing_in_leads_to_no_other_site(stranger: Visitor, place: str) -> None:
    assert (await stranger.sign_in(back=place)).goes_to == "/"


@pytest.mark.parametrize("token", ["wrong-token", "", "with space", "ж" * 10, "x" * 5000])
async def test_a_wrong_token_is_told_and_not_kept(stranger: Visitor, token: str) -> None:
    page = await stranger.sign_in(token)

    assert page.status == 401
    assert "The API does not take this token" in page.text
    assert (await stranger.get("/events")).status == 303


async def test_no_script_and_no_other_site_gets_the_token(api_url: str) -> None:
    async with desk_over(api_url, behind_tls=True) as visitor:
        form = await visitor.get("/sign-in")
        kept = form.headers["Set-Cookie"]
        secret = kept.partition(";")[0]

        fields = {"csrf": form.csrf, "token": WRITE_TOKEN, "next": "/"}
        page = await visitor.post("/sign-in", fields, Cookie=secret)

    signed_in = page.headers["Set-Cookie"]
    of_both = {"HttpOnly", "Secure", "Path=/"}
    assert {*of_both, "SameSite=Strict"} <= set(signed_in.split("; "))
    assert {*of_both, "SameSite=Lax"} <= set(kept.split("; "))  # A form of theirs comes without it.
    assert WRITE_TOKEN not in signed_in


async def test_a_link_on_another_site_leaves_the_forms_that_are_open_as_they_were(
    staff: Visitor,
) -> None:
    """It comes with the cookie that is Lax alone, and a form of theirs with none."""
    cookies = {cookie.key: cookie.value for cookie in staff.http.cookie_jar}
    form = await staff.get("/find")
    staff.http.cookie_jar.clear()

    followed = await staff.get("/sign-in", Cookie=f"desk_forms={cookies['desk_forms']}")
    staff.http.cookie_jar.clear()
    forged = await staff.post("/sign-in", {"csrf": form.csrf, "token": WRITE_TOKEN})

    assert f"desk_forms={cookies['desk_forms']};" in followed.headers["Set-Cookie"]
    assert (forged.status, "Set-Cookie" in forged.headers) == (403, False)


async def test_who_is_signed_out_elsewhere_keeps_the_page_and_goes_on_after_signing_in(
    staff: Visitor, shop: Client
) -> None:
    number = await shop.watch_number(
        "alpha", "r1", account="ann", phone="+12025550100", service="tg", country="0", price_minor=5
    )
    page, part = f"/a/{number['id']}", f"/a/{number['id']}/timeline?codes=0&state=waiting"
    polled = {"HX-Request": "true", "HX-Target": "live"}
    form = await staff.get(page)
    await staff.press("/find", "/sign-out")

    out = await staff.get(part, **polled)
    await staff.sign_in()
    back = await staff.get(part, **polled)
    kept = await staff.post(f"{page}/notes", {"csrf": form.csrf, "note": "typed before"})

    assert (out.status, "HX-Redirect" in out.headers) == (200, False)
    assert "You are signed out" in out.text
    assert "+12025550100" not in out.text
    assert f'id="live" hx-get="{part.replace("&", "&amp;")}" hx-trigger="every 2s"' in out.raw
    assert "You are signed out" not in back.text
    assert kept.goes_to == f"{page}?done=noted"


async def test_who_presses_a_part_of_a_page_signs_in_and_comes_back_to_it(
    stranger: Visitor,
) -> None:
    url = "http://desk.example/?review=7"

    asked = await stranger.get("/reviews/7", **{"HX-Request": "true", "HX-Current-URL": url})

    assert asked.headers["HX-Redirect"] == "/sign-in?next=%2F%3Freview%3D7"


async def test_who_signed_out_sees_nothing_any_more(staff: Visitor) -> None:
    assert (await staff.press("/find", "/sign-out")).goes_to == "/sign-in"
    assert (await staff.get("/find")).status == 303


async def test_a_token_that_the_api_takes_no_more_signs_out(
    staff: Visitor, tokens: KnownTokens, asked: list[str]
) -> None:
    tokens.exchange([])
    (kept,) = [cookie for cookie in staff.http.cookie_jar if cookie.key == "desk_token"]

    page = await staff.get("/events")
    before = len(asked)
    again = await staff.get("/events", Cookie=f"desk_token={kept.value}")

    assert page.goes_to == again.goes_to == "/sign-in?next=%2Fevents"
    assert 'desk_token=""' in page.headers["Set-Cookie"]
    assert len(asked) == before  # Refused once, it is not asked about again.


async def test_a_cookie_that_the_desk_did_not_set_never_reaches_the_api(
    staff: Visitor, asked: list[str]
) -> None:
    (kept,) = [cookie for cookie in staff.http.cookie_jar if cookie.key == "desk_token"]
    token, _, signature = kept.value.partition(".")
    changed = ("0" if signature[0] != "0" else "1") + signature[1:]
    staff.http.cookie_jar.clear()
    before = len(asked)
    for value in ("Z29uZQ==", f"Z29uZQ==.{signature}", f"{token}.{changed}", token, ".", ""):
        page = await staff.get("/events", Cookie=f"desk_token={value}")
        assert page.goes_to == "/sign-in?next=%2Fevents", value

    assert len(asked) == before


async def test_who_guesses_tokens_keeps_nobody_else_from_signing_in(
    api_url: str, asked: list[str]
) -> None:
    async with desk_over(api_url, behind_tls=True) as visitor:

        async def enter(token: str, forwarded: str) -> Page:
            form = await visitor.get("/sign-in")
            secret = form.headers["Set-Cookie"].partition(";")[0]
            fields = {"csrf": form.csrf, "token": token, "next": "/"}
            headers = {"Cookie": secret, "X-Forwarded-For": forwarded}
            return await visitor.post("/sign-in", fields, **headers)

        # What the visitor himself says stands before what the proxy adds.
        guesses = [await enter(f"guess-{n}", f"192.0.2.{n}, 203.0.113.7") for n in range(30)]
        came_through = len(asked)
        other = await enter(WRITE_TOKEN, "203.0.113.8")

    assert (guesses[0].status, guesses[-1].status) == (401, 429)
    assert int(guesses[-1].headers["Retry-After"]) > 0
    assert "Too many wrong tokens" in guesses[-1].text
    assert came_through == WRONG_AT_ONCE
    assert other.goes_to == "/"


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "ж"])
async def test_a_forged_post_changes_nothing(
    staff: Visitor, world: World, csrf: str | None
) -> None:
    fields = {} if csrf is None else {"csrf": csrf}

    page = await staff.post("/events/msg_1/replay", fields)

    assert page.status == 403
    assert "This form was not made for you" in page.text
    assert world.events.replayed == []


async def test_a_form_of_another_browser_is_forged_as_well(
    staff: Visitor, api_url: str, world: World
) -> None:
    async with desk_over(api_url) as other:
        await other.sign_in()
        theirs = (await other.get("/find")).csrf

    assert (await staff.post("/events/msg_1/replay", {"csrf": theirs})).status == 403
    assert world.events.replayed == []


async def test_the_form_of_the_sign_in_is_no_form_of_who_is_signed_in(staff: Visitor) -> None:
    before = (await staff.get("/sign-in")).goes_to

    assert before == "/"
    form = (await staff.get("/find")).csrf
    assert (await staff.post("/sign-in", {"csrf": form, "token": "x"})).status == 403


async def test_a_token_that_reads_is_told_kindly_that_it_may_not_act(
    stranger: Visitor, shop: Client
) -> None:
    number = await shop.watch_number(
        "alpha", "r1", account="ann", phone="+12025550100", service="tg", country="0", price_minor=5
    )
    await stranger.sign_in(READ_TOKEN)

    form = await stranger.get(f"/a/{number['id']}")
    page = await stranger.post(f"/a/{number['id']}/cancel", {"csrf": form.csrf})

    assert "Cancel number" not in form.text
    assert "To cancel the number or send another SMS needs a token with operate" in form.text
    assert page.status == 403
    assert "your token does not allow this" in page.text
    assert (await shop.get_activation(number["id"]))["state"] == "waiting"


async def test_where_a_proxy_names_who_acts_nobody_comes_past_it(api_url: str) -> None:
    async with desk_over(api_url, actor_header="X-User") as visitor:
        assert (await visitor.get("/sign-in")).status == 403

        form = await visitor.get("/sign-in", **{"X-User": "Ann"})
        fields = {"csrf": form.csrf, "token": WRITE_TOKEN, "next": "/find"}
        await visitor.post("/sign-in", fields, **{"X-User": "Ann"})

        assert "Ann" in (await visitor.get("/find", **{"X-User": "Ann"})).text
        nameless = await visitor.get("/find", **{"X-User": " "})
    assert (nameless.status, "names nobody" in nameless.text) == (403, True)


async def test_who_acts_is_named_once_whatever_a_browser_adds(api_url: str, shop: Client) -> None:
    number = await shop.watch_number(
        "alpha", "r1", account="ann", phone="+12025550100", service="tg", country="0", price_minor=5
    )
    page, proxy = f"/a/{number['id']}", ("X-User", "J\u00fcrgen 100% \u042f")
    async with desk_over(api_url, actor_header="X-User") as visitor:

        async def post(path: str, fields: dict[str, str], *named: tuple[str, str]) -> int:
            url, headers = visitor.url + path, CIMultiDict(named)
            async with visitor.http.post(
                url, data=fields, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status

        form = await visitor.get("/sign-in", **dict([proxy]))
        await post("/sign-in", {"csrf": form.csrf, "token": WRITE_TOKEN, "next": "/"}, proxy)
        note = {"csrf": (await visitor.get("/find", **dict([proxy]))).csrf, "note": "seen"}

        forged = await post(f"{page}/notes", note, ("X-User", "boss"), proxy)
        before = (await shop.get_activation(number["id"]))["timeline"]
        own = await post(f"{page}/notes", note, proxy)
        shown = await visitor.get(page, **dict([proxy]))

    assert forged == 403
    assert "note" not in [line["what"] for line in before]
    assert own == 303
    timeline: Any = (await shop.get_activation(number["id"]))["timeline"]
    assert [line["by"] for line in timeline if "by" in line] == ["J%C3%BCrgen 100%25 %D0%AF (shop)"]
    assert f"by {proxy[1]} (shop)" in shown.text
