"""A bounded part of `make drill`, on real processes: Prometheus and Alertmanager among them."""

import pytest

from tests.chaos.stage import Scale
from tests.drill.act import Row, act
from tests.drill.monitoring import programs
from tests.drill.table import ROWS

pytestmark = [pytest.mark.acceptance, pytest.mark.alone, pytest.mark.timeout(180)]

QUICK = Scale(quick=True)
IN_EACH_RUN = ("redis-killed",)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in IN_EACH_RUN], ids=IN_EACH_RUN)
async def test_the_first_notification_names_the_cause_and_nothing_else_is_told(row: Row) -> None:
    report = await act(row, QUICK, programs())

    assert report.problems == []
