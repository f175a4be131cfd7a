"""Who is signed in: the token in a cookie, the secret of a browser's forms, the actor's name.

The desk keeps no sessions. The cookie holds the token itself, out of reach of scripts and of other
sites, signed by a key that this process has made: what was not signed in here never reaches the
API, which counts wrong tokens by address and sees all of staff at the address of the desk. A form's
CSRF token is made from the token and from a secret that only this browser has.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import Final, Literal
from urllib.parse import quote

from aiohttp import web

TOKEN_COOKIE: Final = "desk_token"  # noqa: S105 - the cookie's name
FORMS_COOKIE: Final = "desk_forms"
REFUSED_MAX: Final = 1000
TOKEN_CHARS_MAX: Final = 4096
SECONDS: Final = 12 * 3600  #: A browser that is left open is signed out after a working day.
ACTOR_CHARS_MAX: Final = 128

_TOKEN = re.compile(rf"[!-~]{{1,{TOKEN_CHARS_MAX}}}")
_KEPT: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def is_token(text: str) -> bool:
    """Whether it can be sent as a bearer token at all."""
    return _TOKEN.fullmatch(text) is not None


class SignedIn:
    """The tokens that were signed in at this desk since it started."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        #: Cookies of tokens that the API took once and takes no more.
        self._refused: OrderedDict[str, None] = OrderedDict()

    def token_in(self, request: web.Request) -> str | None:
        sent = request.cookies.get(TOKEN_COOKIE, "")
        kept, _, signature = sent.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(kept).encode()):
            return None
        return None if sent in self._refused else base64.urlsafe_b64decode(kept).decode("ascii")

    def keep(self, response: web.StreamResponse, token: str, *, tls: bool) -> None:
        kept = base64.urlsafe_b64encode(token.encode()).decode()
        value = f"{kept}.{self._signature(kept)}"
        self._refused.pop(value, None)
        _set(response, TOKEN_COOKIE, value, tls=tls, samesite="Strict")

    def refuse(self, request: web.Request, response: web.StreamResponse) -> None:
        """The API takes it no more: it is asked of the API no more, too."""
        if self.token_in(request) is not None:
            self._refused[request.cookies[TOKEN_COOKIE]] = None
        if len(self._refused) > REFUSED_MAX:
            self._refused.popitem(last=False)
        forget_token(response)

    def _signature(self, kept: str) -> str:
        return hmac.new(self._key, kept.encode(), hashlib.sha256).hexdigest()


SIGNED_IN: Final = web.AppKey("signed_in", SignedIn)


def token_in(request: web.Request) -> str | None:
    return request.app[SIGNED_IN].token_in(request)


def forget_token(response: web.StreamResponse) -> None:
    response.del_cookie(TOKEN_COOKIE, path="/")


def secret_of_forms(request: web.Request) -> str:
    """This browser's own; a new one where it has none yet."""
    sent = request.cookies.get(FORMS_COOKIE, "")
    return sent if re.fullmatch(r"[0-9a-f]{32}", sent) else secrets.token_hex(16)


def keep_secret(response: web.StreamResponse, secret: str, *, tls: bool) -> None:
    """It comes along where somebody follows a link of another site, and the forms stay the same.

    A form that another site posts comes without it, as without the token.
    """
    _set(response, FORMS_COOKIE, secret, tls=tls, samesite="Lax")


def csrf_token(secret: str, token: str | None) -> str:
    """Another one for each browser and each sign-in."""
    return hmac.new(secret.encode(), (token or "").encode(), hashlib.sha256).hexdigest()


def is_csrf_token(sent: str, secret: str, token: str | None) -> bool:
    return hmac.compare_digest(sent.encode(), csrf_token(secret, token).encode())


def actor_in(request: web.Request, header: str) -> str | None:
    """Who acts, as the proxy says it, in characters that the API takes.

    None: it says nobody, or somebody else says it, too. What is not ASCII is percent-encoded.
    """
    named = request.headers.getall(header, [])
    if len(named) != 1:
        return None
    actor = ""
    for char in named[0].strip():
        sent = quote(char, safe=_KEPT, errors="surrogateescape")
        if len(actor) + len(sent) > ACTOR_CHARS_MAX:
            break
        actor += sent
    return actor.strip() or None


def _set(
    response: web.StreamResponse,
    name: str,
    value: str,
    *,
    tls: bool,
    samesite: Literal["Strict", "Lax"],
) -> None:
    response.set_cookie(
        name, value, max_age=SECONDS, path="/", httponly=True, samesite=samesite, secure=tls
    )


def new_key() -> str:
    """For one form: the API carries out what it sends once."""
    return secrets.token_hex(16)
