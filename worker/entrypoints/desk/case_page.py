"""`/cases/{id}`: one case: what was said, what was decided and by whom, what is owed next."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem
from worker.client.api_connection import segment
from worker.entrypoints.desk.cases_read import case_of
from worker.entrypoints.desk.notices import Notice
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, done

#: What can be told of a case, by its kind: the last part of the call, and the body of each choice.
STEPS: Final[Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]]] = {
    "claim": {
        "paid out": ("paid", {}),
        "access asked for": ("access", {"event": "requested"}),
        "access granted": ("access", {"event": "granted"}),
        "access refused": ("access", {"event": "refused"}),
        "repaired": ("rectified", {}),
        "customer chooses the refund": ("choice", {"choice": "refund"}),
        "customer chooses a replacement": ("choice", {"choice": "replacement"}),
        "no replacement can be had": ("replacement", {"available": False}),
        "proof of owner asked for": ("kyc", {"status": "requested"}),
        "proof of owner passed": ("kyc", {"status": "passed"}),
        "proof of owner failed": ("kyc", {"status": "failed"}),
    },
    "withdrawal": {
        "paid out": ("paid", {}),
        "payment details asked for": ("payment-info", {"event": "requested"}),
        "proof of owner asked for": ("kyc", {"status": "requested"}),
        "proof of owner passed": ("kyc", {"status": "passed"}),
        "proof of owner failed": ("kyc", {"status": "failed"}),
        "taken back by the customer": ("cancel", {}),
    },
}
_NOUNS: Final = {"claim": "claims", "withdrawal": "withdrawals"}


async def case(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    found = await _case(visit)
    return visit.page(
        "case.html",
        notice=notice,
        status=status,
        case=found,
        steps=STEPS.get(found["kind"], {}),
        has_notes=found["kind"] in _NOUNS,
    )


async def _case(visit: Visit) -> Mapping[str, Any]:
    account = visit.query("account") or visit.typed("account")
    found = await case_of(visit.client, visit.id, account)
    if found is None:
        missing = {"type": "/problems/not-found", "title": "There is no such case", "status": 404}
        raise ApiProblem(missing)
    return found


async def step(visit: Visit) -> web.StreamResponse:
    """Tell the next thing that happened in it."""
    found = await _case(visit)
    chosen = STEPS.get(found["kind"], {}).get(visit.form.get("step", ""))
    if chosen is None:
        raise web.HTTPNotFound
    return await _told(visit, found["kind"], chosen[0], chosen[1], "told")


async def note(visit: Visit) -> web.StreamResponse:
    body = {"note": visit.form.get("note", "").strip()}
    return await _told(visit, (await _case(visit))["kind"], "notes", body, "noted")


async def evidence(visit: Visit) -> web.StreamResponse:
    """What the customer sent later."""
    piece = {"kind": visit.typed("evidence"), "reference": visit.typed("reference")}
    given = {name: value for name, value in piece.items() if value}
    body = {"reason": visit.typed("reason"), "evidence": [given] if piece["kind"] else None}
    body = {name: value for name, value in body.items() if value is not None}
    return await _told(visit, "claim", "evidence", body, "told")


async def _told(
    visit: Visit, kind: str, call: str, body: Mapping[str, Any], word: str
) -> web.StreamResponse:
    if kind not in _NOUNS:
        raise web.HTTPNotFound
    path = f"/v1/{_NOUNS[kind]}/{segment(visit.id)}/{call}"
    act = visit.client.call("POST", path, body=body, idempotency_key=visit.key())
    return await acted(visit, act, _page, done(f"/cases/{visit.id}", word))


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/cases/{id}", case),
    ("POST", "/cases/{id}/steps", step),
    ("POST", "/cases/{id}/notes", note),
    ("POST", "/cases/{id}/evidence", evidence),
)
