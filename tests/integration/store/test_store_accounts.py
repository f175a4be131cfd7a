"""Accounts: opened once, topped up once per reference, entries that add up."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    PRICE,
    TICK,
    Shop,
    delivery,
    external,
)
from worker.domain.ids import AccountId
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.books import Account, AccountOpened, AccountPolicy, TopUpOutcome

NOW = DEADLINE + TICK


async def test_an_account_opens_once(shop: Shop) -> None:
    first, opened = await shop.store.books.open_account(ALICE, "USD")
    again, same = await shop.store.books.open_account(ALICE, "USD")

    assert (first, again) == (AccountOpened.NEW, AccountOpened.SAME)
    assert opened == same == Account(ALICE, "USD", 0, 0, "open")


async def test_another_currency_is_other_content_and_changes_nothing(shop: Shop) -> None:
    await shop.store.books.open_account(ALICE, "USD")

    how, found = await shop.store.books.open_account(ALICE, "EUR")

    assert how is AccountOpened.OTHER_CONTENT
    assert found.currency == "USD"


async def test_two_who_open_one_account_at_once_open_one(shop: Shop) -> None:
    results = await asyncio.gather(*(shop.store.books.open_account(ALICE, "USD") for _ in range(5)))

    assert sorted(how.value for how, _ in results) == ["new", "same", "same", "same", "same"]


async def test_an_unknown_account_is_none(shop: Shop) -> None:
    assert await shop.store.books.account(ALICE) is None
    assert await shop.store.books.top_up(ALICE, "1", 5) == (TopUpOutcome.UNKNOWN_ACCOUNT, None)
    assert await shop.store.books.entries(ALICE, before=None, limit=10) == []


async def test_a_top_up_is_booked_once_per_reference(shop: Shop) -> None:
    await shop.open(amount_minor=0)

    first, after_first = await shop.store.books.top_up(ALICE, "order-1", 500)
    again, after_again = await shop.store.books.top_up(ALICE, "order-1", 500)

    assert (first, again) == (TopUpOutcome.NEW, TopUpOutcome.SAME)
    assert after_first == after_again
    assert await shop.money() == (500, 0)


async def test_a_reference_with_another_amount_is_refused(shop: Shop) -> None:
    await shop.open(amount_minor=0)
    await shop.store.books.top_up(ALICE, "order-1", 500)

    how, _ = await shop.store.books.top_up(ALICE, "order-1", 501)

    assert how is TopUpOutcome.OTHER_CONTENT
    assert await shop.money() == (500, 0)


async def test_a_reference_belongs_to_its_account(shop: Shop) -> None:
    odd = AccountId("alice:x")
    await shop.open(ALICE, 0)
    await shop.open(odd, 0)

    assert (await shop.store.books.top_up(ALICE, "x:1", 1))[0] is TopUpOutcome.NEW
    assert (await shop.store.books.top_up(odd, "1", 2))[0] is TopUpOutcome.NEW
    assert await shop.money(odd) == (2, 0)


async def test_racing_top_ups_with_one_reference_book_one(shop: Shop) -> None:
    await shop.open(amount_minor=0)

    results = await asyncio.gather(*(shop.store.books.top_up(ALICE, "1", 7) for _ in range(5)))

    assert [how for how, _ in results].count(TopUpOutcome.NEW) == 1
    assert await shop.money() == (7, 0)


async def test_entries_are_newest_first_and_add_up_to_the_available_balance(shop: Shop) -> None:
    await shop.open(amount_minor=100)
    refunded = await shop.rent("1")
    delivered = await shop.rent("2")
    await shop.store.activations.accept([external("3")], now=DEADLINE)
    await shop.code("2", "1234", DEADLINE)
    await shop.expire(NOW)
    await shop.refund(refunded, NOW)
    await shop.store.settlements.settle([delivery(delivered)], now=NOW)

    entries = await shop.store.books.entries(ALICE, before=None, limit=10)

    assert [(entry.kind, entry.amount_minor) for entry in entries] == [
        ("capture", 0),
        ("release", PRICE),
        ("hold", 0),
        ("hold", -PRICE),
        ("hold", -PRICE),
        ("topup", 100),
    ]
    assert sum(entry.amount_minor for entry in entries) == (await shop.money())[0]
    assert entries[0].activation == delivered
    assert entries[-1].activation is None


async def test_entries_come_in_pages_without_gap_or_overlap(shop: Shop) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    await shop.rent_many(5)
    whole = await shop.store.books.entries(ALICE, before=None, limit=100)

    pages = []
    before = None
    while page := await shop.store.books.entries(ALICE, before=before, limit=2):
        pages += page
        before = page[-1].id

    assert pages == whole
    assert {entry.source for entry in whole} == {"house:outside", f"available:{ALICE}"}


async def test_a_deleted_account_takes_no_money_but_remembers_what_was_booked(shop: Shop) -> None:
    await shop.open()
    await shop.store.books.top_up(ALICE, "1", 5)
    await shop.admin.execute("UPDATE account SET state = 'deleted'")

    assert (await shop.store.books.top_up(ALICE, "1", 5))[0] is TopUpOutcome.SAME
    assert (await shop.store.books.top_up(ALICE, "2", 5))[0] is TopUpOutcome.UNKNOWN_ACCOUNT


async def test_an_account_that_is_not_open_rents_nothing(shop: Shop) -> None:
    await shop.open()
    await shop.admin.execute("UPDATE account SET state = 'blocked'")

    (result,) = await shop.store.activations.accept([external("1")], now=DEADLINE)

    assert result.how is AcceptOutcome.ACCOUNT_BLOCKED


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("frozen", TopUpOutcome.ACCOUNT_FROZEN),
        ("closing", TopUpOutcome.ACCOUNT_CLOSING),
        ("blocked", TopUpOutcome.NEW),
    ],
)
async def test_a_frozen_or_closing_account_takes_no_top_up_and_a_blocked_one_does(
    shop: Shop, state: str, how: TopUpOutcome
) -> None:
    await shop.open()
    await shop.admin.execute("UPDATE account SET state = $1", state)

    assert (await shop.store.books.top_up(ALICE, "2", 5))[0] is how
    assert (await shop.store.books.top_up(ALICE, "first", 100_000))[0] is TopUpOutcome.SAME


async def test_an_account_belongs_to_the_policy_it_was_opened_with(shop: Shop) -> None:
    async def opened(named: str | None) -> tuple[AccountOpened, str | None]:
        how, account = await shop.store.books.open_account(
            ALICE, "USD", AccountPolicy(named, "default")
        )
        return how, account.policy

    assert await opened("P3") == (AccountOpened.NEW, "P3")
    assert await opened("P3") == (AccountOpened.SAME, "P3")
    assert await opened(None) == (AccountOpened.SAME, "P3")
    assert await opened("P2") == (AccountOpened.OTHER_POLICY, "P3")


async def test_an_account_without_a_named_policy_belongs_to_the_default(shop: Shop) -> None:
    policy = AccountPolicy(None, "default")
    _, account = await shop.store.books.open_account(ALICE, "USD", policy)

    assert account.policy == "default"


async def test_an_account_of_before_takes_no_policy_that_a_caller_names(shop: Shop) -> None:
    await shop.open()

    how, told = await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P3", "default"))

    assert (told.policy, how) == ("default", AccountOpened.OTHER_POLICY)


async def test_a_topup_is_dated_when_it_was_paid_and_never_later_than_now(shop: Shop) -> None:
    await shop.store.books.open_account(ALICE, "USD")
    paid = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
    top_up = shop.store.books.top_up

    assert (await top_up(ALICE, "old", 100, paid))[0] is TopUpOutcome.NEW
    assert (await top_up(ALICE, "old", 100, paid))[0] is TopUpOutcome.SAME
    assert (await top_up(ALICE, "old", 100, paid + TICK))[0] is TopUpOutcome.OTHER_CONTENT
    later = datetime.now(UTC) + timedelta(hours=1)
    assert (await top_up(ALICE, "soon", 100, later))[0] is TopUpOutcome.IN_FUTURE

    (entry,) = await shop.store.books.entries(ALICE, before=None, limit=10)
    assert (entry.at, entry.amount_minor) == (paid, 100)
