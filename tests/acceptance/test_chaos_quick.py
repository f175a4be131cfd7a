"""A bounded part of `make chaos`, on real processes: the rows that are quick and hold today.

`tests/simulation/test_times_promised.py` has most other faults in simulated time. A row joins
`ROWS` when it holds three times in a row on two cores, and all of them stay below 90 seconds.
"""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.chaos.report import Line
from tests.chaos.rows import row_locked
from tests.chaos.stage import Scale

pytestmark = [pytest.mark.acceptance, pytest.mark.alone, pytest.mark.timeout(300)]

QUICK = Scale(quick=True)
ROWS = {
    "one balance row is locked": row_locked.measure,
}


@pytest.mark.parametrize("measure", ROWS.values(), ids=ROWS.keys())
async def test_what_is_promised_is_kept(
    measure: Callable[[Scale], Awaitable[Sequence[Line]]],
) -> None:
    broken = {line.what: line.now for line in await measure(QUICK) if line.met is False}
    assert broken == {}
