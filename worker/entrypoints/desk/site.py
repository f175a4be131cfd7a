"""The site: its pages, its files, who may see them, and what every answer carries."""

import hashlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from worker.client import ApiError, ApiProblem, Client
from worker.entrypoints.desk import (
    account_page,
    case_page,
    cookies,
    find_page,
    formatting,
    number_page,
    ops_pages,
    rental_page,
    sign_in,
    try_page,
    waiting_page,
)
from worker.entrypoints.desk.notices import (
    BROKEN,
    NOBODY,
    NOT_HERE,
    NOT_OURS,
    TOO_LARGE,
    Notice,
    notice_of,
    status_of,
    unsure_of,
)
from worker.entrypoints.desk.sentences import late_code_says
from worker.entrypoints.desk.visit import DeskConfig, PageHandler, TryScenario, Visit

__all__ = ["DeskConfig", "TryScenario", "build_desk"]

BROKEN_STATUS: Final = 500
FRAMES_MAX: Final = 4  #: Of a failure, in the log.
FORM_BYTES_MAX: Final = 64 * 1024
CHANGING_NOTHING: Final = ("/sign-in", "/sign-out")  #: Posted, and nothing of the API's changes.
STATIC: Final = Path(__file__).parent / "static"
#: Nothing but our own files, no frames, no plugins, forms to us alone.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PAGES: Final = "no-store"  #: They show codes and money.
FILES: Final = "public, max-age=31536000, immutable"  #: Their addresses change with their content.
_LOG: Final = logging.getLogger("worker.entrypoints.desk")
_CONFIG: Final = web.AppKey("config", DeskConfig)
_CLIENT: Final = web.AppKey("client", Client)
_FORMS: Final = web.RequestKey("forms", str)  #: The browser's secret, which its answer keeps.
_POSTED: Final = web.RequestKey("posted", dict[str, str])  #: Of a form that is ours.
_ENVIRONMENT: Final = web.AppKey("environment", Environment)

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StaticFile(NamedTuple):
    content: bytes
    kind: str


def build_desk(config: DeskConfig) -> web.Application:
    app = web.Application(middlewares=[_answering], client_max_size=FORM_BYTES_MAX)
    files = _files()
    app[_CONFIG], app[_ENVIRONMENT] = config, _environment(files)
    app[cookies.SIGNED_IN] = cookies.SignedIn()
    app[sign_in.WRONG_TOKENS] = sign_in.no_wrong_tokens()
    app.cleanup_ctx.append(_connected)
    app.router.add_get("/static/{name}", _serves(files))
    app.router.add_get("/sign-in", _sign_in)
    app.router.add_post("/sign-in", _signing_in)
    app.router.add_post("/sign-out", _visited(sign_in.leave))
    for method, path, handler in _routes():
        app.router.add_route(method, path, _visited(handler))
    return app


def _routes() -> Iterator[tuple[str, str, PageHandler]]:
    yield from waiting_page.ROUTES
    yield from find_page.ROUTES
    yield from number_page.ROUTES
    yield from case_page.ROUTES
    yield from account_page.ROUTES
    yield from rental_page.ROUTES
    yield from ops_pages.ROUTES
    yield from try_page.ROUTES


async def _connected(app: web.Application) -> AsyncIterator[None]:
    async with Client(app[_CONFIG].api_url) as client:
        app[_CLIENT] = client
        yield


def _files() -> dict[str, StaticFile]:
    """By a name with the digest in it: a browser that has one need not ask again."""
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    found: dict[str, StaticFile] = {}
    for path in sorted(STATIC.iterdir()):
        if path.suffix in kinds:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            found[f"{path.stem}.{digest}{path.suffix}"] = StaticFile(content, kinds[path.suffix])
    return found


