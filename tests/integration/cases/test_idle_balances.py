"""A balance that nothing moves for as long as its policy says: void, or a human's to decide."""

from datetime import datetime

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
from tests.integration.cases.test_barred_since_approval import WITHDRAWAL
from tests.integration.store.shop import ALICE, TICK
from worker.lifecycle.cases.idle_balances import NOTICE
from worker.ports.store.case_view import Case, CaseState

END = MONDAY.replace(month=5)  #: Two months later.


async def quiet_account(shop: CaseShop, then: str) -> None:
    """With 1000 paid on Monday, under a policy of two months."""
    idle = {"balance.expires": None, "balance.idle_months": 2, "balance.idle_then": then}
    shop.change_policy("P3", idle)
    await shop.open_account(amount_minor=1000, policy="P3")
    await shop.admin.execute("UPDATE account SET opened_at = $1", MONDAY)
    await shop.timers.tick()


async def idle_cases(shop: CaseShop) -> list[Case]:
    ids = await shop.fetch_rows("SELECT id FROM case_ WHERE subject = 'idle' ORDER BY opened_at")
    return [await shop.case(row[0]) for row in ids]


async def due_at(shop: CaseShop) -> datetime | None:
    found: datetime | None = await shop.fetch_value(
        "SELECT due_at FROM timer WHERE kind = 'balance_idle' AND fired_at IS NULL"
    )
    return found


async def violated(shop: CaseShop) -> list[str]:
    return [found.invariant for found in await shop.store.books.audit() if found.violations]


async def test_an_idle_balance_is_void_at_the_first_instant_after_its_time(shop: CaseShop) -> None:
    await quiet_account(shop, "void")
    await shop.fire_due_timers(END)
    assert await shop.balances() == (1000, 0)

    await shop.fire_due_timers(END + TICK)
    await shop.fire_due_timers(END + DAY)

    assert await shop.balances() == (0, 0)
    (case,) = await idle_cases(shop)
    assert (case.state, last_reason(case)) == (CaseState.DONE, "idle")
    assert case.decisions[-1].as_of == END
    assert await shop.event_types(case.id) == ["account.done"]
    account = await shop.store.books.account(ALICE)
    assert account is not None
    assert account.state == "open"
    assert await violated(shop) == []


async def test_an_entry_moves_the_date_and_a_balance_of_nothing_is_left_alone(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "void")
    await shop.top_up("again", 5, MONDAY + 10 * DAY)

    await shop.fire_due_timers(END + TICK)
    assert await shop.balances() == (1005, 0)
    assert await due_at(shop) == END + 10 * DAY
    await shop.fire_due_timers(END + 10 * DAY + TICK)
    assert await shop.balances() == (0, 0)
    await shop.fire_due_timers(END + 365 * DAY)

    assert len(await idle_cases(shop)) == 1
    assert await due_at(shop) is not None


async def test_an_entry_counts_from_when_it_was_booked_whatever_day_it_is_dated(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "void")
    await shop.top_up("bank", 500, MONDAY + DAY)
    await shop.date_topups("%:bank", MONDAY + DAY, booked_at=END - 5 * DAY)

    await shop.fire_due_timers(END + 20 * DAY)

    assert await shop.balances() == (1500, 0)
    assert await due_at(shop) == (END - 5 * DAY).replace(month=6)


async def test_of_entries_of_before_the_latest_date_counts(shop: CaseShop) -> None:
    """They do not tell when they were booked."""
    await quiet_account(shop, "void")
    for reference, at in (("card", END - 5 * DAY), ("bank", MONDAY + DAY)):
        await shop.top_up(reference, 500, at)
    async with shop.admin.transaction():
        await shop.admin.execute("ALTER TABLE transfer DISABLE TRIGGER transfer_append_only")
        await shop.admin.execute("UPDATE transfer SET booked_at = NULL")
        await shop.admin.execute("ALTER TABLE transfer ENABLE TRIGGER transfer_append_only")

    await shop.fire_due_timers(END + 20 * DAY)

    assert await shop.balances() == (2000, 0)
    assert await due_at(shop) == (END - 5 * DAY).replace(month=6)


