"""`/find`: a number, a rental, an order, a case or an account by whatever a customer sends."""

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem, Client
from worker.entrypoints.desk.cases_read import case_of, none_without_cases, rental_ends_of
from worker.entrypoints.desk.sentences import rental_path, rental_says
from worker.entrypoints.desk.visit import PageHandler, Visit

LISTED: Final = 20
REVIEWS_READ: Final = 200  #: Soonest first: an order in doubt has a day, and stands before most.
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_TAIL = re.compile(r"[0-9a-f]{8}")
_PHONE = re.compile(r"\+?[0-9]{4,20}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,127}")
_REFERENCE = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
#: What people write between the digits of a phone.
_BETWEEN_DIGITS = re.compile(r"[\s()./-]")


async def find(visit: Visit) -> web.StreamResponse:
    sought = (visit.query("q") or "").strip()
    found = await _found(visit.client, sought)
    numbers, rentals, orders, cases, accounts = found
    hits = [
        *(f"/a/{each['id']}" for each in numbers.items),
        *(rental_path(each) for each in rentals.items),
        *(f"/?review={each['id']}" for each in orders.items),
        *(f"/cases/{each['id']}" for each in cases.items),
        *(f"/accounts/{each['account']}" for each in accounts.items),
    ]
    if len(hits) == 1:
        return web.Response(status=303, headers={"Location": hits[0]})
    renters = {each["account"] for each in rentals.items}
    ends = await asyncio.gather(*(rental_ends_of(visit.client, account) for account in renters))
    return visit.page(
        "find.html",
        sought=sought,
        numbers=numbers.items,
        rentals=rentals.items,
        orders=orders.items,
        cases=cases.items,
        accounts=accounts.items,
        more_than=LISTED if any(each.more for each in found) else None,
        rental_path=rental_path,
        rental_says=partial(rental_says, ends=list(chain.from_iterable(ends))),
    )


Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hits:
    """What one question found, and whether there is more that was not asked for."""

    items: Sequence[Found] = ()
    more: bool = False


async def _found(client: Client, sought: str) -> Sequence[Hits]:
    """Numbers, rentals, orders in doubt, cases and accounts: whatever the text can mean."""
    low, digits = sought.lower(), _BETWEEN_DIGITS.sub("", sought)
    is_id, is_name = _UUID.fullmatch(low) is not None, _NAME.fullmatch(sought) is not None
    by: list[dict[str, str]] = []
    if _PHONE.fullmatch(digits):
        by.append({"phone": digits})
    if _REFERENCE.fullmatch(sought):
        by.append({"order_ref": sought})
    if is_name:
        by.append({"provider_ref": sought})
    numbers = [_listed(client, **each) for each in by]
    if _TAIL.fullmatch(low):
        numbers.append(_listed(client, id_tail=low))
    rentals = [_rentals(client, **each) for each in by]
    orders = [_orders_in_doubt(client, sought)] if _REFERENCE.fullmatch(sought) else []
    if is_id:
        numbers.append(_one(client.get_activation(low)))
        rentals.append(_rentals(client, id=low))
        orders.append(_reviews_of_orders(client, limit=1, id_=low))
    return await asyncio.gather(
        _all_of(numbers),
        _all_of(rentals),
        _all_of(orders),
        _case(client, low) if is_id else _nothing(),
        _one(client.get_account(sought)) if is_name else _nothing(),
    )


async def _all_of(asked: Iterable[Awaitable[Hits]]) -> Hits:
    """Each once, whichever question found it."""
    found = await asyncio.gather(*asked)
    once = {each["id"]: each for some in found for each in some.items}
    return Hits(list(once.values()), any(some.more for some in found))


async def _rentals(client: Client, **by: str) -> Hits:
    asked = client.list_rentals(limit=LISTED, **by)  # type: ignore[arg-type]  # names of its own parameters
    return _hits(await none_without_cases(asked))


def _hits(page: Mapping[str, Any]) -> Hits:
    return Hits(page["items"], page["next_cursor"] is not None)


async def _orders_in_doubt(client: Client, order_ref: str) -> Hits:
    """By the shop's order; the API lists reviews without asking for it."""
    waiting = await _reviews_of_orders(client, limit=REVIEWS_READ)
    return Hits([each for each in waiting.items if each["order_ref"] == order_ref])


async def _reviews_of_orders(client: Client, *, limit: int, id_: str | None = None) -> Hits:
    """Of an order of a long rental in doubt there is a review, and no rental yet."""
    try:
        found = await client.list_reviews(id=id_, brief="true", limit=limit)
    except ApiProblem as problem:
        if problem.slug not in {"not-found", "not-offered"}:
            raise
        return Hits()
    return Hits([each for each in found["items"] if each["kind"] == "rental_order"])


async def _listed(client: Client, **by: str) -> Hits:
    return _hits(await client.list_activations(limit=LISTED, **by))  # type: ignore[arg-type]  # names of its own parameters


async def _one(call: Awaitable[Found]) -> Hits:
    try:
        return Hits([await call])
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return Hits()


async def _case(client: Client, id_: str) -> Hits:
    case = await case_of(client, id_)
    return Hits() if case is None else Hits([case])


async def _nothing() -> Hits:
    return Hits()


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (("GET", "/find", find),)
