"""Who is signed in: the token in a cookie, the secret of a browser's forms, the actor's name.

The desk keeps no sessions. The cookie holds the token itself, out of reach of scripts and of other
sites; a form's CSRF token is made from it and from a secret that only this browser has.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final

from aiohttp import web

TOKEN_COOKIE: Final = "desk_token"  # noqa: S105 - the cookie's name
FORMS_COOKIE: Final = "desk_forms"
TOKEN_CHARS_MAX: Final = 4096
SECONDS: Final = 12 * 3600  #: A browser that is left open is signed out after a working day.
ACTOR_CHARS_MAX: Final = 128

_TOKEN = re.compile(rf"[!-~]{{1,{TOKEN_CHARS_MAX}}}")
_UNPRINTABLE = re.compile(r"[^ -~]")


def is_token(text: str) -> bool:
    """Whether it can be sent as a bearer token at all."""
    return _TOKEN.fullmatch(text) is not None


def token_in(request: web.Request) -> str | None:
    sent = request.cookies.get(TOKEN_COOKIE, "")
    try:
        token = base64.urlsafe_b64decode(sent.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return token if is_token(token) else None


def keep_token(response: web.StreamResponse, token: str, *, tls: bool) -> None:
    kept = base64.urlsafe_b64encode(token.encode()).decode()
    _set(response, TOKEN_COOKIE, kept, tls=tls)


def forget_token(response: web.StreamResponse) -> None:
    response.del_cookie(TOKEN_COOKIE, path="/")


def secret_of_forms(request: web.Request) -> str:
    """This browser's own; a new one where it has none yet."""
    sent = request.cookies.get(FORMS_COOKIE, "")
    return sent if re.fullmatch(r"[0-9a-f]{32}", sent) else secrets.token_hex(16)


def keep_secret(response: web.StreamResponse, secret: str, *, tls: bool) -> None:
    _set(response, FORMS_COOKIE, secret, tls=tls)


def csrf_token(secret: str, token: str | None) -> str:
    """Another one for each browser and each sign-in."""
    return hmac.new(secret.encode(), (token or "").encode(), hashlib.sha256).hexdigest()


def is_csrf_token(sent: str, secret: str, token: str | None) -> bool:
    return hmac.compare_digest(sent.encode(), csrf_token(secret, token).encode())


def actor_in(request: web.Request, header: str) -> str | None:
    """Who acts, as the proxy says it, in characters that the API takes; None: it says nobody."""
    name = _UNPRINTABLE.sub("?", request.headers.get(header, "")).strip()
    return name[:ACTOR_CHARS_MAX].strip() or None


def _set(response: web.StreamResponse, name: str, value: str, *, tls: bool) -> None:
    response.set_cookie(
        name, value, max_age=SECONDS, path="/", httponly=True, samesite="Strict", secure=tls
    )


def new_key() -> str:
    """For one form: the API carries out what it sends once."""
    return secrets.token_hex(16)
