"""`/`: what waits for a human, soonest first, and the verdict on it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem
from worker.client.calls.parts import Review
from worker.desk.cases_read import case_of
from worker.desk.formatting import BadAmount, minor_in, money
from worker.desk.problems import BAD_AMOUNT, Notice
from worker.desk.visit import Handler, Visit, acted, done

LISTED: Final = 50
_BAD_FINDINGS: Final = Notice(
    "The findings cannot be read", "One a line, such as: freeze_seen = yes", bad=True
)
_GONE: Final = Notice("It does not wait any more", "Somebody has decided it.", bad=True)


async def waiting(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    cursor = visit.query("cursor") or visit.typed("cursor")
    found = await visit.client.list_reviews(cursor=cursor, limit=LISTED)
    reviews = found["items"]
    wanted = visit.query("review") or visit.request.match_info.get("id")
    chosen = next((each for each in reviews if each["id"] == wanted), None)
    if wanted is None and reviews:
        chosen = reviews[0]
    shown = {} if chosen is None else await _around(visit, chosen)
    if wanted is not None and chosen is None and notice is None:
        notice = _GONE
    return visit.page(
        "waiting.html",
        notice=notice,
        status=status,
        reviews=reviews,
        next_cursor=found["next_cursor"],
        cursor=cursor,
        typed_note=visit.form.get("note", ""),
        typed_amount=visit.form.get("amount", ""),
        **{"chosen": None, **shown},
    )


async def one(visit: Visit) -> web.StreamResponse:
    """The part of the page that shows one review."""
    if not visit.is_part:
        return web.Response(status=303, headers={"Location": f"/?review={visit.id}"})
    cursor = visit.query("cursor")
    found = await visit.client.list_reviews(cursor=cursor, limit=LISTED)
    chosen = next((each for each in found["items"] if each["id"] == visit.id), None)
    if chosen is None:
        return visit.page("_notice.html", notice=_GONE)
    return visit.page("_review.html", cursor=cursor, **await _around(visit, chosen))


async def verdict(visit: Visit) -> web.StreamResponse:
    """Decide, and go on to what waits next."""
    found = await visit.client.list_reviews(cursor=visit.typed("cursor"), limit=LISTED)
    chosen = next((each for each in found["items"] if each["id"] == visit.id), None)
    currency = chosen["currency"] if chosen is not None else ""
    try:
        amount = minor_in(visit.form.get("amount", ""), currency)
    except BadAmount:
        return await _page(visit, BAD_AMOUNT, 422)
    try:
        findings = findings_in(visit.form.get("findings", ""))
    except ValueError:
        return await _page(visit, _BAD_FINDINGS, 422)
    grant = visit.form.get("grant") == "yes"
    outcome: Any = visit.typed("outcome")
    decide = visit.client.decide_review(
        visit.id,
        grant=grant,
        note=visit.form.get("note", "").strip(),
        amount_minor=amount,
        findings=findings or None,
        outcome=outcome,
        idempotency_key=visit.key(),
    )
    return await acted(visit, decide, _page, done("/", "granted" if grant else "denied"))


def findings_in(text: str) -> dict[str, Any]:
    """One a line, `name = value`; raises `ValueError` for a line of another form."""
    read: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError(line)
        read[name.strip()] = _finding(value.strip())
    return read


def _finding(text: str) -> object:
    known: Mapping[str, object] = {"yes": True, "no": False, "true": True, "false": False}
    if text.lower() in known:
        return known[text.lower()]
    return int(text) if text.isascii() and text.isdecimal() else text


async def _around(visit: Visit, review: Review) -> dict[str, Any]:
    """What a person needs beside the review to decide it, asked for at once."""
    case_id = review["case"]
    case = None if case_id is None else await case_of(visit.client, case_id)
    number = review["subject"] if case is None else case["activation"]
    activation = await _activation(visit, number)
    evidence = [] if case is None else case["evidence"]
    return {
        "chosen": review,
        "activation": activation,
        "evidence": evidence,
        "said": _words(evidence),
        "effects": _effects(review),
    }


async def _activation(visit: Visit, id_: str | None) -> Mapping[str, Any] | None:
    if id_ is None:
        return None
    try:
        return await visit.client.get_activation(id_)
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return None


def _words(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(line["content"]["reason"]) for line in evidence if line["content"].get("reason")]


def _effects(review: Review) -> dict[str, str]:
    sum_ = money(review["proposed_minor"], review["currency"])
    if review["case"] is None:
        return {
            "grant": "refunds the whole price to the customer.",
            "deny": "closes the number: the charge stands.",
        }
    to = (review["destination"] or "customer").replace("_", " ")
    if not review["proposed_minor"]:
        return {"grant": "moves the amount that you name.", "deny": "moves no money."}
    return {
        "grant": f"moves {sum_} to the {to}, or less if you name it.",
        "deny": "moves no money.",
    }


ROUTES: Final[Sequence[tuple[str, str, Handler]]] = (
    ("GET", "/", waiting),
    ("GET", "/reviews/{id}", one),
    ("POST", "/reviews/{id}/verdict", verdict),
)
