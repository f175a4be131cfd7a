"""Long rentals move a provider's balance, too: none of it is missing, and none is paid in."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.integration.reconcile.business import Business
from tests.integration.store.shop import ALICE, SIM
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.domain.transfer import Charge
from worker.ports.store.case_view import TimerKind
from worker.ports.store.rentals import (
    ProlongedLong,
    Rental,
    RentalOrder,
    RentalOrderKind,
    RentedLong,
)

DAY = timedelta(days=1)
COST = 900
GIVE_BACK = """
WITH ended AS (UPDATE rental SET ended_at = now() WHERE id = $1 RETURNING id)
INSERT INTO timer (kind, subject, due_at) SELECT 'rental_close', id, now() FROM ended
"""


def order(kind: RentalOrderKind, rental: UUID | None, provider: ProviderName) -> RentalOrder:
    return RentalOrder(
        kind=kind,
        idempotency_key="k",
        account=ALICE,
        provider=provider,
        service="any",
        country="1",
        length=10 * DAY,
        price_minor=1000,
        max_cost_minor=None,
        charge=Charge.HOLD,
        policy="default",
        policy_version="1",
        rental=rental,
    )


async def begun(
    at_work: Business,
    kind: RentalOrderKind = RentalOrderKind.RENT,
    rental: UUID | None = None,
    provider: ProviderName = SIM,
) -> UUID:
    """Its provider is asked, and has the money already."""
    wanted = order(kind, rental, provider)
    await at_work.shop.store.cases.begin_rental_order(wanted)
    at_work.pay_in(-COST)
    return wanted.id


async def rented(
    at_work: Business, cost: tuple[int, str] | None = (COST, "USD"), provider: ProviderName = SIM
) -> Rental:
    id_ = await begun(at_work, provider=provider)
    ends_at: datetime = await at_work.shop.one("SELECT now() + interval '10 days'")
    cost_minor, currency = cost or (None, None)
    sold = RentedLong(ProviderRef("long"), "15550002", ends_at, cost_minor, currency)
    rental = await at_work.shop.store.cases.rental_bought(id_, sold)
    assert rental is not None
    return rental


async def read(at_work: Business, times: int = 1) -> list[bool]:
    """Which of these readings of the balance could be compared with the one before."""
    for _ in range(times):
        await at_work.reconcile.money(at_work.provider)
    rows = await at_work.shop.rows("SELECT proven FROM provider_reading ORDER BY id")
    return [row[0] for row in rows[-times:]]


async def close(at_work: Business, fate: PriceFate) -> None:
    cases = at_work.shop.store.cases
    (timer,) = await cases.lease_timers(10, [TimerKind.RENTAL_CLOSE])
    assert await cases.rental_closed(timer, fate)


async def is_checked_again(at_work: Business) -> None:
    """After one more reading, what is missing is found."""
    assert await at_work.differences() == []
    await read(at_work)
    at_work.pay_in(-3)
    assert await read(at_work) == [True]
    assert await at_work.differences() == [-3]


async def test_the_cost_of_a_long_rental_explains_the_balance(at_work: Business) -> None:
    await read(at_work)
    await rented(at_work)

    assert await read(at_work) == [True]

    await is_checked_again(at_work)


async def test_money_that_is_missing_beside_a_long_rental_is_found(at_work: Business) -> None:
    await read(at_work)
    await rented(at_work)
    at_work.pay_in(-50)

    await read(at_work)

    assert await at_work.differences() == [-50]


async def test_an_order_whose_outcome_nobody_knows_leaves_the_balance_unproven(
    at_work: Business,
) -> None:
    await read(at_work)
    id_ = await begun(at_work)
    assert await read(at_work) == [False]

    await at_work.shop.store.cases.rental_order_unknown(id_)
    assert await read(at_work) == [False]
    await at_work.shop.store.cases.rental_order_failed(id_, "no_numbers")

    assert await read(at_work) == [False], "it was open before"
    await is_checked_again(at_work)


@pytest.mark.parametrize("cost", [None, (COST, "EUR")], ids=str)
async def test_a_long_rental_of_unknown_cost_leaves_the_balance_unproven(
    at_work: Business, cost: tuple[int, str] | None
) -> None:
    await read(at_work)
    await rented(at_work, cost)

    assert await read(at_work) == [False]

    await is_checked_again(at_work)


async def test_a_prolongation_leaves_the_balance_unproven(at_work: Business) -> None:
    rental = await rented(at_work)
    assert await read(at_work, 2) == [False, True]
    id_ = await begun(at_work, RentalOrderKind.PROLONG, rental.id)
    longer = ProlongedLong(None, rental.ends_at, rental.renewed_at)
    await at_work.shop.store.cases.rental_prolonged(id_, longer)

    assert await read(at_work) == [False]

    await is_checked_again(at_work)


@pytest.mark.parametrize("rented_before", ["1 minute", "9 days"])
@pytest.mark.parametrize("fate", [PriceFate.GIVEN_BACK, PriceFate.KEPT, PriceFate.UNKNOWN])
async def test_what_comes_back_of_a_long_rental_is_not_paid_in(
    at_work: Business, fate: PriceFate, rented_before: str
) -> None:
    rental = await rented(at_work)
    await at_work.shop.admin.execute(
        f"UPDATE rental SET rented_at = rented_at - interval '{rented_before}'"  # noqa: S608 - ours
    )
    assert await read(at_work, 2) == [False, True]
    await at_work.shop.admin.execute(GIVE_BACK, rental.id)
    assert await read(at_work) == [False], "it is being closed"
    if fate is not PriceFate.KEPT:
        at_work.pay_in(COST // 2)
    await close(at_work, fate)

    assert await read(at_work) == [False]

    await is_checked_again(at_work)


async def test_a_rental_that_is_closed_between_two_readings_is_not_paid_in(
    at_work: Business,
) -> None:
    rental = await rented(at_work)
    assert await read(at_work, 2) == [False, True]
    await at_work.shop.admin.execute(GIVE_BACK, rental.id)
    at_work.pay_in(COST)
    await close(at_work, PriceFate.GIVEN_BACK)

    assert await read(at_work) == [False]

    await is_checked_again(at_work)


async def test_a_rental_that_leaves_the_span_of_the_readings_is_still_paid(
    at_work: Business,
) -> None:
    await rented(at_work)
    await read(at_work)
    await at_work.shop.admin.execute("UPDATE rental SET rented_at = rented_at - interval '3 days'")
    await at_work.shop.admin.execute(
        "UPDATE provider_reading SET counted_from = now() - interval '5 days'"
    )

    assert await read(at_work, 2) == [True, True]

    days = await at_work.shop.one(
        "SELECT extract(days FROM now() - max(counted_from)) FROM provider_reading"
    )
    assert days == 2
    await is_checked_again(at_work)


async def test_long_rentals_of_another_provider_are_no_concern_of_this_one(
    at_work: Business,
) -> None:
    await read(at_work)
    await rented(at_work, provider=ProviderName("other"))
    at_work.pay_in(COST)  # The other one has the money.

    assert await read(at_work) == [True]
    assert await at_work.differences() == []
