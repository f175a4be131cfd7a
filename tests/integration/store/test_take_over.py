"""Accounts taken over in one call: each as a whole, once, whatever is repeated, raced or locked."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.integration.store.shop import ALICE, BOB, Shop
from worker.adapters.store import take_over
from worker.domain.ids import AccountId
from worker.ports.store.books import (
    AccountIntake,
    AccountPolicy,
    AccountTaken,
    TakeOverOutcome,
)
from worker.ports.store.books import (
    DatedTopUp as TopUp,
)

PAID = datetime(2024, 2, 29, 12, tzinfo=UTC)
LATER = datetime(2124, 2, 29, 12, tzinfo=UTC)


def of(name: AccountId, *topups: TopUp, currency: str = "USD", policy: str = "") -> AccountIntake:
    return AccountIntake(name, currency, AccountPolicy(policy or None, "default"), topups)


async def taken(shop: Shop, *accounts: AccountIntake) -> list[AccountTaken]:
    return await shop.store.books.take_over(accounts)


def hows(results: list[AccountTaken]) -> list[TakeOverOutcome]:
    return [result.how for result in results]


async def test_all_is_there_once_however_often_it_is_sent(shop: Shop) -> None:
    await shop.open(BOB, 7)
    accounts = (
        of(ALICE, TopUp("a", 500, PAID), TopUp("b", 20)),
        of(BOB, TopUp("a", 30, PAID)),
    )

    first = await taken(shop, *accounts)
    again = await taken(shop, *accounts)

    assert hows(first) == [TakeOverOutcome.NEW] * 2
    assert hows(again) == [TakeOverOutcome.SAME] * 2
    assert [result.topups_minor for result in (*first, *again)] == [520, 30] * 2
    assert [result.account for result in first] == [result.account for result in again]
    assert (await shop.money(ALICE), await shop.money(BOB)) == ((520, 0), (37, 0))
    paid = await shop.rows("SELECT account FROM transfer WHERE at = $1 ORDER BY account", PAID)
    assert paid == [(ALICE,), (BOB,)]
    assert [finding for finding in await shop.store.books.audit() if finding.violations] == []


async def test_what_is_refused_changes_nothing_and_names_its_top_up(shop: Shop) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P3"))
    eve = AccountId("eve")

    results = await taken(
        shop,
        of(ALICE, currency="EUR"),
        of(ALICE, policy="P1"),
        of(BOB, TopUp("a", 5), TopUp("b", 6, LATER)),
        of(eve, TopUp("a", 5), TopUp("a", 6)),
        of(BOB, TopUp("a", 7)),
        of(BOB, TopUp("a", 8)),
    )

    assert [(result.how, result.topup) for result in results] == [
        (TakeOverOutcome.OTHER_CURRENCY, None),
        (TakeOverOutcome.OTHER_POLICY, None),
        (TakeOverOutcome.TOPUP_IN_FUTURE, 1),
        (TakeOverOutcome.OTHER_TOPUP, 1),
        (TakeOverOutcome.NEW, None),
        (TakeOverOutcome.OTHER_TOPUP, 0),
    ]
    assert (await shop.money(BOB), await shop.store.books.account(eve)) == ((7, 0), None)


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("frozen", TakeOverOutcome.ACCOUNT_FROZEN),
        ("closing", TakeOverOutcome.ACCOUNT_CLOSING),
        ("deleted", TakeOverOutcome.UNKNOWN_ACCOUNT),
        ("blocked", TakeOverOutcome.NEW),
    ],
)
async def test_an_account_that_takes_no_money_still_knows_what_was_booked(
    shop: Shop, state: str, how: TakeOverOutcome
) -> None:
    await shop.open(ALICE, 50)
    await shop.admin.execute("UPDATE account SET state = $1", state)

    assert hows(await taken(shop, of(ALICE, TopUp("first", 50)), of(ALICE, TopUp("a", 5)))) == [
        TakeOverOutcome.SAME,
        how,
    ]


async def test_an_account_of_before_belongs_to_the_policy_of_its_oldest_order(shop: Shop) -> None:
    """Not to what a caller names, who would choose by what he wants to be paid."""
    for account in (ALICE, BOB):
        await shop.open(account)
        await shop.rent(account, account=account, policy="P2")
    eve = AccountId("eve")  # Without any order: of the default.
    await shop.open(eve)
    await shop.admin.execute("UPDATE account SET policy = NULL")

    results = await taken(
        shop,
        of(ALICE, policy="P4"),
        of(BOB, TopUp("a", 5)),
        of(BOB, policy="P2"),
        of(eve),
        of(eve, policy="P4"),
    )

    assert hows(results) == [
        TakeOverOutcome.OTHER_POLICY,
        TakeOverOutcome.NEW,
        TakeOverOutcome.SAME,
        TakeOverOutcome.SAME,
        TakeOverOutcome.OTHER_POLICY,
    ]
    assert await shop.rows("SELECT account, policy FROM account ORDER BY account") == [
        (ALICE, None),
        (BOB, "P2"),
        (eve, "default"),
    ]


async def test_many_who_take_over_the_same_book_it_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_over, "ROWS_MAX", 10)
    accounts = [of(AccountId(f"c{at:02}"), TopUp("a", 5, PAID)) for at in range(30)]

    results = await asyncio.gather(*(taken(shop, *accounts) for _ in range(4)))

    assert {result.how for each in results for result in each} <= {
        TakeOverOutcome.NEW,
        TakeOverOutcome.SAME,
        TakeOverOutcome.ACCOUNT_LOCKED,
    }
    sums = await shop.rows("SELECT count(*), sum(amount_minor)::int FROM balance")
    assert sums == [(60, 150)]
    assert await shop.one("SELECT count(*) FROM transfer") == 30


async def test_a_locked_account_is_named_and_no_other_waits_for_it(shop: Shop) -> None:
    await shop.open(ALICE, 50)
    async with shop.admin.transaction():
        await shop.admin.execute("SELECT FROM balance WHERE account = $1 FOR UPDATE", ALICE)

        results = await taken(shop, of(ALICE, TopUp("a", 5)), of(BOB, TopUp("a", 5)))

    assert hows(results) == [TakeOverOutcome.ACCOUNT_LOCKED, TakeOverOutcome.NEW]
    assert await shop.money(ALICE) == (50, 0)
