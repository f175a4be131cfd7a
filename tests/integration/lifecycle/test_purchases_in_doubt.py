"""What a purchase in doubt costs nobody else, and what a reading of its provider must not miss."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.test_purchases_proven_unsold import (
    IN_DOUBT,
    PAST,
    ROW,
    UNSOLD,
    asked_earlier,
    given_up,
    lost,
    read,
    tells,
)
from tests.integration.lifecycle.world import PRICE, SECOND, SIM, WINDOW, World
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.adopt import CARRIED_OUT_WITHIN, CLOCKS_DIFFER
from worker.lifecycle.reconcile import LAGS
from worker.ports.provider import HistoryPage, PastNumber

BOB = AccountId("bob")
OURS, OTHER = "15559999", "15550077"  #: Phones.


def history(world: World, answer: Any) -> list[int]:
    """The provider's history is told by this; the pages that were asked for."""
    asked: list[int] = []

    async def told(_since: datetime, _until: datetime, skip: int) -> HistoryPage:
        asked.append(skip)
        page: HistoryPage = await answer(skip)
        return page

    object.__setattr__(world.provider, "history", told)
    return asked


def given_back(skip: int) -> PastNumber:
    return PastNumber(ref=ProviderRef(f"x{skip}"), fate=PriceFate.GIVEN_BACK)


async def test_a_customer_who_waits_gets_a_number_before_a_purchase_that_is_over(
    world: World,
) -> None:
    over = await lost(world, "order-1")
    await asked_earlier(world)
    tells(world)
    await read(world, 2)
    assert await world.ended(over) == UNSOLD
    world.skew = timedelta(0)
    waits = await lost(world, "order-2")
    tells(world, listed=(ROW,))

    await read(world, 2)

    assert (await world.number(waits)).ref == "77"
    assert (await world.number(over)).ref is None


async def test_a_history_that_hangs_keeps_no_number_from_its_customer(world: World) -> None:
    await given_up(world, "order-1")
    await asked_earlier(world, timedelta(hours=1))
    waits = await lost(world, "order-2")
    tells(world, listed=(ROW,))
    hangs = asyncio.Event()

    async def answer(_skip: int) -> HistoryPage:
        hangs.set()
        await asyncio.Event().wait()
        raise AssertionError

    history(world, answer)
    for _ in range(2):
        hangs.clear()
        run = asyncio.ensure_future(world.repair.tick(world.provider))
        await hangs.wait()
        run.cancel()  # As a job is whose time is over.
        await asyncio.wait([run])

    assert (await world.number(waits)).ref == "77"


async def test_a_history_longer_than_a_run_is_read_on_by_the_next(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world)

    async def answer(skip: int) -> HistoryPage:
        world.elapsed += 2
        return HistoryPage((given_back(skip),), skip + 1 if skip < 8 else None)

    asked = history(world, answer)

    await read(world)
    assert asked != list(range(9)), "it took too long for one run"
    await read(world, 6)

    assert asked[:9] == list(range(9)), "no page twice, none left out"
    assert await world.ended(number) == UNSOLD


async def test_a_history_that_is_never_whole_is_read_less_and_less_often(world: World) -> None:
    await given_up(world)
    await asked_earlier(world)
    tells(world)

    async def answer(skip: int) -> HistoryPage:
        return HistoryPage((given_back(skip),), skip + 1)

    asked = history(world, answer)

    await read(world, 10)

    assert len(asked) <= 4 * 200


async def test_an_account_that_stays_locked_holds_up_no_other_proof(world: World) -> None:
    await world.store.books.open_account(BOB, "USD")
    await world.store.books.top_up(BOB, "first", 1000)
    free = await lost(world, "order-1")
    locked = await lost(world, "order-2", account=BOB)
    await asked_earlier(world)
    tells(world)
    await read(world)

    async with world.admin.transaction():
        await world.admin.execute("SELECT FROM balance WHERE account = 'bob' FOR UPDATE")
        await read(world)
        assert await world.ended(free) == UNSOLD
        assert await world.money() == (100_000, 0)
    assert await world.ended(locked) == (State.EXPIRING, ProviderState.CANCELLED)
    await read(world)

    assert await world.ended(locked) == UNSOLD


