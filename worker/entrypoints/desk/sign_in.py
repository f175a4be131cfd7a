"""Signing in by a token, and out again."""

import hashlib
import time
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from worker.client import ApiProblem
from worker.entrypoints.desk import cookies
from worker.entrypoints.desk.notices import Notice
from worker.entrypoints.desk.visit import Visit
from worker.entrypoints.wrong_tokens import WrongTokens

HOME: Final = "/"
_WRONG: Final = Notice(
    "The API does not take this token", "Copy it whole, without spaces around it.", bad=True
)


_TOO_MANY: Final = Notice(
    "Too many wrong tokens came from you", "Wait some minutes, then copy the right one.", bad=True
)
#: The API lets more through: it sees all of staff at one address, and must not be used up by one.
WRONG_AT_ONCE: Final = 5
WRONG_EVERY_SECONDS: Final = 60.0
ADDRESS_CHARS_MAX: Final = 128
WRONG_TOKENS: Final = web.AppKey("wrong_tokens", WrongTokens)


def no_wrong_tokens() -> WrongTokens:
    return WrongTokens(time.monotonic, at_once=WRONG_AT_ONCE, every_seconds=WRONG_EVERY_SECONDS)


def asked(request: web.Request) -> web.Response:
    """To the form, and back to the page that was asked for, or on which a part of it was."""
    if "HX-Request" in request.headers:
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = urlunsplit(("", "", page.path or HOME, page.query, ""))
        return web.Response(status=200, headers={"HX-Redirect": _to_form(back)})
    back = request.path_qs if request.method == "GET" else HOME
    return web.Response(status=303, headers={"Location": _to_form(back)})


def _to_form(back: str) -> str:
    return "/sign-in" if back == HOME else f"/sign-in?{urlencode({'next': back})}"


async def form(visit: Visit) -> web.StreamResponse:
    if cookies.token_in(visit.request) is not None:
        return web.Response(status=303, headers={"Location": _local(visit.query("next"))})
    return visit.page("sign_in.html", next=_local(visit.query("next")))


async def enter(visit: Visit) -> web.StreamResponse:
    """Signed in is who has a token that the API takes."""
    token, back = visit.typed("token") or "", _local(visit.form.get("next"))
    if not cookies.is_token(token):
        return visit.page("sign_in.html", next=back, notice=_WRONG, status=401)
    wrong, whence = visit.request.app[WRONG_TOKENS], _whence(visit)
    sent = hashlib.sha256(token.encode()).digest()
    seconds = wrong.seconds_to_wait(whence, sent)
    if seconds:
        page = visit.page("sign_in.html", next=back, notice=_TOO_MANY, status=429)
        page.headers["Retry-After"] = str(seconds)
        return page
    try:
        _ = await visit.client.acting(token).list_accounts(limit=1)
    except ApiProblem as problem:
        if problem.slug != "unauthenticated":
            raise
        wrong.count(whence, sent)
        return visit.page("sign_in.html", next=back, notice=_WRONG, status=401)
    response = web.Response(status=303, headers={"Location": back})
    wrong.prove(whence, sent)
    visit.request.app[cookies.SIGNED_IN].keep(response, token, tls=visit.config.behind_tls)
    return response


async def leave(_visit: Visit) -> web.StreamResponse:
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    cookies.forget_token(response)
    return response


def _whence(visit: Visit) -> str:
    """Whose wrong tokens are counted together: whom the proxy names, or where it was asked from."""
    if visit.actor is not None:
        return visit.actor
    forwarded = ",".join(visit.request.headers.getall("X-Forwarded-For", []))
    # The last one is of our proxy; those before it are what it was told.
    last = forwarded.rpartition(",")[2].strip() if visit.config.behind_tls else ""
    return last[:ADDRESS_CHARS_MAX] or visit.request.remote or ""


def _local(place: str | None) -> str:
    """Only an address of this site: a link must not lead elsewhere after a sign-in."""
    if place is None or not place.startswith("/") or place.startswith(("//", "/\\")):
        return HOME
    return place if place.isprintable() and "\\" not in place else HOME
