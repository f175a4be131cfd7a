"""`/try`: the scenarios of a simulated provider as buttons, beside what then happens."""

import secrets
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from worker.client import ApiError, ApiProblem
from worker.entrypoints.desk.notices import Notice, notice_of, status_of
from worker.entrypoints.desk.visit import PageHandler, TryScenario, Visit

ACCOUNT: Final = "desk-try"
COUNTRY: Final = "0"
LISTED: Final = 5


async def scenarios(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    if visit.config.simulated is None:
        raise web.HTTPNotFound
    wanted = visit.query("id")
    activation = None if wanted is None else await visit.client.get_activation(wanted)
    earlier = await visit.client.list_activations(account=ACCOUNT, limit=LISTED)
    return visit.page(
        "try.html",
        notice=notice,
        status=status,
        scenarios=visit.config.scenarios,
        a=activation,
        earlier=earlier["items"],
    )


async def start(visit: Visit) -> web.StreamResponse:
    """Rent a number that behaves so; where it is refused, the page says why."""
    name = visit.request.match_info["scenario"]
    chosen = next((each for each in visit.config.scenarios if each.name == name), None)
    if chosen is None or visit.config.simulated is None:
        raise web.HTTPNotFound
    try:
        id_ = await _rent(visit, chosen, visit.config.simulated)
    except ApiError as error:
        if isinstance(error, ApiProblem) and error.slug == "unauthenticated":
            raise
        return await _page(visit, notice_of(error, acting=True), status_of(error))
    return web.Response(status=303, headers={"Location": f"/try?id={id_}"})


async def _rent(visit: Visit, chosen: TryScenario, provider: str) -> str:
    client, key = visit.client, visit.key() or secrets.token_hex(16)
    await client.open_account(ACCOUNT, currency=visit.config.currency)
    await client.top_up_account(ACCOUNT, reference=key, amount_minor=chosen.price_minor)
    rented = await client.rent_number(
        account=ACCOUNT,
        provider=provider,
        service=chosen.service,
        country=COUNTRY,
        price_minor=chosen.price_minor,
        window_seconds=chosen.window_seconds,
        idempotency_key=key,
    )
    if chosen.cancel:
        try:
            await client.cancel_activation(rented["id"])
        except ApiProblem as problem:
            if problem.slug != "code-received":  # The code came first: the scenario's point.
                raise
    return rented["id"]


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/try", scenarios),
    ("POST", "/try/{scenario}", start),
)
