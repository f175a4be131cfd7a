"""`/rentals/{provider}/{ref}`: a long rental: until when it is paid, whether it works, its SMS."""

from collections.abc import Awaitable, Sequence
from typing import Any, Final

from aiohttp import web

from worker.entrypoints.desk.claims_form import CHOICES, statement_in
from worker.entrypoints.desk.notices import Notice
from worker.entrypoints.desk.sentences import case_says, rental_path, rental_says
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, acted_on, done


def _of(visit: Visit) -> tuple[str, str]:
    return visit.request.match_info["provider"], visit.request.match_info["ref"]


async def rental(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    found = await visit.client.get_rental(*_of(visit))
    cases = [*found["outages"], *found["claims"], *found["cancels"]]
    return visit.page(
        "rental.html",
        notice=notice,
        status=status,
        r=found,
        path=rental_path(found),
        says=rental_says(found),
        cases=sorted(cases, key=lambda case: case["opened_at"], reverse=True),
        case_says=case_says,
        is_down=any(not outage["closed_at"] for outage in found["outages"]),
        **CHOICES,
    )


async def outage(visit: Visit) -> web.StreamResponse:
    """It is dead, as the customer says; it counts from when he said so first."""
    act = visit.client.report_outage(
        *_of(visit), contacted_at=_minute(visit, "contacted_at"), idempotency_key=visit.key()
    )
    return await _acted(visit, act)


async def restored(visit: Visit) -> web.StreamResponse:
    act = visit.client.report_restored(
        *_of(visit), at=_minute(visit, "restored_at"), idempotency_key=visit.key()
    )
    return await _acted(visit, act)


def _minute(visit: Visit, name: str) -> str | None:
    """A browser gives the minute; where it is left empty, it is now."""
    typed = visit.typed(name)
    return None if typed is None else f"{typed}:00Z"


async def _acted(visit: Visit, act: Awaitable[Any]) -> web.StreamResponse:
    provider, ref = _of(visit)
    to = rental_path({"provider": provider, "provider_ref": ref})
    return await acted(visit, act, _page, done(to, "told"))


async def claim(visit: Visit) -> web.StreamResponse:
    found = await visit.client.get_rental(*_of(visit))
    act = visit.client.open_claim(
        rental=found["id"], **statement_in(visit.form), idempotency_key=visit.key()
    )
    return await acted_on(visit, act, _page, "claimed")


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/rentals/{provider}/{ref}", rental),
    ("POST", "/rentals/{provider}/{ref}/outage", outage),
    ("POST", "/rentals/{provider}/{ref}/restored", restored),
    ("POST", "/rentals/{provider}/{ref}/claims", claim),
)
