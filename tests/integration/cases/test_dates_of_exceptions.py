"""The dates that a `[[when]]` gives an order hold for its timers as for its decisions."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.ports.store.case_view import TimerKind


def exception(**keys: Any) -> dict[str, Any]:
    return {"when": [{"match": {"country": "1"}, **keys}]}


@pytest.mark.parametrize("days", [10, 20])
async def test_the_time_to_settle_a_claim(shop: CaseShop, days: int) -> None:
    shop.change_policy("P1", exception(claims={"honour_days": days}))
    await shop.open_account()
    id_ = await shop.delivered_activation("P1")
    case = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    due = MONDAY + days * DAY
    assert case.decisions[-1].deadline == due

    await shop.fire_due_timers(due)
    assert last_reason(await shop.case(case.id)) == "judge_evidence"
    await shop.fire_due_timers(due + TICK)

    assert last_reason(await shop.case(case.id)) == "honour_overdue"


@pytest.mark.parametrize("hours", [6, 48])
async def test_the_time_in_which_access_to_the_host_is_granted(shop: CaseShop, hours: int) -> None:
    shop.change_policy("P1", exception(rectify={"host_access_grace_s": hours * 3600}))
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    asked_at = shop.clock.now
    await shop.add_instants(case, access_requested_at=None)

    due = await shop.timer_due_at(TimerKind.HOST_ACCESS_GRACE, case.id)

    assert due == asked_at + hours * HOUR
    await shop.fire_due_timers(asked_at + hours * HOUR + TICK)
    assert last_reason(await shop.case(case.id)) == "host_access_pending"


@pytest.mark.parametrize("hours", [12, 48])
async def test_the_length_from_which_on_an_outage_counts(shop: CaseShop, hours: int) -> None:
    shop.change_policy("P2", exception(outage={"threshold_s": hours * 3600}))
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage()

    due = await shop.timers_of(case.id)

    assert due["outage_threshold"] == MONDAY + hours * HOUR
    assert case.decisions[-1].deadline == MONDAY + hours * HOUR
