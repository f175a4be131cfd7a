"""Signing in by a token, and out again."""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from worker.client import ApiProblem
from worker.entrypoints.desk import cookies
from worker.entrypoints.desk.notices import Notice
from worker.entrypoints.desk.visit import Visit

HOME: Final = "/"
_WRONG: Final = Notice(
    "The API does not take this token", "Copy it whole, without spaces around it.", bad=True
)


def asked(request: web.Request) -> web.Response:
    """To the form, and back to the page that was asked for."""
    back = request.path_qs if request.method == "GET" else HOME
    location = "/sign-in" if back == HOME else f"/sign-in?{urlencode({'next': back})}"
    if "HX-Request" in request.headers:  # Not into a part of a page.
        return web.Response(status=200, headers={"HX-Redirect": "/sign-in"})
    return web.Response(status=303, headers={"Location": location})


async def form(visit: Visit) -> web.StreamResponse:
    if cookies.token_in(visit.request) is not None:
        return web.Response(status=303, headers={"Location": _local(visit.query("next"))})
    return visit.page("sign_in.html", next=_local(visit.query("next")))


async def enter(visit: Visit) -> web.StreamResponse:
    """Signed in is who has a token that the API takes."""
    token, back = visit.typed("token") or "", _local(visit.form.get("next"))
    if not cookies.is_token(token):
        return visit.page("sign_in.html", next=back, notice=_WRONG, status=401)
    try:
        _ = await visit.client.acting(token).list_accounts(limit=1)
    except ApiProblem as problem:
        if problem.slug != "unauthenticated":
            raise
        return visit.page("sign_in.html", next=back, notice=_WRONG, status=401)
    response = web.Response(status=303, headers={"Location": back})
    cookies.keep_token(response, token, tls=visit.config.behind_tls)
    return response


async def leave(_visit: Visit) -> web.StreamResponse:
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    cookies.forget_token(response)
    return response


def _local(place: str | None) -> str:
    """Only an address of this site: a link must not lead elsewhere after a sign-in."""
    if place is None or not place.startswith("/") or place.startswith(("//", "/\\")):
        return HOME
    return place if place.isprintable() and "\\" not in place else HOME
