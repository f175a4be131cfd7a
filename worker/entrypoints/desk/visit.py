"""One request of somebody who is signed in, and how a page answers it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlencode

from aiohttp import web
from jinja2 import Environment

from worker.client import ApiError, ApiProblem, Client
from worker.entrypoints.desk import cookies
from worker.entrypoints.desk.notices import Notice, notice_of, status_of

#: What a page says after an act; only these words, so that no link can make it say others.
DONE: Final[Mapping[str, str]] = {
    "granted": "Granted.",
    "denied": "Denied.",
    "cancelled": "Cancel is pressed; what the provider answers is in the timeline.",
    "resent": "Another SMS is asked for.",
    "finished": "Finished.",
    "reported": "The provider knows that the number is bad.",
    "claimed": "The claim is open.",
    "opened": "The payout is asked for.",
    "noted": "The note is kept.",
    "paused": "Paused: nothing more is rented there.",
    "resumed": "Resumed.",
    "not_taking": "Its stop is lifted, and still nothing is rented there: why is told with it.",
    "again": "It is sent again.",
    "enabled": "The endpoint is in use again.",
    "told": "It is recorded.",
    "topped_up": "The top-up is booked.",
    "booked_before": "This payment was booked before. Nothing has changed.",
    "lifted": "It is lifted.",
    "booked": "The rental is booked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TryScenario:
    """One thing that a simulated provider can be made to do."""

    name: str
    says: str
    service: str  #: What is rented, so that it behaves like that.
    cancel: bool  #: Whether Cancel is pressed at once.
    window_seconds: int
    price_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskConfig:
    """What the desk is told where it starts."""

    api_url: str
    actor_header: str | None = None  #: A proxy says in it who acts; None: nobody is believed.
    behind_tls: bool = False
    simulated: str | None = None  #: The simulated provider, if there is one.
    currency: str = "USD"  #: Of what is rented there.
    scenarios: Sequence[TryScenario] = ()
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, what for, and the API in his name."""

    request: web.Request
    config: DeskConfig
    pages: Environment
    client: Client
    csrf: str
    form: Mapping[str, str] = field(repr=False)
    actor: str | None = None  #: Whose name is kept with what is done; None: the token's.

    @property
    def id(self) -> str:
        return self.request.match_info["id"]

    @property
    def is_part(self) -> bool:
        """Whether the page is there already, and only a part of it is wanted."""
        return "HX-Request" in self.request.headers

    @property
    def is_polled(self) -> bool:
        """Whether nobody has pressed anything: the part asks for itself again."""
        return self.request.headers.get("HX-Target") == "live"

    def query(self, name: str) -> str | None:
        return self.request.query.get(name) or None

    def typed(self, name: str) -> str | None:
        """A field of the form; None where it was left empty."""
        return self.form.get(name, "").strip() or None

    def minute(self, name: str) -> str | None:
        """An instant of the form, in UTC: a browser gives the minute."""
        typed = self.typed(name)
        return None if typed is None else f"{typed}:00Z"

    def second(self, name: str) -> str | None:
        """The same of a field with seconds: a browser leaves them out where they are none."""
        typed = self.typed(name)
        return f"{typed}Z" if typed is not None and typed.count(":") == 2 else self.minute(name)

    def may(self, *scopes: str) -> bool:
        """Whether the token has one of these; yes where the API does not say what it has."""
        known = self.client.scopes
        return known is None or not known.isdisjoint(scopes)

    def key(self) -> str | None:
        """The form's own key: pressed twice, it is one act."""
        return self.typed("key")

    def page(
        self, template: str, *, notice: Notice | None = None, status: int = 200, **shown: Any
    ) -> web.Response:
        done = DONE.get(self.query("done") or "") if self.request.method == "GET" else None
        text = self.pages.get_template(template).render(
            csrf=self.csrf,
            now=self.config.now(),
            here=self.request.path,
            actor=self.actor,
            simulated=self.config.simulated,
            may=self.may,
            notice=notice or (Notice(done) if done else None),
            sent=self._sent,
            key=lambda *paths, **fields: self._key_of(status, *paths, **fields),
            **shown,
        )
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def _sent(self, *paths: str, **fields: str | None) -> Mapping[str, str]:
        """What was given in the form of these paths and hidden fields, if that was pressed.

        None: it has no such field.
        """
        pressed = self.request.path in map(unquote, paths)
        same = all(self.form.get(name) == value for name, value in fields.items())
        return self.form if pressed and same else {}

    def _key_of(self, status: int, *paths: str, **fields: str | None) -> str:
        """For such a form: its own again where nobody knows whether it was done."""
        kept = self._sent(*paths, **fields).get("key") if status >= 500 else None
        return kept or cookies.new_key()

    def part(self, template: str, **shown: Any) -> web.Response:
        return self.page(template, **shown)


PageHandler: TypeAlias = Callable[[Visit], Awaitable[web.StreamResponse]]
#: Shows the page that an act was pressed on, with what the API said of it.
ShowsAgain: TypeAlias = Callable[[Visit, Notice, int], Awaitable[web.StreamResponse]]


def done(path: str, word: str, **query: str) -> web.Response:
    """To the page that shows what the act has made; a reload of it repeats nothing."""
    assert word in DONE
    location = f"{path}?{urlencode({'done': word, **query})}"
    return web.Response(status=303, headers={"Location": location})


async def acted(
    visit: Visit, act: Awaitable[Any], again: ShowsAgain, to: web.Response
) -> web.StreamResponse:
    """Do it and go on; where the API refuses, the same page says why."""
    try:
        await act
    except ApiError as error:
        if isinstance(error, ApiProblem) and error.slug == "unauthenticated":
            raise
        return await again(visit, notice_of(error, acting=True), status_of(error))
    return to


async def acted_on(
    visit: Visit, act: Awaitable[Mapping[str, Any]], again: ShowsAgain, word: str
) -> web.StreamResponse:
    """Open a case, and go on to it: what became of it stands there."""
    opened: list[Mapping[str, Any]] = []

    async def keep() -> None:
        opened.append(await act)

    # Where it is refused, this place is not used.
    shown = await acted(visit, keep(), again, done("/", word))
    if not opened:
        return shown
    case = opened[0]
    return done(f"/cases/{case['id']}", word)
