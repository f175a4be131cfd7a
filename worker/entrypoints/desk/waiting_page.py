"""`/`: what waits for a human, soonest first, and the verdict on it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem, Client
from worker.client.calls.shapes import Rental, Review
from worker.entrypoints.desk.formatting import BadAmount, minor_in
from worker.entrypoints.desk.notices import BAD_AMOUNT, Notice
from worker.entrypoints.desk.sentences import rental_path
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, done

LISTED: Final = 50
_BAD_FINDINGS: Final = Notice(
    "The findings cannot be read", "One a line, such as: freeze_seen = yes", bad=True
)
_BAD_INSTANT: Final = Notice(
    "This is no instant", "Write it like 2026-01-31T18:30, in UTC.", bad=True
)
_NO_REFERENCE: Final = Notice(
    "Its reference is missing", "It is the provider's own id of what it sold.", bad=True
)
_GONE: Final = Notice("It does not wait any more", "Somebody has decided it.", bad=True)


async def waiting(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    cursor = visit.query("cursor") or visit.typed("cursor")
    wanted = visit.query("review") or visit.request.match_info.get("id")
    found, chosen = await asyncio.gather(
        visit.client.list_reviews(brief="true", cursor=cursor, limit=LISTED),
        _nothing() if wanted is None else review_of(visit.client, wanted),
    )
    if wanted is None and found["items"]:
        chosen = await review_of(visit.client, found["items"][0]["id"])
    if wanted is not None and chosen is None and notice is None:
        notice = _GONE
    return visit.page(
        "waiting.html",
        notice=notice,
        status=status,
        reviews=found["items"],
        next_cursor=found["next_cursor"],
        cursor=cursor,
        chosen=chosen,
    )


async def _nothing() -> Review | None:
    return None


async def review_of(client: Client, id_: str) -> Review | None:
    """Whole, with all that is decided from; None where it waits no more."""
    try:
        found = await client.list_reviews(id=id_, limit=1)
    except ApiProblem as problem:
        if problem.slug != "not-found":
            raise
        return None
    return next(iter(found["items"]), None)


async def one(visit: Visit) -> web.StreamResponse:
    """The part of the page that shows one review."""
    if not visit.is_part:
        return web.Response(status=303, headers={"Location": f"/?review={visit.id}"})
    chosen = await review_of(visit.client, visit.id)
    if chosen is None:
        return visit.page("_notice.html", notice=_GONE)
    cursor = visit.query("cursor")
    return visit.page("_review.html", cursor=cursor, chosen=chosen)


async def verdict(visit: Visit) -> web.StreamResponse:
    """Decide, and go on to what waits next."""
    try:
        amount = minor_in(visit.form.get("amount", ""), visit.form.get("currency", ""))
    except BadAmount:
        return await _page(visit, BAD_AMOUNT, 422)
    try:
        findings = findings_in(visit.form.get("findings", ""))
    except ValueError:
        return await _page(visit, _BAD_FINDINGS, 422)
    grant = visit.form.get("grant") == "yes"
    outcome: Any = None if grant else visit.typed("outcome")
    decide = visit.client.decide_review(
        visit.id,
        grant=grant,
        note=visit.form.get("note", "").strip(),
        amount_minor=amount if grant else None,
        findings=findings or None,
        outcome=outcome,
        idempotency_key=visit.key(),
    )
    return await acted(visit, decide, _page, done("/", "granted" if grant else "denied"))


async def booking(visit: Visit) -> web.StreamResponse:
    """The number of a long rental in doubt was sold: book it, with the order's own terms."""
    order = await review_of(visit.client, visit.id)
    if order is None or order["facts"].get("order") != "rent":
        # Booked without its order, it would be paid for anew.
        return await _page(visit, _GONE, 409)
    ref = visit.typed("provider_ref")
    if ref is None:
        return await _page(visit, _NO_REFERENCE, 422)
    try:
        rented_at, ends_at = _paid_time(visit, timedelta(hours=order["facts"]["hours"]))
    except ValueError:
        return await _page(visit, _BAD_INSTANT, 422)
    booked: list[Rental] = []

    async def book() -> None:
        facts = order["facts"]
        rental = await visit.client.book_rental(
            facts["provider"],
            ref,
            account=order["account"],
            phone=visit.form.get("phone", "").strip(),
            service=facts["service"],
            country=facts["country"],
            price_minor=order["proposed_minor"],
            charge=facts["charge"],
            policy=facts["policy"],
            order_ref=order["order_ref"],
            rented_at=rented_at,
            ends_at=ends_at,
        )
        booked.append(rental)

    shown = await acted(visit, book(), _page, done("/", "booked"))
    if not booked:
        return shown
    place, _, id_ = rental_path(booked[0]).partition("?id=")
    return done(place, "booked", id=id_)


def _paid_time(visit: Visit, ordered: timedelta) -> tuple[datetime, datetime]:
    """From when until when it is paid; raises `ValueError` for what is no instant."""
    rented_at = datetime.fromisoformat(visit.minute("rented_at") or "")
    ends_at = visit.minute("ends_at")
    return rented_at, rented_at + ordered if ends_at is None else datetime.fromisoformat(ends_at)


def findings_in(text: str) -> dict[str, Any]:
    """One a line, `name = value`; raises `ValueError` for a line of another form."""
    read: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError(line)
        read[name.strip()] = _finding(name.strip(), value.strip())
    return read


#: Findings of any number of words, written with commas between them.
LISTS: Final = frozenset({"account_flags"})
_KNOWN: Final[Mapping[str, object]] = {
    "yes": True,
    "no": False,
    "true": True,
    "false": False,
    "none": None,
    "null": None,
}


def _finding(name: str, text: str) -> object:
    word = text.lower()
    if name in LISTS:
        each = () if word in _KNOWN and _KNOWN[word] is None else text.split(",")
        return list(filter(None, map(str.strip, each)))
    if word in _KNOWN:
        return _KNOWN[word]
    return int(text) if text.isascii() and text.isdecimal() else text


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/", waiting),
    ("GET", "/reviews/{id}", one),
    ("POST", "/reviews/{id}/verdict", verdict),
    ("POST", "/reviews/{id}/booking", booking),
)
