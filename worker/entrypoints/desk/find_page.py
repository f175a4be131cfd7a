"""`/find`: a number, a case or an account by whatever a customer sends."""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import ApiProblem, Client
from worker.entrypoints.desk.cases_read import case_of
from worker.entrypoints.desk.visit import PageHandler, Visit

LISTED: Final = 20
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_TAIL = re.compile(r"[0-9a-f]{8}")
_PHONE = re.compile(r"\+?[0-9]{4,20}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,127}")
_REFERENCE = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
#: What people write between the digits of a phone.
_BETWEEN_DIGITS = re.compile(r"[\s()./-]")


async def find(visit: Visit) -> web.StreamResponse:
    sought = (visit.query("q") or "").strip()
    numbers, cases, accounts = await _found(visit.client, sought)
    hits = [
        *(f"/a/{each['id']}" for each in numbers),
        *(f"/cases/{each['id']}" for each in cases),
        *(f"/accounts/{each['account']}" for each in accounts),
    ]
    if len(hits) == 1:
        return web.Response(status=303, headers={"Location": hits[0]})
    return visit.page("find.html", sought=sought, numbers=numbers, cases=cases, accounts=accounts)


Found = Mapping[str, Any]


async def _found(
    client: Client, sought: str
) -> tuple[Sequence[Found], Sequence[Found], Sequence[Found]]:
    """Asked for all at once, each question only where the text can be an answer to it."""
    low, digits = sought.lower(), _BETWEEN_DIGITS.sub("", sought)
    numbers: list[Awaitable[Sequence[Found]]] = []
    others: list[Awaitable[Sequence[Found]]] = []
    if _UUID.fullmatch(low):
        numbers.append(_one(client.get_activation(low)))
    if _TAIL.fullmatch(low):
        numbers.append(_listed(client, id_tail=low))
    if _PHONE.fullmatch(digits):
        numbers.append(_listed(client, phone=digits))
    if _REFERENCE.fullmatch(sought):
        numbers.append(_listed(client, order_ref=sought))
    is_name = _NAME.fullmatch(sought) is not None
    if is_name:
        numbers.append(_listed(client, provider_ref=sought))
    others.append(_case(client, low) if _UUID.fullmatch(low) else _nothing())
    others.append(_one(client.get_account(sought)) if is_name else _nothing())
    found = await asyncio.gather(*numbers, *others)
    by_id = {each["id"]: each for each in (one for some in found[:-2] for one in some)}
    return list(by_id.values()), found[-2], found[-1]


async def _listed(client: Client, **by: str) -> Sequence[Found]:
    return (await client.list_activations(limit=LISTED, **by))["items"]  # type: ignore[arg-type]  # names of its own parameters


async def _one(call: Awaitable[Found]) -> Sequence[Found]:
    try:
        return [await call]
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return []


async def _case(client: Client, id_: str) -> Sequence[Found]:
    case = await case_of(client, id_)
    return [] if case is None else [case]


async def _nothing() -> Sequence[Found]:
    return []


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (("GET", "/find", find),)
