"""Taking numbers in: each once, with its hold, whatever is repeated, reused or too dear."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    INTAKE,
    NUMBER,
    PRICE,
    RENTED,
    SIM,
    TICK,
    WINDOW,
    Shop,
    changed,
    external,
    intake,
)
from worker.adapters.store.accept import SKEW
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId, ProviderName, activation_id
from worker.domain.transfer import Charge
from worker.ports.store.activations import AcceptOutcome, Activation, CompleteIntake


async def take(shop: Shop, *intakes: CompleteIntake, now: datetime = RENTED) -> list[AcceptOutcome]:
    return [result.how for result in await shop.store.activations.accept(intakes, now=now)]


async def everything(shop: Shop) -> list[Any]:
    tables = ("balance", "transfer", "activation", "transition", "event", "code")
    return [await shop.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables]  # noqa: S608 - names of ours


async def test_a_new_number_waits_with_its_price_on_hold(shop: Shop) -> None:
    await shop.open(amount_minor=100)

    (result,) = await shop.store.activations.accept([INTAKE], now=RENTED)

    assert result.how is AcceptOutcome.NEW
    stored = await shop.store.activations.activation(activation_id(SIM, NUMBER.ref, RENTED))
    assert stored is not None
    assert stored == replace(
        Activation(
            id=stored.id,
            provider=SIM,
            ref=NUMBER.ref,
            account=ALICE,
            phone="15550001",
            service="any",
            country="1",
            price_minor=PRICE,
            currency="USD",
            policy="default",
            state=State.WAITING,
            provider_state=ProviderState.OPEN,
            rented_at=RENTED,
            deadline_at=DEADLINE,
        ),
        timeline=stored.timeline,
    )
    assert [line.what for line in stored.timeline] == ["accepted"]
    assert await shop.money() == (100 - PRICE, PRICE)


async def test_the_same_again_is_the_same_and_moves_nothing(shop: Shop) -> None:
    await shop.open()
    await take(shop, INTAKE)
    before = await everything(shop)

    assert await take(shop, INTAKE) == [AcceptOutcome.SAME]
    assert await take(shop, changed(INTAKE, rented_at=None), now=RENTED + WINDOW) == [
        AcceptOutcome.SAME
    ]
    assert await everything(shop) == before


@pytest.mark.parametrize(
    "other",
    [
        {"account": BOB},
        {"phone": "15550002"},
        {"service": "other"},
        {"country": "2"},
        {"price_minor": PRICE + 1},
        {"window": WINDOW / 2},
        {"policy": "P1"},
        {"charge": Charge.EXTERNAL},
        {"rented_at": RENTED + TICK},
        {"rented_at": RENTED - TICK},
        {"expires_at": DEADLINE},
    ],
)
async def test_other_content_under_one_ref_is_told_and_stores_nothing(
    shop: Shop, other: dict[str, Any]
) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    await take(shop, INTAKE)
    before = await everything(shop)

    assert await take(shop, changed(INTAKE, **other)) == [AcceptOutcome.OTHER_CONTENT]
    assert await everything(shop) == before


async def test_a_ref_of_a_settled_number_may_be_rented_again(shop: Shop) -> None:
    await shop.open()
    old = await shop.rent("1")
    await shop.expire()
    await shop.refund(old)

    later = DEADLINE + timedelta(hours=1)
    new = await shop.rent("1", rented_at=later, now=later)

    assert new != old
    assert await shop.state(old) is State.REFUNDED
    assert await shop.state(new) is State.WAITING
    assert await take(shop, INTAKE, now=later) == [AcceptOutcome.OTHER_CONTENT]


async def test_without_a_time_the_content_tells_a_repetition_from_a_reuse(shop: Shop) -> None:
    await shop.open()
    untimed = changed(INTAKE, rented_at=None)
    await take(shop, untimed)
    (due,) = await shop.expire()
    await shop.refund(due.id)
    later = DEADLINE + timedelta(hours=1)

    assert await take(shop, untimed, now=later) == [AcceptOutcome.SAME]
    assert await take(shop, changed(untimed, phone="15550002"), now=later) == [AcceptOutcome.NEW]


async def test_a_ref_belongs_to_its_provider(shop: Shop) -> None:
    await shop.open()

    assert await take(shop, INTAKE, changed(INTAKE, provider=ProviderName("other"))) == [
        AcceptOutcome.NEW,
        AcceptOutcome.NEW,
    ]


async def test_one_ref_twice_in_a_batch_is_one_number(shop: Shop) -> None:
    await shop.open()

    assert await take(shop, INTAKE, INTAKE, changed(INTAKE, price_minor=1)) == [
        AcceptOutcome.NEW,
        AcceptOutcome.SAME,
        AcceptOutcome.OTHER_CONTENT,
    ]
    assert (await shop.money())[1] == PRICE


async def test_an_unknown_account_stores_nothing(shop: Shop) -> None:
    before = await everything(shop)

    assert await take(shop, INTAKE) == [AcceptOutcome.UNKNOWN_ACCOUNT]
    assert await everything(shop) == before


async def test_money_is_granted_in_the_order_of_the_batch(shop: Shop) -> None:
    await shop.open(amount_minor=60)

    assert await take(
        shop,
        intake("1", price_minor=30),
        intake("2", price_minor=40),
        intake("3", price_minor=20),
        intake("4", price_minor=11),
        intake("5", price_minor=10),
    ) == [
        AcceptOutcome.NEW,
        AcceptOutcome.BALANCE_TOO_LOW,
        AcceptOutcome.NEW,
        AcceptOutcome.BALANCE_TOO_LOW,
        AcceptOutcome.NEW,
    ]
    assert await shop.money() == (0, 60)


async def test_a_batch_of_many_accounts_charges_each_its_own(shop: Shop) -> None:
    await shop.open(ALICE, 100)
    await shop.open(BOB, 40)

    hows = await take(
        shop,
        intake("1", account=BOB),
        intake("2"),
        intake("3", account=BOB),
        intake("4", account=AccountId("nobody")),
        intake("5"),
    )

    assert hows == [
        AcceptOutcome.NEW,
        AcceptOutcome.NEW,
        AcceptOutcome.BALANCE_TOO_LOW,
        AcceptOutcome.UNKNOWN_ACCOUNT,
        AcceptOutcome.NEW,
    ]
    assert await shop.money(ALICE) == (50, 50)
    assert await shop.money(BOB) == (15, 25)


async def test_the_last_cent_is_enough_and_one_less_is_not(shop: Shop) -> None:
    await shop.open(ALICE, PRICE)
    await shop.open(BOB, PRICE - 1)

    assert await take(shop, intake("1"), intake("2", account=BOB)) == [
        AcceptOutcome.NEW,
        AcceptOutcome.BALANCE_TOO_LOW,
    ]


async def test_a_price_of_zero_needs_no_money_and_ends_like_any_other(shop: Shop) -> None:
    await shop.open(amount_minor=0)
    id_ = await shop.rent("1", price_minor=0)
    await shop.expire()

    (settled,) = (await shop.refund(id_)).settled

    assert settled.amount_minor == 0
    assert await shop.money() == (0, 0)


async def test_an_external_charge_needs_no_balance_and_never_touches_it(shop: Shop) -> None:
    await shop.open(amount_minor=7)
    (result,) = await shop.store.activations.accept([external("1")], now=RENTED)
    assert result.how is AcceptOutcome.NEW
    assert await shop.money() == (7, PRICE)
    (due,) = await shop.expire()

    await shop.refund(due.id)

    assert await shop.money() == (7, 0)
    assert await shop.rows("SELECT source, destination FROM transfer ORDER BY id OFFSET 1") == [
        ("house:outside", "held:alice"),
        ("held:alice", "house:outside"),
    ]


async def test_a_rental_from_the_future_is_refused_beyond_what_clocks_differ(shop: Shop) -> None:
    await shop.open()

    assert await take(
        shop,
        intake("1", rented_at=RENTED + SKEW),
        intake("2", rented_at=RENTED + SKEW + TICK),
    ) == [AcceptOutcome.NEW, AcceptOutcome.RENTED_IN_FUTURE]


async def test_once_numbers_were_dropped_an_unknown_one_of_more_than_a_year_ago_is_refused(
    shop: Shop,
) -> None:
    """It may be one that was forgotten: its id may be of another release, or a purchase's."""
    await shop.open()
    before = RENTED - timedelta(days=366) - TICK
    assert await take(shop, intake("0", rented_at=before)) == [AcceptOutcome.NEW]
    await shop.admin.execute("INSERT INTO dropped_number VALUES (gen_random_uuid(), 1)")

    assert await take(
        shop,
        intake("1", rented_at=before + TICK),
        intake("2", rented_at=before),
    ) == [AcceptOutcome.NEW, AcceptOutcome.OTHER_CONTENT]
    assert await shop.one("SELECT count(*) FROM transfer WHERE key LIKE 'hold:%'") == 2


