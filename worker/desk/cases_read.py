"""A case by its id, whatever kind of case it is."""

from collections.abc import Awaitable, Callable, Sequence

from worker.client import ApiProblem, Client
from worker.client.calls.shapes import Case


async def case_of(client: Client, id_: str) -> Case | None:
    """None where there is none by this id."""
    calls: Sequence[Callable[[str], Awaitable[Case]]] = (client.get_claim, client.get_withdrawal)
    for call in calls:
        try:
            return await call(id_)
        except ApiProblem as problem:
            if problem.status != 404:
                raise
    return None