async def test_a_proof_that_was_cut_off_before_its_settlement_is_settled_by_the_next(
    world: World,
) -> None:
    number = await lost(world)
    await asked_earlier(world)
    tells(world)
    await world.store.settlements.end_unsold([number.id])

    await read(world, 2)

    assert await world.ended(number) == UNSOLD
    assert await world.money() == (100_000, 0)
    told = await world.admin.fetch("SELECT what FROM transition WHERE what = 'expiring'")
    assert len(told) == 1


async def test_who_pressed_cancel_has_the_price_back_at_the_proof_too(world: World) -> None:
    number = await lost(world)
    await world.store.activations.press_cancel(number.id)
    await asked_earlier(world)
    tells(world)

    await read(world, 2)

    assert await world.ended(number) == UNSOLD
    assert await world.money() == (100_000, 0)
    found = await world.number(number)
    assert found.settlement is not None
    assert found.settlement.reason == "cancel", "the first reason stays"


@pytest.mark.parametrize("first", [OTHER, OURS])
async def test_two_rows_of_one_ref_are_two_numbers(world: World, first: str) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    await world.take("77", phone=OURS)
    phones = (OURS, OTHER) if first == OURS else (OTHER, OURS)
    rows = [replace(PAST, phone=phone) for phone in phones]
    tells(world, past=tuple(rows))

    await read(world, 3)

    assert await world.ended(number) == IN_DOUBT
    assert await world.exposure() == [(PRICE, "open")]


async def test_a_ref_that_lives_hides_no_number_of_another_phone(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    await world.take("77", phone=OURS)
    tells(world, past=(replace(PAST, phone=OTHER),))

    await read(world, 3)

    assert await world.ended(number) == IN_DOUBT


async def test_one_sold_later_than_the_proof_assumes_is_told_and_left_to_a_person(
    world: World,
) -> None:
    number = await lost(world)
    await asked_earlier(world)
    tells(world)
    await read(world, 2)
    assert await world.ended(number) == UNSOLD
    world.skew = timedelta(0)
    asked = await world.one("SELECT asked_at FROM purchase")
    late = asked + CARRIED_OUT_WITHIN + CLOCKS_DIFFER + SECOND
    tells(world, listed=(ROW._replace(rented_at=late),))

    await read(world, 3)
    await world.reconcile.numbers(world.provider)

    assert (await world.number(number)).ref is None, "it may be another program's"
    assert await world.reconcile.unknown_numbers(world.provider) == ["77"]


async def test_a_number_that_may_have_ended_is_absent_only_once_the_history_tells_of_it(
    world: World,
) -> None:
    number = await given_up(world)
    await asked_earlier(world, WINDOW)
    tells(world)

    await read(world, 2)
    assert await world.ended(number) == IN_DOUBT, "it would be in no list, and in no history yet"
    await asked_earlier(world, CARRIED_OUT_WITHIN + LAGS)
    await read(world, 2)

    assert await world.ended(number) == UNSOLD


async def test_a_reading_that_shows_it_after_the_lag_is_no_absence(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world, WINDOW)
    tells(world)
    await read(world, 2)
    asked = await world.one("SELECT asked_at FROM purchase")
    kept = replace(PAST, service="any", country="1", cost_minor=20, currency="USD", rented_at=asked)
    tells(world, past=(kept,))

    await read(world, 3)

    assert (await world.number(number)).ref == "77"
    assert await world.exposure() == [(20, "open")]
    assert await world.store.purchases.open_purchases(SIM) == []


@pytest.mark.parametrize(
    ("phone", "ended"), [(ROW.phone, UNSOLD), (None, UNSOLD), (OURS, IN_DOUBT)], ids=str
)
async def test_what_the_list_says_of_a_number_goes_before_the_history(
    world: World, phone: str | None, ended: tuple[State, ProviderState]
) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world, listed=(ROW._replace(service="other"),), past=(replace(PAST, phone=phone),))

    await read(world, 2)

    assert await world.ended(number) == ended