async def test_a_rental_of_long_ago_is_taken_and_due_at_once(shop: Shop) -> None:
    await shop.open()
    await take(shop, intake("1", rented_at=RENTED - timedelta(days=30)))

    (due,) = await shop.expire(RENTED)

    assert due.deadline_at == RENTED - timedelta(days=30) + WINDOW


@pytest.mark.parametrize(
    ("expires_in", "deadline_in"),
    [
        (WINDOW - TICK, WINDOW - TICK),
        (WINDOW, WINDOW),
        (WINDOW + TICK, WINDOW),
        (timedelta(0), timedelta(0)),
        (timedelta(seconds=-1), timedelta(0)),
    ],
)
async def test_the_deadline_is_never_later_than_the_providers_own(
    shop: Shop, expires_in: timedelta, deadline_in: timedelta
) -> None:
    await shop.open()

    id_ = await shop.rent(expires_at=RENTED + expires_in)

    assert (await shop.number(id_)).deadline_at == RENTED + deadline_in


async def test_without_a_time_it_was_rented_now_by_the_databases_clock(shop: Shop) -> None:
    await shop.open()

    (result,) = await shop.store.activations.accept([changed(INTAKE, rented_at=None)])

    assert result.activation is not None
    age = await shop.one("SELECT now() - rented_at FROM activation")
    assert timedelta(0) < age < timedelta(minutes=1)


async def test_a_thousand_numbers_are_taken_in_one_batch(shop: Shop) -> None:
    await shop.open()

    ids = await shop.rent_many(1000)

    assert len(set(ids)) == 1000
    assert await shop.money() == (100_000 - 1000 * PRICE, 1000 * PRICE)


async def test_the_price_of_a_forged_repetition_changes_nothing(shop: Shop) -> None:
    """What a job says later about a number has no effect on its money."""
    await shop.open()
    id_ = await shop.rent()
    await take(shop, changed(INTAKE, price_minor=99_000), changed(INTAKE, account=BOB))
    await shop.expire()

    (settled,) = (await shop.refund(id_, account=BOB)).settled

    assert (settled.amount_minor, settled.currency) == (PRICE, "USD")
    assert await shop.money() == (100_000, 0)
