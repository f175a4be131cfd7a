"""Work on many accounts of which others have some locked: the free ones first, then the rest."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, TypeVar

from worker.ports.errors import RowLocked

WAITS_MAX: Final = 4  #: Of one call; each is over when one account stays locked.

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Does what it is given, by its place, and says what became of each.
Round: TypeAlias = Callable[[dict[int, Item]], Awaitable[Mapping[int, Result]]]


async def free_then_locked(
    items: dict[int, Item],
    *,
    free: Round[Item, Result],
    waiting: Round[Item, Result],
    is_locked: Callable[[Result], bool],
    waits: int = WAITS_MAX,
) -> dict[int, Result]:
    """*free* skips what somebody has locked; *waiting* takes all in order, or raises `RowLocked`.

    Most who hold an account are calls like this one, and done in a moment: they are waited for.
    One who keeps his account longer ends the wait, and what others have let go by then is taken.
    Where that is nothing, the call is over.
    """
    results = dict(await free(items))
    left = _left(items, results, is_locked)
    for _ in range(waits):
        if not left:
            break
        try:
            results |= await waiting(left)
        except RowLocked:
            results |= await free(left)
        before, left = len(left), _left(left, results, is_locked)
        if len(left) == before:
            break
    return results


def _left(
    items: dict[int, Item], results: Mapping[int, Result], is_locked: Callable[[Result], bool]
) -> dict[int, Item]:
    return {at: item for at, item in items.items() if is_locked(results[at])}
