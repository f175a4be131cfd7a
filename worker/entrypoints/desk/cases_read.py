"""Cases as the pages read them: one by its id, whatever kind it is, and those of a customer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from worker.client import ApiProblem, Client
from worker.client.calls.shapes import Case, Rental

LISTED: Final = 20
#: Among so many of an account a case is looked for that no call shows by its id.
_LOOKED_THROUGH: Final = 200


async def case_of(client: Client, id_: str, account: str | None = None) -> Case | None:
    """None where there is none by this id. *account*: whose it is, where that is known.

    Claims and withdrawals have calls of their own; others stand in their account's list alone.
    """
    calls: Sequence[Callable[[str], Awaitable[Case]]] = (client.get_claim, client.get_withdrawal)
    for call in calls:
        try:
            return await call(id_)
        except ApiProblem as problem:
            if problem.status != 404 and problem.slug != "not-offered":
                raise
    if account is None:
        return None
    listed = await cases_of(client, account=account, limit=_LOOKED_THROUGH)
    return next((case for case in listed if case["id"] == id_), None)


async def cases_of(
    client: Client,
    *,
    account: str | None = None,
    activation: str | None = None,
    limit: int = LISTED,
) -> Sequence[Case]:
    """Newest first; none where this daemon has no cases at all."""
    try:
        found = await client.list_cases(account=account, activation=activation, limit=limit)
    except ApiProblem as problem:
        if problem.slug != "not-offered":
            raise
        return []
    return found["items"]


async def rental_of(client: Client, case: Mapping[str, Any]) -> Rental | None:
    """The long rental that a case is about."""
    if case["rental"] is None:
        return None
    listed = await client.list_rentals(id=case["rental"], limit=1)
    return next(iter(listed["items"]), None)
