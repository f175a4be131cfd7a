"""`/accounts/{account}`: a customer's balance, ledger, numbers, rentals and cases."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from worker.client.api_connection import segment, to_json
from worker.entrypoints.desk.cases_read import (
    OF_ONE_KIND,
    cases_of,
    none_without_cases,
    rental_ends_of,
)
from worker.entrypoints.desk.claims_form import CHANNELS
from worker.entrypoints.desk.formatting import BadAmount, minor_in
from worker.entrypoints.desk.notices import BAD_AMOUNT, Notice
from worker.entrypoints.desk.sentences import (
    LIFTED_BY,
    blocks,
    case_says,
    ledger,
    rental_path,
    rental_says,
)
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, acted_on, done

LISTED: Final = 20
ENTRIES: Final = 30
#: What can happen to an account, and who may tell it.
EVENTS: Final[Mapping[str, str]] = {
    "rules_block": "decide",
    "rules_unblock": "decide",
    "law_enforcement_block": "decide",
    "law_enforcement_unblock": "decide",
    "chargeback": "decide",
    "delete_requested": "operate",
    "delete_withdrawn": "operate",
}
_LIFTING: Final = frozenset(LIFTED_BY.values())
WITHDRAW_REASONS: Final = (
    "unused_funds", "changed_mind", "accidental_topup", "misunderstanding", "caller_id",
    "sms_problem", "account_deletion",
)  # fmt: skip


def _account(visit: Visit) -> str:
    return visit.request.match_info["account"]


async def account(visit: Visit) -> web.StreamResponse:
    return await show(visit)


async def show(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    client, name = visit.client, _account(visit)
    shown = asyncio.gather(
        client.get_account(name),
        client.list_entries(name, limit=ENTRIES, cursor=visit.query("entries")),
        client.list_activations(account=name, limit=LISTED, cursor=visit.query("numbers")),
        none_without_cases(
            client.list_rentals(account=name, limit=LISTED, cursor=visit.query("rentals"))
        ),
        none_without_cases(
            client.list_cases(account=name, limit=LISTED, cursor=visit.query("cases"))
        ),
    )
    summed_up = asyncio.gather(
        cases_of(client, account=name, kind="account", limit=OF_ONE_KIND),
        rental_ends_of(client, name),
    )
    (found, entries, numbers, rentals, cases), (told, ends) = await asyncio.gather(shown, summed_up)
    held_by = blocks(told) if found["state"] != "open" else []
    lifting = {block.lifted_by for block in held_by}
    return visit.page(
        "account.html",
        notice=notice,
        status=status,
        account=found,
        entries=entries,
        numbers=numbers["items"],
        next_numbers=numbers["next_cursor"],
        rentals=rentals["items"],
        next_rentals=rentals["next_cursor"],
        cases=cases["items"],
        next_cases=cases["next_cursor"],
        lines=ledger(entries["items"], numbers["items"], rentals["items"], cases["items"]),
        blocks=held_by,
        case_says=case_says,
        rental_says=lambda rental: rental_says(rental, ends),
        rental_path=rental_path,
        events=[
            event
            for event, scope in EVENTS.items()
            if visit.may(scope) and (event not in _LIFTING or event in lifting)
        ],
        withdraw_reasons=WITHDRAW_REASONS,
        channels=CHANNELS,
    )


async def tell(visit: Visit) -> web.StreamResponse:
    """A block, its lifting, a chargeback, a deletion."""
    event: Any = visit.form.get("event", "")
    act = visit.client.tell_account_event(
        _account(visit),
        event=event,
        reference=visit.typed("reference"),
        idempotency_key=visit.key(),
    )
    return await acted(visit, act, show, _done(visit, "lifted" if event in _LIFTING else "told"))


async def unfreeze(visit: Visit) -> web.StreamResponse:
    """A chargeback does not stand: no event ends it, but a verdict of no on its case."""
    act = visit.client.decide_review(
        visit.form.get("charged_back", ""),
        grant=False,
        note=visit.form.get("note", "").strip(),
        idempotency_key=visit.key(),
    )
    return await acted(visit, act, show, _done(visit, "lifted"))


async def note(visit: Visit) -> web.StreamResponse:
    act = visit.client.add_account_note(
        _account(visit), note=visit.form.get("note", "").strip(), idempotency_key=visit.key()
    )
    return await acted(visit, act, show, _done(visit, "noted"))


async def top_up(visit: Visit) -> web.StreamResponse:
    """Booked once: whether this payment was there before is said, too."""
    amount = await _amount(visit)
    if isinstance(amount, web.Response):
        return amount
    status: list[int] = []

    async def book() -> None:
        body = {"amount_minor": amount or 0, "reference": visit.typed("reference") or ""}
        paid_at = visit.second("paid_at")
        dated = {} if paid_at is None else {"at": paid_at}
        path = f"/v1/accounts/{segment(_account(visit))}/topups"
        response, _ = await visit.client.exchange(
            "POST", path, {}, to_json(body | dated), {"Content-Type": "application/json"}
        )
        status.append(response.status)

    response = await acted(visit, book(), show, _done(visit, "topped_up"))
    return _done(visit, "booked_before") if status == [HTTPStatus.OK] else response


async def withdraw(visit: Visit) -> web.StreamResponse:
    amount = await _amount(visit)
    if isinstance(amount, web.Response):
        return amount
    why: Any = visit.typed("withdraw_reason")
    channel: Any = visit.typed("claim_channel")
    act = visit.client.open_withdrawal(
        account=_account(visit),
        reference=visit.typed("reference") or visit.key() or "",
        amount_minor=amount,
        withdraw_reason=why,
        reason=visit.typed("reason"),
        claim_channel=channel,
        claim_at=visit.minute("claim_at"),
        idempotency_key=visit.key(),
    )
    return await acted_on(visit, act, show, "opened")


async def _amount(visit: Visit) -> int | web.Response | None:
    """Of a form, in the account's currency; or the page that says that it is none."""
    currency = (await visit.client.get_account(_account(visit)))["currency"]
    try:
        return minor_in(visit.form.get("amount", ""), currency)
    except BadAmount:
        return await show(visit, BAD_AMOUNT, 422)


def _done(visit: Visit, word: str) -> web.Response:
    return done(f"/accounts/{quote(_account(visit), safe='')}", word)


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/accounts/{account}", account),
    ("POST", "/accounts/{account}/events", tell),
    ("POST", "/accounts/{account}/unfreeze", unfreeze),
    ("POST", "/accounts/{account}/notes", note),
    ("POST", "/accounts/{account}/topups", top_up),
    ("POST", "/accounts/{account}/withdrawals", withdraw),
)
