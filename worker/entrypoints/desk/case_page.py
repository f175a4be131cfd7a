"""`/cases/{id}`: one case: what was said, what was decided and by whom, what is owed next."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem, Client
from worker.client.api_connection import segment
from worker.entrypoints.desk.cases_read import case_of, rental_of
from worker.entrypoints.desk.claims_form import (
    CHANNELS,
    EVIDENCE,
    REQUEST_FIELDS,
    evidence_in,
    request_fields_in,
)
from worker.entrypoints.desk.notices import Notice, WouldBeLost
from worker.entrypoints.desk.sentences import case_says, rental_path
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, done


@dataclass(frozen=True, slots=True)
class CaseButton:
    call: str  #: The last part of its path.
    body: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "decide"
    typed: str | None = None  #: The member of the body that is typed.
    named: str | None = None  #: What that is called inside it, where it is a table.
    dated: bool = False  #: Whether it says when that happened.


_PAID: Final = CaseButton("paid")
_ALTERNATIVES: Final[Mapping[str, CaseButton]] = {
    "another way of payment offered": CaseButton(
        "alternative", {"event": "offered"}, typed="method"
    ),
    "another way of payment agreed": CaseButton("alternative", {"event": "agreed"}, typed="method"),
}
_OWNER: Final[Mapping[str, CaseButton]] = {
    "proof of owner asked for": CaseButton("kyc", {"status": "requested"}),
    "proof of owner passed": CaseButton("kyc", {"status": "passed"}),
    "proof of owner failed": CaseButton("kyc", {"status": "failed"}),
}
STEPS: Final[Mapping[str, Mapping[str, CaseButton]]] = {
    "claim": {
        "paid out": _PAID,
        "access asked for": CaseButton("access", {"event": "requested"}, dated=True),
        "access granted": CaseButton("access", {"event": "granted"}, dated=True),
        "access refused": CaseButton("access", {"event": "refused"}, dated=True),
        "repaired": CaseButton("rectified", dated=True),
        "customer says it is not repaired": CaseButton("contest", {}, "operate", typed="reason"),
        "customer chooses the refund": CaseButton("choice", {"choice": "refund"}, "operate"),
        "customer chooses a replacement": CaseButton(
            "choice", {"choice": "replacement"}, "operate"
        ),
        "replaced by the number with this id": CaseButton("replacement", typed="activation"),
        "no replacement can be had": CaseButton("replacement", {"available": False}),
        **_OWNER,
        **_ALTERNATIVES,
    },
    "withdrawal": {
        "paid out": _PAID,
        "payment details asked for": CaseButton("payment-info", {"event": "requested"}, dated=True),
        "payment details given": CaseButton(
            "payment-info",
            {"event": "provided"},
            "operate",
            "payment_details",
            "details",
            dated=True,
        ),
        **_OWNER,
        **_ALTERNATIVES,
        "taken back by the customer": CaseButton("cancel", {}, "operate"),
    },
    # What these give back is paid out once the account is deleted.
    **{kind: {"paid out": _PAID} for kind in ("rental_outage", "rental_cancel", "rental_end")},
}
#: Of a step that takes words, by the kind of the case.
WORDS: Final[Mapping[str, str]] = {
    "claim": "Why it is not repaired, which way of payment, or the number's id",
    "withdrawal": "Where the money shall go, or which other way of payment",
}
_NOUNS: Final = {"claim": "claims", "withdrawal": "withdrawals"}
_CALLED_AT: Final = {**dict.fromkeys(STEPS, "claims"), **_NOUNS}
#: What the customer adds is told by another call for each kind.
_ADDED: Final = {"claim": ("evidence", {}), "withdrawal": ("payment-info", {"event": "added"})}


async def case(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    found = await _case(visit)
    number, rental = await asyncio.gather(
        _number_of(visit.client, found), rental_of(visit.client, found)
    )
    steps = STEPS.get(found["kind"], {})
    return visit.page(
        "case.html",
        notice=notice,
        status=status,
        case=found,
        says=case_says(found),
        number=number,
        rental_at=None if rental is None else rental_path(rental),
        rental=rental,
        steps={name: step for name, step in steps.items() if visit.may(step.scope)},
        # As elsewhere, operate is named before decide.
        step_scopes=sorted({step.scope for step in steps.values()}, reverse=True),
        words_name=WORDS.get(found["kind"], ""),
        has_notes=found["kind"] in _NOUNS,
        evidence_kinds=EVIDENCE,
        channels=CHANNELS,
        request_fields=REQUEST_FIELDS,
    )


async def _number_of(client: Client, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if found["activation"] is None:
        return None
    return await client.get_activation(found["activation"])


async def _case(visit: Visit) -> Mapping[str, Any]:
    found = await case_of(visit.client, visit.id)
    if found is None:
        missing = {"type": "/problems/not-found", "title": "There is no such case", "status": 404}
        raise ApiProblem(missing)
    return found


async def step(visit: Visit) -> web.StreamResponse:
    """Tell the next thing that happened in it."""
    found = await _case(visit)
    try:
        call, body = _step_in(found["kind"], visit)
    except WouldBeLost as lost:
        return await _page(visit, lost.notice, 422)
    return await _told(visit, found["kind"], call, body, "told")


def _step_in(kind: str, visit: Visit) -> tuple[str, Mapping[str, Any]]:
    """The call and what it says; raises `WouldBeLost`."""
    name = visit.form.get("step", "")
    chosen = STEPS.get(kind, {}).get(name)
    if chosen is None:
        raise WouldBeLost("What happened", "choose it from the list.")
    words, at = visit.typed("words"), visit.minute("at")
    if words is not None and chosen.typed is None:
        raise WouldBeLost(WORDS.get(kind, "Words"), f"“{name}” takes no words. A note keeps them.")
    if at is not None and not chosen.dated:
        raise WouldBeLost("When", f"“{name}” is told as of now. A note keeps when it was.")
    told: dict[str, Any] = dict(chosen.body)
    if chosen.typed is not None and words is not None:
        told[chosen.typed] = words if chosen.named is None else {chosen.named: words}
    return chosen.call, told | ({} if at is None else {"at": at})


async def note(visit: Visit) -> web.StreamResponse:
    kind = (await _case(visit))["kind"]
    if kind not in _NOUNS:
        raise web.HTTPNotFound
    body = {"note": visit.form.get("note", "").strip()}
    return await _told(visit, kind, "notes", body, "noted")


async def added(visit: Visit) -> web.StreamResponse:
    """What the customer sent later."""
    kind = (await _case(visit))["kind"]
    if kind not in _ADDED:
        raise web.HTTPNotFound
    call, body = _ADDED[kind]
    try:
        evidence = evidence_in(visit.form)
    except WouldBeLost as lost:
        return await _page(visit, lost.notice, 422)
    told = {
        "reason": visit.typed("reason"),
        "claim_channel": visit.typed("claim_channel"),
        "evidence": evidence,
        "request_fields": request_fields_in(visit.form),
    }
    return await _told(visit, kind, call, {**body, **told}, "told")


async def _told(
    visit: Visit, kind: str, call: str, body: Mapping[str, Any], word: str
) -> web.StreamResponse:
    if kind not in _CALLED_AT:
        raise web.HTTPNotFound
    path = f"/v1/{_CALLED_AT[kind]}/{segment(visit.id)}/{call}"
    act = visit.client.call("POST", path, body=body, idempotency_key=visit.key())
    return await acted(visit, act, _page, done(f"/cases/{visit.id}", word))


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/cases/{id}", case),
    ("POST", "/cases/{id}/steps", step),
    ("POST", "/cases/{id}/notes", note),
    ("POST", "/cases/{id}/evidence", added),
)
