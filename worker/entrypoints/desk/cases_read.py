"""Cases as the pages read them: one by its id, whatever kind it is, and those of a customer."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from worker.client import ApiProblem, Client
from worker.client.calls.list_pages import CaseList, RentalList
from worker.client.calls.shapes import Case, Rental

LISTED: Final = 20
OF_ONE_KIND: Final = 200  #: Where a page sums up what they say.
T = TypeVar("T", CaseList, RentalList)
CaseKind: TypeAlias = Literal["account", "rental_end"]  #: Those that pages ask for alone.


async def case_of(client: Client, id_: str) -> Case | None:
    """None where there is none by this id, or where this daemon has no cases at all."""
    try:
        found = await client.list_cases(id=id_, limit=1)
    except ApiProblem as problem:
        if problem.slug not in {"not-found", "not-offered"}:
            raise
        return None
    return next(iter(found["items"]), None)


async def cases_of(
    client: Client,
    *,
    account: str | None = None,
    activation: str | None = None,
    kind: CaseKind | None = None,
    limit: int = LISTED,
) -> Sequence[Case]:
    """Newest first; none where this daemon has no cases at all."""
    asked = client.list_cases(account=account, activation=activation, kind=kind, limit=limit)
    return (await none_without_cases(asked))["items"]


async def none_without_cases(listed: Awaitable[T]) -> T:
    """A page of a list; an empty one where this daemon has no cases at all."""
    try:
        return await listed
    except ApiProblem as problem:
        if problem.slug != "not-offered":
            raise
        return cast("T", {"items": [], "next_cursor": None})


async def rental_ends_of(client: Client, account: str) -> Sequence[Case]:
    """What the ends of its rentals gave back; a rental does not name its own."""
    return await cases_of(client, account=account, kind="rental_end", limit=OF_ONE_KIND)


async def rental_of(client: Client, case: Mapping[str, Any]) -> Rental | None:
    """The long rental that a case is about."""
    if case["rental"] is None:
        return None
    listed = await client.list_rentals(id=case["rental"], limit=1)
    return next(iter(listed["items"]), None)
