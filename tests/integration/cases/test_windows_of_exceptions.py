"""The claim window that an exception gives an order: only its end makes the order final."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.cases.test_case_timers import decisions
from tests.integration.store.shop import TICK
from worker.ports.store.case_view import TimerKind


def exception(days: int, **match: Any) -> dict[str, Any]:
    return {"when": [{"match": match, "claims": {"window_days": days}}]}


MATCHES: tuple[dict[str, Any], ...] = (
    {"service": "any"},
    {"country": "1"},
    {"price_from_minor": PRICE},
    {"payment_method": "wire"},
    {"label": "slow"},
    {"product": "one_time"},
)


@pytest.mark.parametrize("match", MATCHES, ids=[next(iter(match)) for match in MATCHES])
@pytest.mark.parametrize("days", [3, 12])
async def test_an_order_becomes_final_when_the_window_of_its_exception_is_over(
    shop: CaseShop, match: dict[str, Any], days: int
) -> None:
    shop.change_policy("P1", exception(days, **match))
    await shop.open_account()
    told = {"payment_method": "wire", "labels": ["slow"], "terms": {"version": "1"}}
    id_ = await shop.delivered_activation("P1", order_facts=told)

    await shop.fire_due_timers(MONDAY + DAY)
    assert await shop.timer_due_at(TimerKind.CLAIM_WINDOW, id_) == MONDAY + days * DAY
    await shop.fire_due_timers(MONDAY + days * DAY)
    assert await decisions(shop, id_) == []
    await shop.fire_due_timers(MONDAY + days * DAY + TICK)

    assert [(outcome, reason) for outcome, reason, _ in await decisions(shop, id_)] == [
        ("finalised", "silence")
    ]


async def test_an_order_that_no_exception_is_about_has_the_window_of_the_policy(
    shop: CaseShop,
) -> None:
    shop.change_policy("P1", exception(12, service="other"))
    await shop.open_account()
    id_ = await shop.delivered_activation("P1")

    await shop.fire_due_timers(MONDAY + DAY)

    assert await shop.timer_due_at(TimerKind.CLAIM_WINDOW, id_) == MONDAY + 7 * DAY


async def test_where_only_an_exception_names_a_window_only_its_orders_become_final(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", exception(2, country="7"))
    await shop.open_account()
    bound = await shop.delivered_activation("P3", "1", country="7")
    free = await shop.delivered_activation("P3", "2")

    await shop.fire_due_timers(MONDAY + DAY)
    await shop.fire_due_timers(MONDAY + 4 * DAY)

    assert [outcome for outcome, *_ in await decisions(shop, bound)] == ["finalised"]
    assert await decisions(shop, free) == []
