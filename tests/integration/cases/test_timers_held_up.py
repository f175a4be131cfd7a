"""What holds up one timer holds up no other for longer than its own moment."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.test_rental_ends import END, automatic
from tests.integration.store.shop import ALICE, BOB, TICK
from worker.lifecycle.cases.due_timers import BATCH
from worker.lifecycle.cases.idle_balances import idle_subject
from worker.ports.errors import StoreUnavailable
from worker.ports.store.case_view import CaseState

#: Less than the server waits for a lock.
SOON = timedelta(seconds=8)


class AwayOnce:
    """The cases of a database that is away when the first of them is to change."""

    def __init__(self, cases: object) -> None:
        self._cases = cases
        self._was_away = False

    def __getattr__(self, name: str) -> Any:
        if name == "change_case" and not self._was_away:
            return self._away
        return getattr(self._cases, name)

    async def _away(self, *_: object, **__: object) -> None:
        self._was_away = True
        raise StoreUnavailable("away")


async def test_a_database_that_was_away_for_a_moment_leaves_no_timer_leased(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    cases = [
        await shop.open_claim(await shop.delivered_activation("P1", str(at)), "invalid_number")
        for at in range(3)
    ]
    shop.set_time(MONDAY + 8 * DAY)
    timers = replace(shop.timers, cases=cast("Any", AwayOnce(shop.store.cases)))
    with pytest.raises(StoreUnavailable):
        await timers.tick()

    shop.set_time(MONDAY + 8 * DAY + timedelta(seconds=1))
    await timers.tick()

    assert {await shop.state_of(case.id) for case in cases} == {CaseState.DENIED}


async def test_reviews_of_a_locked_account_that_are_late_hold_up_no_other_account(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    await shop.open_account(BOB)
    for at in range(2):
        order = await shop.delivered_activation("P3", str(at))
        await shop.open_claim(order, "wrong_code", evidence=["photo"])
    later = MONDAY + timedelta(hours=1)
    shop.set_time(later + timedelta(hours=1))
    order = await shop.delivered_activation("P1", "9", account=BOB, rented_at=later)
    theirs = await shop.open_claim(order, "invalid_number")
    somebody = await asyncpg.connect(shop.url)
    shop.set_time(MONDAY + 10 * DAY)

    async with somebody.transaction():
        await somebody.execute("SELECT FROM balance WHERE account = 'alice' FOR UPDATE")
        async with asyncio.timeout(SOON.total_seconds()):
            await shop.timers.tick()
        assert await shop.state_of(theirs.id) is CaseState.DENIED
    await somebody.close()

    late = [told for told in shop.reporter.of("trouble") if "RowLocked" in str(told)]
    assert len(late) >= 2


async def test_many_timers_of_a_locked_account_hold_up_a_younger_one_of_another_for_a_tick(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    await shop.open_account(BOB)
    for at in range(BATCH + 20):
        await shop.open_claim(await shop.delivered_activation("P1", f"1{at}"), "invalid_number")
    later = MONDAY + timedelta(hours=1)
    shop.set_time(later + timedelta(hours=1))
    order = await shop.delivered_activation("P1", "9", account=BOB, rented_at=later)
    theirs = await shop.open_claim(order, "invalid_number")
    somebody = await asyncpg.connect(shop.url)
    shop.set_time(MONDAY + 10 * DAY)

    async with somebody.transaction():
        await somebody.execute("SELECT FROM balance WHERE account = 'alice' FOR UPDATE")
        await shop.timers.tick()
        assert await shop.state_of(theirs.id) is CaseState.DENIED
    await somebody.close()


async def test_an_idle_balance_that_is_locked_holds_up_no_other_account(shop: CaseShop) -> None:
    idle = {"balance.expires": None, "balance.idle_months": 2, "balance.idle_then": "void"}
    shop.change_policy("P3", idle)
    for account in (ALICE, BOB):
        await shop.open_account(account, amount_minor=1000, policy="P3")
    await shop.admin.execute("UPDATE account SET opened_at = $1", MONDAY)
    await shop.timers.tick()
    await shop.admin.execute(
        "UPDATE timer SET due_at = due_at - interval '1 s' WHERE subject = $1", idle_subject(ALICE)
    )
    somebody = await asyncpg.connect(shop.url)

    async with somebody.transaction():
        await somebody.execute("SELECT FROM balance WHERE account = 'alice' FOR UPDATE")
        async with asyncio.timeout(SOON.total_seconds()):
            await shop.fire_due_timers(MONDAY.replace(month=5) + TICK)
        assert await shop.balances(BOB) == (0, 0)
    await somebody.close()


async def test_the_end_of_a_rental_whose_account_is_locked_holds_up_no_tick(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    somebody = await asyncpg.connect(shop.url)

    async with somebody.transaction():
        await somebody.execute("SELECT FROM balance WHERE account = 'alice' FOR UPDATE")
        async with asyncio.timeout(SOON.total_seconds()):
            await shop.fire_due_timers(END + TICK)
    await somebody.close()
    await shop.fire_due_timers(END + DAY)

    assert await shop.balances() == (3000, 0)
