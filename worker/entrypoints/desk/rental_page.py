"""`/rentals/{provider}/{ref}`: a long rental: until when it is paid, whether it works, its SMS.

Links and forms hold its id: where its provider has used the reference again, it is another one.
"""

from collections.abc import Coroutine, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem
from worker.client.calls.shapes import Rental
from worker.entrypoints.desk.cases_read import rental_ends_of
from worker.entrypoints.desk.claims_form import CHOICES, statement_in
from worker.entrypoints.desk.notices import SOLD_AGAIN, Notice, WouldBeLost
from worker.entrypoints.desk.sentences import case_says, rental_place, rental_says
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, acted_on, done


def _of(visit: Visit) -> tuple[str, str]:
    return visit.request.match_info["provider"], visit.request.match_info["ref"]


async def rental(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    newest = await visit.client.get_rental(*_of(visit))
    found = await _wanted(visit, newest)
    ends = await rental_ends_of(visit.client, found["account"])
    of_its_end = [case for case in ends if case["rental"] == found["id"]]
    cases = [*found["outages"], *found["claims"], *found["cancels"], *of_its_end]
    return visit.page(
        "rental.html",
        notice=notice,
        status=status,
        r=found,
        is_newest=found["id"] == newest["id"],
        path=rental_place(*_of(visit)),
        says=rental_says(found, ends),
        cases=sorted(cases, key=lambda case: case["opened_at"], reverse=True),
        case_says=case_says,
        is_down=any(not outage["closed_at"] for outage in found["outages"]),
        **CHOICES,
    )


async def _wanted(visit: Visit, newest: Rental) -> Rental:
    """The rental of the link or of the form; without an id it is the newest of the reference."""
    id_ = visit.query("id") or visit.typed("rental")
    if id_ in {None, newest["id"]}:
        return newest
    listed = await visit.client.list_rentals(id=id_, limit=1)
    for found in listed["items"]:
        if (found["provider"], found["provider_ref"]) == _of(visit):
            return found
    missing = {"type": "/problems/not-found", "title": "There is no such rental", "status": 404}
    raise ApiProblem(missing)


async def outage(visit: Visit) -> web.StreamResponse:
    """It is dead, as the customer says; it counts from when he said so first, else from now."""
    act = visit.client.report_outage(
        *_of(visit), contacted_at=visit.minute("contacted_at"), idempotency_key=visit.key()
    )
    return await _told(visit, act)


async def restored(visit: Visit) -> web.StreamResponse:
    act = visit.client.report_restored(
        *_of(visit), at=visit.minute("restored_at"), idempotency_key=visit.key()
    )
    return await _told(visit, act)


async def _told(visit: Visit, act: Coroutine[Any, Any, Any]) -> web.StreamResponse:
    """What is told by the reference: only where the rental of the form still has it."""
    newest, id_ = await visit.client.get_rental(*_of(visit)), visit.form.get("rental", "")
    if id_ != newest["id"]:
        act.close()
        return await _page(visit, SOLD_AGAIN, 409)
    return await acted(visit, act, _page, done(rental_place(*_of(visit)), "told", id=id_))


async def claim(visit: Visit) -> web.StreamResponse:
    """By the rental's id, so it is of the rental that the page showed."""
    try:
        said = statement_in(visit)
    except WouldBeLost as lost:
        return await _page(visit, lost.notice, 422)
    act = visit.client.open_claim(
        rental=visit.form.get("rental", ""), **said, idempotency_key=visit.key()
    )
    return await acted_on(visit, act, _page, "claimed")


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/rentals/{provider}/{ref}", rental),
    ("POST", "/rentals/{provider}/{ref}/outage", outage),
    ("POST", "/rentals/{provider}/{ref}/restored", restored),
    ("POST", "/rentals/{provider}/{ref}/claims", claim),
)
