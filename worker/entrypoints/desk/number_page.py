"""`/a/{id}`: one number: what happened to it and its money, and what can be done about it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import Client
from worker.entrypoints.desk.cases_read import cases_of
from worker.entrypoints.desk.claims_form import CHOICES, statement_in
from worker.entrypoints.desk.notices import Notice, WouldBeLost
from worker.entrypoints.desk.sentences import case_says, ledger
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, acted_on, done

#: Nothing is pressed on a number that has ended.
_LIVE: Final = frozenset({"waiting", "expiring", "received"})
_EXPAND: Final = "events,entries"


async def number(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(
    visit: Visit, notice: Notice | None = None, status: int = 200, *, shown: bool = False
) -> web.Response:
    activation, cases = await asyncio.gather(
        visit.client.get_activation(visit.id, expand=_EXPAND),
        cases_of(visit.client, activation=visit.id),
    )
    return visit.page(
        "number.html",
        notice=notice,
        status=status,
        a=activation,
        cases=cases,
        live=activation["state"] in _LIVE,
        shown=shown,
        case_says=case_says,
        money_lines=ledger(activation["entries"] or [], [activation], [], cases),
        **CHOICES,
    )


async def timeline(visit: Visit) -> web.StreamResponse:
    """The part that changes while somebody looks; it is asked for again as long as it may."""
    a = await visit.client.get_activation(visit.id)
    known = visit.query("state"), visit.query("codes") or "0"
    has_changed = known != (a["state"], str(len(a["codes"])))
    live = a["state"] in _LIVE
    return visit.page("_number_live.html", a=a, live=live, has_changed=has_changed)


async def show_codes(visit: Visit) -> web.StreamResponse:
    """Recorded first: nobody sees a code of which that is not known."""
    shown = await visit.client.record_codes_shown(visit.id)
    if visit.is_part:
        return visit.page("_codes.html", a=shown)
    return await _page(visit, shown=True)


def _press(word: str, call: Callable[[Client, str], Awaitable[Any]]) -> PageHandler:
    async def press(visit: Visit) -> web.StreamResponse:
        act = call(visit.client, visit.id)
        return await acted(visit, act, _page, done(f"/a/{visit.id}", word))

    return press


async def resend(visit: Visit) -> web.StreamResponse:
    act = visit.client.resend_activation(visit.id, idempotency_key=visit.key())
    return await acted(visit, act, _page, done(f"/a/{visit.id}", "resent"))


async def note(visit: Visit) -> web.StreamResponse:
    act = visit.client.add_activation_note(
        visit.id, note=visit.form.get("note", "").strip(), idempotency_key=visit.key()
    )
    return await acted(visit, act, _page, done(f"/a/{visit.id}", "noted"))


async def report(visit: Visit) -> web.StreamResponse:
    act = visit.client.report_activation(visit.id, reason=visit.form.get("reason", "").strip())
    return await acted(visit, act, _page, done(f"/a/{visit.id}", "reported"))


async def claim(visit: Visit) -> web.StreamResponse:
    """Opened for the customer; where that is refused, the page says why."""
    try:
        said = statement_in(visit)
    except WouldBeLost as lost:
        return await _page(visit, lost.notice, 422)
    act = visit.client.open_claim(activation=visit.id, **said, idempotency_key=visit.key())
    return await acted_on(visit, act, _page, "claimed")


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/a/{id}", number),
    ("GET", "/a/{id}/timeline", timeline),
    ("POST", "/a/{id}/shown", show_codes),
    ("POST", "/a/{id}/cancel", _press("cancelled", Client.cancel_activation)),
    ("POST", "/a/{id}/resend", resend),
    ("POST", "/a/{id}/finish", _press("finished", Client.finish_activation)),
    ("POST", "/a/{id}/report", report),
    ("POST", "/a/{id}/notes", note),
    ("POST", "/a/{id}/claims", claim),
)
