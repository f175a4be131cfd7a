"""While a deploy runs, daemons of the release before, or of the next, work on the same timers."""

import re
from pathlib import Path

import asyncpg
import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.store.shop import TICK
from tests.integration.store.test_store_upgrades import filled
from worker.adapters.store import audit, migrate
from worker.ports.store.case_view import Timer, TimerKind

END = MONDAY + 10 * DAY
#: The kinds that code of 0016 asks for; all others it leaves alone.
KINDS_AT_0016 = set(TimerKind) - {
    TimerKind.BALANCE_IDLE,
    TimerKind.REVIEW_LATE,
    TimerKind.RENTAL_EMPTY,
}
NEWER = (
    "INSERT INTO timer (kind, subject, due_at)"
    " VALUES ('of_tomorrow', '00000000-0000-0000-0000-000000000001', '2020-01-01')"
)


async def old_daemon(shop: CaseShop) -> list[Timer]:
    """It only ends a rental whose end is due."""
    due = await shop.store.cases.lease_timers(100, KINDS_AT_0016)
    for timer in due:
        assert timer.kind is TimerKind.RENTAL_END
        assert await shop.store.cases.end_rental(timer)
    return due


async def violated(shop: CaseShop) -> list[str]:
    return [found.invariant for found in await shop.store.books.audit() if found.violations]


@pytest.mark.parametrize("old_is_first", [True, False])
async def test_an_empty_rental_that_an_older_daemon_ends_is_paid_back_once(
    shop: CaseShop, *, old_is_first: bool
) -> None:
    shop.change_policy("P2", {"rental.empty_at_end": "automatic"})
    await shop.open_account(amount_minor=3000, policy="P2")
    await shop.book_rental()
    shop.set_time(END + TICK)

    if old_is_first:
        assert len(await old_daemon(shop)) == 1
    await shop.timers.tick()
    assert await old_daemon(shop) == []
    await shop.timers.tick()

    assert await shop.balances() == (3000, 0)
    assert (await shop.long_rental()).ended_at == END
    assert await violated(shop) == []


async def test_a_rental_that_runs_during_the_upgrade_has_the_timer_of_an_empty_one(
    empty_database_url: str,
) -> None:
    admin = await filled(empty_database_url, "0016")
    write = "INSERT INTO timer (kind, subject, due_at, fired_at) VALUES ('rental_end', $1, $2, $3)"
    runs, over, later = [f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 3)]
    await admin.execute(write, runs, END, None)
    await admin.execute(write, over, END, END + TICK)

    await migrate.upgrade(empty_database_url)

    await admin.execute(write, later, END, None)  # By a daemon that was not stopped.
    assert await empty_ends(admin) == {(runs, END), (later, END)}
    await admin.execute("UPDATE timer SET due_at = $1 WHERE kind = 'rental_end'", END + DAY)
    assert (later, END + DAY) in await empty_ends(admin)
    await admin.close()


async def empty_ends(admin: asyncpg.Connection) -> set[tuple[str, object]]:
    rows = await admin.fetch("SELECT subject, due_at FROM timer WHERE kind = 'rental_empty'")
    return {(str(row["subject"]), row["due_at"]) for row in rows}


async def test_a_timer_of_newer_code_is_neither_fired_nor_listed_nor_judged(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    await shop.admin.execute(NEWER)
    rental = await shop.book_rental()

    await shop.fire_due_timers(END + TICK)

    assert (await shop.long_rental()).ended_at == rental.ends_at
    assert await shop.store.cases.timers(overdue_only=False, limit=10) == []
    assert await shop.fetch_value("SELECT fired_at FROM timer WHERE kind = 'of_tomorrow'") is None
    assert await violated(shop) == []


def test_the_audit_judges_every_kind_of_our_own() -> None:
    sql = Path(audit.__file__).parent / "sql/audit/case_timers_ring_for_open_cases.sql"
    judged, _, _ = sql.read_text().partition("UNION ALL")
    words = set(re.findall(r"'([a-z_]+)'", judged))
    assert words >= {kind.value for kind in TimerKind}
