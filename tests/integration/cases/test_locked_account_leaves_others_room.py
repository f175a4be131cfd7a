"""Somebody keeps one account locked: what is asked for it keeps no other account waiting."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.rental_order import order
from tests.integration.store.locked_accounts import balances_locked, wait_for_lock
from tests.integration.store.shop import ALICE, BOB
from worker.domain.ids import ProviderRef
from worker.ports.errors import RowLocked
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import RentalOrderState, RentedLong

CALLS = 15  #: More than the pool has connections.
ON_TIME = 2.0  #: Seconds.

Call = Coroutine[Any, Any, Any]
Calls = Callable[[CaseShop], Coroutine[Any, Any, list[Call]]]


async def claims(shop: CaseShop) -> list[Call]:
    numbers = [await shop.delivered_activation("P1", str(at)) for at in range(CALLS)]
    facts = {"claim_kind": "invalid_number"}
    return [shop.service.open_claim(number, facts) for number in numbers]


async def evidence(shop: CaseShop) -> list[Call]:
    number = await shop.delivered_activation("P3")
    case = await shop.open_claim(number, "wrong_code", evidence=["photo"])
    return [shop.add_evidence(case, "screenshot") for _ in range(CALLS)]


async def rental_orders(shop: CaseShop) -> list[Call]:
    orders = [order(shop, str(at)) for at in range(CALLS)]
    return [shop.store.cases.begin_rental_order(each) for each in orders]


async def bought(shop: CaseShop) -> list[Call]:
    orders = [order(shop, str(at)) for at in range(CALLS)]
    for each in orders:
        began = await shop.store.cases.begin_rental_order(each)
        assert began.state is RentalOrderState.NEW
    sold = [RentedLong(ProviderRef(str(at)), f"1555{at}", MONDAY + DAY) for at in range(CALLS)]
    return [
        shop.store.cases.rental_bought(each.id, number)
        for each, number in zip(orders, sold, strict=True)
    ]


@pytest.mark.parametrize("asked", [claims, evidence, rental_orders, bought])
async def test_calls_that_wait_for_a_locked_account_leave_room_for_all_others(
    shop: CaseShop, asked: Calls
) -> None:
    await shop.open_account()
    await shop.open_account(BOB)
    theirs = await shop.delivered_activation("P1", "bob", account=BOB)
    calls = await asked(shop)
    loop = asyncio.get_running_loop()

    async with balances_locked(shop.url, ALICE):
        waiting = [asyncio.ensure_future(call) for call in calls]
        await wait_for_lock(shop.admin, 1)
        began = loop.time()
        for _ in range(10):
            assert await shop.store.books.account(BOB) is not None
        opened = await shop.service.open_claim(theirs, {"claim_kind": "invalid_number"})
        took = loop.time() - began

    assert opened.how is CaseOpenOutcome.NEW
    assert took < ON_TIME
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends if isinstance(end, BaseException)} <= {RowLocked}


@pytest.mark.parametrize("asked", [claims, evidence, rental_orders, bought])
async def test_calls_of_one_account_that_come_together_all_succeed(
    shop: CaseShop, asked: Calls
) -> None:
    await shop.open_account()

    ends = await asyncio.gather(*await asked(shop))

    assert len(ends) == CALLS