def _environment(files: Mapping[str, StaticFile]) -> Environment:
    pages = Environment(
        loader=PackageLoader("worker.entrypoints.desk"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = (
        "money", "away", "is_past", "clock", "visible", "words", "percent", "plain", "details",
        "without_codes", "kind_of", "person", "in_money", "minute", "goes",
    )  # fmt: skip
    pages.filters.update({name: getattr(formatting, name) for name in filters})
    addresses = {f"{_plain(name)}": f"/static/{name}" for name in files}
    pages.globals |= {"static": addresses, "late_code_says": late_code_says}
    return pages


def _plain(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem.rpartition('.')[0]}.{suffix}"


def _serves(files: Mapping[str, StaticFile]) -> Next:
    async def serve(request: web.Request) -> web.StreamResponse:
        file = files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": FILES}
        return web.Response(body=file.content, content_type=file.kind, headers=headers)

    return serve


def _visited(handler: PageHandler) -> Next:
    """The handler for who is signed in; everybody else is asked to sign in."""

    async def visit(request: web.Request) -> web.StreamResponse:
        token = cookies.token_in(request)
        if token is None:
            return _asked_to_sign_in(request)
        return await handler(await _visit(request, token))

    return visit


async def _visit(request: web.Request, token: str | None) -> Visit:
    """Raises where the form is not ours, or where the proxy names nobody."""
    config = request.app[_CONFIG]
    secret = cookies.secret_of_forms(request)
    form: dict[str, str] = {}
    if request.method == "POST":
        posted = await request.post()
        form = {name: value for name, value in posted.items() if isinstance(value, str)}
        if not cookies.is_csrf_token(form.get("csrf", ""), secret, token):
            raise _Refused(NOT_OURS, 403)
    actor = None
    if config.actor_header is not None:
        actor = cookies.actor_in(request, config.actor_header)
        if actor is None:
            raise _Refused(NOBODY, 403)
    client = request.app[_CLIENT]
    if token is not None:
        client = client.acting(token, actor)
    csrf = cookies.csrf_token(secret, token)
    request[_FORMS], request[_POSTED] = secret, form
    return Visit(request, config, request.app[_ENVIRONMENT], client, csrf, form, actor)


async def _sign_in(request: web.Request) -> web.StreamResponse:
    return await sign_in.form(await _visit(request, None))


async def _signing_in(request: web.Request) -> web.StreamResponse:
    return await sign_in.enter(await _visit(request, None))


class _Refused(Exception):
    def __init__(self, notice: Notice, status: int) -> None:
        super().__init__(notice.title)
        self.notice, self.status = notice, status


@web.middleware
async def _answering(request: web.Request, handler: Next) -> web.StreamResponse:
    """No failure is shown as anything but a page, and each answer has the same headers."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, the visitor gets a page
        response = _failed(request, error)
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", PAGES)
    response.headers["Server"] = "activation-worker"
    secret = request.get(_FORMS)
    if secret is not None:
        config = request.app[_CONFIG]
        cookies.keep_secret(response, secret, tls=config.behind_tls)
    return response


def _failed(request: web.Request, error: Exception) -> web.StreamResponse:
    if isinstance(error, ApiProblem) and error.slug == "unauthenticated":
        response = _asked_to_sign_in(request)
        request.app[cookies.SIGNED_IN].refuse(request, response)
        return response
    acting = request.method == "POST" and request.path not in CHANGING_NOTHING
    notice, status = _said_of(error, acting=acting, once="key" in request.get(_POSTED, {}))
    if status == BROKEN_STATUS and not isinstance(error, ApiError):
        # Not the text of the exception: it can hold what somebody typed.
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
        where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
        _LOG.error("the desk failed: %s at %s", type(error).__name__, where)
    return _sorry(request, notice, status)


def _asked_to_sign_in(request: web.Request) -> web.Response:
    page = _unread_visit(request, None, "")
    if page.is_polled:  # What is typed on the page stays, and its forms hold after signing in.
        return page.page("_signed_out.html", again=request.path_qs)
    return sign_in.asked(request)


def _said_of(error: Exception, *, acting: bool, once: bool) -> tuple[Notice, int]:
    match error:
        case _Refused():
            return error.notice, error.status
        case ApiError():
            return notice_of(error, acting=acting, once=once), status_of(error)
        case web.HTTPRequestEntityTooLarge():
            return TOO_LARGE, error.status
        case web.HTTPClientError():
            return NOT_HERE, error.status
        case _:
            return unsure_of(BROKEN, once=once) if acting else BROKEN, BROKEN_STATUS


def _sorry(request: web.Request, notice: Notice, status: int) -> web.Response:
    token, secret = cookies.token_in(request), cookies.secret_of_forms(request)
    if token is not None:  # What another site posts comes without cookies, and must set none.
        request[_FORMS] = secret
    page = _unread_visit(request, token, secret)
    if page.is_part:
        return page.page("_notice.html", notice=notice, status=status)
    if token is None:
        return page.page("sorry_outside.html", notice=notice, status=status)
    # The page it was pressed on cannot be shown: what was typed is here, to be sent as it was.
    again = request.get(_POSTED) if status >= BROKEN_STATUS else None
    return page.page(
        "sorry.html", notice=notice, status=status, again=again, to=request.rel_url.raw_path
    )


def _unread_visit(request: web.Request, token: str | None, secret: str) -> Visit:
    """To show a page without a call, and without what was posted."""
    app, csrf = request.app, cookies.csrf_token(secret, token)
    return Visit(request, app[_CONFIG], app[_ENVIRONMENT], app[_CLIENT], csrf, {})
