"""`/accounts/{account}`: a customer's balance, ledger, numbers, rentals and cases."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem, Client
from worker.client.calls.shapes import Rental
from worker.entrypoints.desk.cases_read import cases_of
from worker.entrypoints.desk.formatting import BadAmount, minor_in
from worker.entrypoints.desk.notices import BAD_AMOUNT, Notice
from worker.entrypoints.desk.number_page import statement_in
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, done

LISTED: Final = 20
ENTRIES: Final = 30
EVENTS: Final = (
    "rules_block", "rules_unblock", "law_enforcement_block", "law_enforcement_unblock",
    "chargeback", "delete_requested", "delete_withdrawn",
)  # fmt: skip
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
    found, entries, numbers, rentals, cases = await asyncio.gather(
        client.get_account(name),
        client.list_entries(name, limit=ENTRIES, cursor=visit.query("entries")),
        client.list_activations(account=name, limit=LISTED, cursor=visit.query("numbers")),
        _rentals(client, name),
        cases_of(client, account=name),
    )
    return visit.page(
        "account.html",
        notice=notice,
        status=status,
        account=found,
        entries=entries,
        numbers=numbers["items"],
        next_numbers=numbers["next_cursor"],
        rentals=rentals,
        cases=cases,
        events=EVENTS,
        withdraw_reasons=WITHDRAW_REASONS,
    )


async def _rentals(client: Client, name: str) -> Sequence[Rental]:
    try:
        return (await client.list_rentals(account=name, limit=LISTED))["items"]
    except ApiProblem as problem:
        if problem.slug != "not-offered":
            raise
        return []


async def tell(visit: Visit) -> web.StreamResponse:
    """A block, its lifting, a chargeback, a deletion."""
    event: Any = visit.form.get("event", "")
    act = visit.client.tell_account_event(
        _account(visit),
        event=event,
        reference=visit.typed("reference"),
        idempotency_key=visit.key(),
    )
    return await acted(visit, act, show, _done(visit, "told"))


async def note(visit: Visit) -> web.StreamResponse:
    act = visit.client.add_account_note(
        _account(visit), note=visit.form.get("note", "").strip(), idempotency_key=visit.key()
    )
    return await acted(visit, act, show, _done(visit, "noted"))


def _with_amount(act: Callable[[Visit, int | None], Awaitable[Any]]) -> PageHandler:
    """An act whose form has a sum in the account's currency."""

    async def press(visit: Visit) -> web.StreamResponse:
        currency = (await visit.client.get_account(_account(visit)))["currency"]
        try:
            amount = minor_in(visit.form.get("amount", ""), currency)
        except BadAmount:
            return await show(visit, BAD_AMOUNT, 422)
        return await acted(visit, act(visit, amount), show, _done(visit, "told"))

    return press


def _top_up(visit: Visit, amount: int | None) -> Awaitable[Any]:
    return visit.client.top_up_account(
        _account(visit), amount_minor=amount or 0, reference=visit.typed("reference") or ""
    )


def _withdraw(visit: Visit, amount: int | None) -> Awaitable[Any]:
    why: Any = visit.typed("withdraw_reason")
    return visit.client.open_withdrawal(
        account=_account(visit),
        reference=visit.typed("reference") or visit.key() or "",
        amount_minor=amount,
        withdraw_reason=why,
        reason=visit.typed("reason"),
        idempotency_key=visit.key(),
    )


def _done(visit: Visit, word: str) -> web.Response:
    return done(f"/accounts/{_account(visit)}", word)


def _rental(visit: Visit) -> tuple[str, str]:
    return visit.form.get("provider", ""), visit.form.get("provider_ref", "")


async def outage(visit: Visit) -> web.StreamResponse:
    """A long rental is dead, as the customer says; it counts from when he said so first."""
    typed = visit.typed("contacted_at")
    act = visit.client.report_outage(
        *_rental(visit),
        contacted_at=None if typed is None else f"{typed}:00Z",  # A browser gives the minute.
        idempotency_key=visit.key(),
    )
    return await acted(visit, act, show, _done(visit, "told"))


async def restored(visit: Visit) -> web.StreamResponse:
    act = visit.client.report_restored(*_rental(visit), idempotency_key=visit.key())
    return await acted(visit, act, show, _done(visit, "told"))


async def claim(visit: Visit) -> web.StreamResponse:
    """About a long rental."""
    rental = visit.form.get("rental", "")
    body = statement_in(visit.form)
    act = visit.client.open_claim(rental=rental, **body, idempotency_key=visit.key())
    return await acted(visit, act, show, _done(visit, "claimed"))


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/accounts/{account}", account),
    ("POST", "/accounts/{account}/events", tell),
    ("POST", "/accounts/{account}/notes", note),
    ("POST", "/accounts/{account}/topups", _with_amount(_top_up)),
    ("POST", "/accounts/{account}/withdrawals", _with_amount(_withdraw)),
    ("POST", "/accounts/{account}/rentals/outage", outage),
    ("POST", "/accounts/{account}/rentals/restored", restored),
    ("POST", "/accounts/{account}/rentals/claim", claim),
)