async def test_a_human_decides_about_an_idle_balance_that_the_policy_leaves_to_him(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "review")
    await shop.fire_due_timers(END + TICK)
    (kept,) = await idle_cases(shop)
    assert (kept.state, last_reason(kept)) == (CaseState.IN_REVIEW, "idle")
    await shop.give_verdict(kept, grant=False)
    assert await shop.balances() == (1000, 0)

    await shop.top_up("again", 5, END + DAY)
    await shop.fire_due_timers(END + 365 * DAY)
    await shop.fire_due_timers(END + 366 * DAY)
    first, second = await idle_cases(shop)
    assert first.id == kept.id
    await shop.give_verdict(second, grant=True)

    assert await shop.balances() == (0, 0)
    assert await violated(shop) == []


async def test_a_frozen_balance_is_not_idle_for_its_customer(shop: CaseShop) -> None:
    await quiet_account(shop, "void")
    await shop.report_account_event("law_enforcement_block")

    await shop.fire_due_timers(END + TICK)

    assert await shop.balances() == (1000, 0)
    assert await idle_cases(shop) == []


async def test_a_policy_without_a_time_gives_no_account_a_date_and_ends_those_there_are(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "void")
    shop.change_policy("P3", {"balance.idle_months": None, "balance.expires": False})

    await shop.fire_due_timers(END + TICK)

    assert await shop.balances() == (1000, 0)
    assert await due_at(shop) is None
    assert await shop.fetch_value("SELECT count(*) FROM account_idle") == 0


async def test_a_balance_is_not_void_while_a_case_of_its_account_is_open(shop: CaseShop) -> None:
    """A withdrawal that lacks something sets nothing aside: the whole balance would have gone."""
    await quiet_account(shop, "void")
    shop.clock.now = END - DAY
    incomplete = {**WITHDRAWAL, "request_fields": ["amount"]}
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600, **incomplete)
    assert (withdrawal.state, withdrawal.withheld_minor) == (CaseState.NEEDS_EVIDENCE, 0)

    await shop.fire_due_timers(END + TICK)

    assert await shop.balances() == (1000, 0)
    assert await idle_cases(shop) == []
    assert await due_at(shop) == END + TICK + NOTICE
    await shop.service.take_back(withdrawal.id)
    await shop.fire_due_timers(END + TICK + NOTICE + TICK)
    assert await shop.balances() == (0, 0)


async def test_what_a_human_calls_idle_waits_for_a_withdrawal_that_came_meanwhile(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "review")
    await shop.fire_due_timers(END + TICK)
    (idle,) = await idle_cases(shop)
    incomplete = {**WITHDRAWAL, "request_fields": ["amount"]}
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600, **incomplete)

    await shop.give_verdict(idle, grant=True)

    idle = await shop.case(idle.id)
    assert (idle.state, last_reason(idle)) == (CaseState.WAITING, "withdrawal_open")
    assert await shop.balances() == (1000, 0)
    await shop.service.take_back(withdrawal.id)
    await shop.fire_due_timers(END + DAY)
    assert await shop.balances() == (0, 0)


async def test_no_time_counts_in_which_its_customer_could_not_move_it(shop: CaseShop) -> None:
    await quiet_account(shop, "void")
    shop.clock.now = MONDAY + DAY
    await shop.report_account_event("law_enforcement_block")
    shop.clock.now = END - DAY
    await shop.report_account_event("law_enforcement_unblock")

    await shop.fire_due_timers(END + TICK)

    assert await shop.balances() == (1000, 0)
    assert await due_at(shop) == (END - DAY).replace(month=7)


async def test_a_policy_that_names_a_time_names_it_from_then_on_and_rings_once(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")
    await shop.admin.execute("UPDATE account SET opened_at = $1", MONDAY)
    shop.change_policy(
        "P3", {"balance.expires": None, "balance.idle_months": 2, "balance.idle_then": "review"}
    )
    years_later = MONDAY.replace(year=2029)

    await shop.fire_due_timers(years_later)

    assert await due_at(shop) == years_later.replace(month=5)
    late = years_later.replace(year=2030)
    assert [await shop.fire_due_timers(late) for _ in range(3)] == [1, 0, 0]
    assert len(await idle_cases(shop)) == 1


async def test_fewer_months_hold_for_dated_accounts_a_notice_later_at_the_earliest(
    shop: CaseShop,
) -> None:
    await quiet_account(shop, "void")
    shop.change_policy("P3", {"balance.idle_months": 1})
    told = MONDAY + 25 * DAY

    await shop.fire_due_timers(told)
    assert await due_at(shop) == told + NOTICE
    await shop.fire_due_timers(told + NOTICE)
    assert await shop.balances() == (1000, 0)
    await shop.fire_due_timers(told + NOTICE + TICK)

    assert await shop.balances() == (0, 0)
