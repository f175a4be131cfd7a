"""A period of the books is closed, exported and dropped: no account and no audit notices."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.store.old_books import (
    ALL_OVER,
    CASE,
    NOT_AT_REST,
    UNTIL,
    grow_old,
    violated,
)
from tests.integration.store.shop import ALICE, DEADLINE, GRACE, RENTED, Shop, ending
from tests.integration.store.test_store_audit import WITHIN, Lives, lives
from worker.adapters.store.periods import BooksRefusal, DroppedRows, Periods
from worker.domain.activation import State
from worker.ports.store.books import QuietAccount

BOOKS = ("transfer", "transition", "decision", "settlement", "evidence")
SUMS = "SELECT account, bucket, amount_minor FROM balance ORDER BY 1, 2"


@pytest.fixture
async def periods(database_url: str) -> AsyncIterator[Periods]:
    made = Periods(database_url)
    yield made
    await made.close_pool()


@pytest.fixture
async def old(broken_shop: Shop) -> Lives:
    """One number of every ending, all in January 2020; one still lives."""
    ids = await lives(broken_shop)
    await grow_old(broken_shop)
    return ids


async def dropped_ids(shop: Shop) -> set[object]:
    return {id_ for (id_,) in await shop.rows("SELECT activation_id FROM dropped_number")}


async def close_and_export(periods: Periods, folder: Path) -> None:
    await periods.close(UNTIL)
    await periods.export(folder)


async def entries_sum(shop: Shop) -> int:
    found = await shop.store.books.entries(ALICE, before=None, limit=100)
    return sum(entry.amount_minor for entry in found)


async def test_what_rests_goes_and_every_sum_stays(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    shop = broken_shop
    balances, summed = await shop.rows(SUMS), await entries_sum(shop)
    settled = await shop.rows("SELECT * FROM settlement ORDER BY 1")

    closed = await periods.close(UNTIL)
    assert (closed.accounts, closed.again) == (2, False)
    assert await violated(shop) == {}
    (exported,) = await periods.export(tmp_path)
    assert exported.folder == tmp_path / "until-2020-02-01"
    assert await shop.rows("SELECT count(*) FROM dropped_number") == [(0,)]
    dropped = await periods.drop(ALL_OVER)

    gone = {old.delivered, old.refunded, old.closed, old.free, old.graced, old.reviewed}
    assert await dropped_ids(shop) == gone
    assert dropped == DroppedRows(numbers=6, transfers=12, transitions=dropped.transitions)
    assert await shop.rows("SELECT DISTINCT activation_id FROM timeline") == [(old.live,)]
    kinds = await shop.rows("SELECT split_part(key, ':', 1), count(*) FROM transfer GROUP BY 1")
    assert dict(kinds) == {"topup": 2, "hold": 1, "carried": 1}
    assert await shop.rows(SUMS) == balances
    assert await entries_sum(shop) == summed
    assert await shop.rows("SELECT * FROM settlement ORDER BY 1") == settled
    assert await violated(shop) == {}
    assert (await shop.number(old.delivered)).state is State.DELIVERED


async def test_a_balance_is_no_longer_idle_for_what_was_dropped(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    """The last that moved it may have been a number's, whose entries are gone."""
    shop = broken_shop
    await shop.admin.execute(
        "UPDATE account SET opened_at = '2019-01-01', policy = 'default';"
        "SET session_replication_role = replica;"
        "UPDATE transfer SET at = '2019-02-01', booked_at = '2019-02-01' WHERE key LIKE 'topup:%';"
        "UPDATE transfer SET at = '2020-01-20', booked_at = '2020-01-20'"
        " WHERE key LIKE 'release:%';"
        "SET session_replication_role = origin;"
    )
    idle = {page.account: page.idle_since for page in (await quiet(shop))}
    assert idle[ALICE] in {datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 20, tzinfo=UTC)}
    await close_and_export(periods, tmp_path)
    await periods.drop(ALL_OVER)

    assert {page.account: page.idle_since for page in (await quiet(shop))}[ALICE] == datetime(
        2020, 1, 20, tzinfo=UTC
    )
    assert old.refunded in await dropped_ids(shop)


async def quiet(shop: Shop) -> Sequence[QuietAccount]:
    return (await shop.store.books.undated_accounts(None, 10, and_dated=False)).accounts


async def test_the_audit_of_what_is_new_holds_before_and_after(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    shop = broken_shop
    for invariant in shop.store.books.invariants:
        finding = await shop.store.books.check(invariant)
        assert finding is not None
        assert not finding.violations
    await close_and_export(periods, tmp_path)
    await periods.drop(ALL_OVER)

    await shop.rent("new", rented_at=RENTED + GRACE, now=RENTED + GRACE)
    await shop.store.settlements.settle([ending(old.live)], now=DEADLINE + GRACE)
    held = await shop.store.books.check_new(WITHIN)

    assert held is not None
    assert len(held) == len(shop.store.books.invariants)


async def test_nothing_goes_that_the_audit_of_what_is_new_has_not_read(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    """It begins from the sums up to its mark; an entry above it may not change."""
    await close_and_export(periods, tmp_path)
    await broken_shop.admin.execute(
        "INSERT INTO audit_proof VALUES ('balance_is_sum_of_transfers', now(), 3, 0, 0, 0, 0)"
    )

    assert (await periods.drop(ALL_OVER)).numbers == 0
    assert old.delivered not in await dropped_ids(broken_shop)


async def test_each_step_again_changes_nothing(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    shop = broken_shop
    await close_and_export(periods, tmp_path)
    assert (await periods.close(UNTIL)).again
    assert await periods.export(tmp_path) == []
    await periods.drop(ALL_OVER)
    before = [await shop.rows(f"SELECT * FROM {book} ORDER BY 1, 2") for book in BOOKS]  # noqa: S608 - names of ours

    assert (await periods.close(UNTIL)).again
    assert await periods.export(tmp_path) == []
    assert await periods.drop(ALL_OVER) == DroppedRows()

    after = [await shop.rows(f"SELECT * FROM {book} ORDER BY 1, 2") for book in BOOKS]  # noqa: S608 - the same
    assert after == before
    assert old.delivered in await dropped_ids(shop)


async def test_what_rests_later_goes_with_the_next_period(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    shop = broken_shop
    await close_and_export(periods, tmp_path)
    await periods.drop(ALL_OVER)
    later = DEADLINE + GRACE + GRACE
    await shop.expire(later)
    await shop.refund(old.live, later)
    await shop.admin.execute(
        "SET session_replication_role = replica;"
        "UPDATE transfer SET at = '2020-02-10', booked_at = '2020-02-10'"
        " WHERE at > '2021-01-01';"
        "UPDATE transition SET at = '2020-02-10' WHERE at > '2021-01-01';"
        "UPDATE settlement SET at = '2020-02-10' WHERE at > '2021-01-01';"
        "UPDATE activation SET expired_at = '2020-02-10' WHERE expired_at > '2021-01-01';"
        "SET session_replication_role = origin;"
    )

    await periods.close(datetime(2020, 3, 1, tzinfo=UTC))
    assert [each.folder.name for each in await periods.export(tmp_path)] == ["until-2020-03-01"]
    assert (await periods.drop(ALL_OVER)).numbers == 1

    assert await shop.rows("SELECT count(*) FROM timeline") == [(0,)]
    assert (await shop.money())[1] == 0
    assert await violated(shop) == {}


STAYS = {
    **NOT_AT_REST,
    "it has a new line": """
        INSERT INTO transition (activation_id, what, state, at)
        VALUES ($1, 'note', 'refunded', '2021-01-01')""",
}


@pytest.mark.parametrize("why", STAYS)
async def test_a_number_stays_as_a_whole_while(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path, why: str
) -> None:
    await broken_shop.admin.execute(STAYS[why], old.refunded)
    await close_and_export(periods, tmp_path)
    await periods.drop(ALL_OVER)

    await stays_alone(broken_shop, old)


async def test_a_number_about_which_a_case_was_stays_as_a_whole(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    await broken_shop.admin.execute(CASE, old.refunded, "denied")
    await close_and_export(periods, tmp_path)
    await periods.drop(ALL_OVER)

    await stays_alone(broken_shop, old)


async def stays_alone(shop: Shop, old: Lives) -> None:
    gone = await dropped_ids(shop)
    assert old.refunded not in gone
    assert old.closed in gone
    entries = "SELECT count(*) FROM transfer WHERE activation_id = $1"
    assert await shop.one(entries, old.refunded) == 2


ACCOUNT_STAYS = {
    "a case of it is open": "INSERT INTO case_ (id, kind, subject, account, content_hash, state,"
    " facts, policy, policy_version, opened_at) VALUES (gen_random_uuid(), 'withdrawal', 'x',"
    " 'alice', 'h', 'waiting', '{}', 'default', '1', now())",
    "a claim may come about one of its orders": "UPDATE activation SET policy_version = '2'"
    " WHERE provider_ref = 'closed'",
    "a rental of it goes on": "INSERT INTO rental (id, provider, provider_ref, account, phone,"
    " service, country, price_minor, currency, charge, policy, policy_version, rented_at, ends_at)"
    " VALUES (gen_random_uuid(), 'sim', 'r', 'alice', '1', 'any', '0', 1, 'USD', 'hold', 'default',"
    " '1', '2020-01-01', '2021-01-01')",
}


@pytest.mark.parametrize("why", ACCOUNT_STAYS)
async def test_all_of_an_account_stays_while(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path, why: str
) -> None:
    await close_and_export(periods, tmp_path)
    await broken_shop.admin.execute(ACCOUNT_STAYS[why])

    assert await periods.drop(ALL_OVER) == DroppedRows()
    assert old.refunded not in await dropped_ids(broken_shop)


MOVED = """
SET session_replication_role = replica;
UPDATE transition SET at = at + interval '{by}' WHERE activation_id = '{id}';
UPDATE settlement SET at = at + interval '{by}' WHERE activation_id = '{id}';
UPDATE activation SET rented_at = rented_at + interval '{by}',
       expired_at = expired_at + interval '{by}',
       deadline_at = deadline_at + interval '{by}', ending_at = ending_at + interval '{by}'
 WHERE id = '{id}';
SET session_replication_role = origin;
"""


async def test_no_number_goes_within_a_year_whatever_its_policy_says(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    settled = "SELECT at FROM settlement WHERE activation_id = $1"
    for id_, hours in ((old.refunded, -1), (old.closed, 1)):
        at = now - timedelta(days=366, hours=hours)
        by = at - await broken_shop.one(settled, id_)
        await broken_shop.admin.execute(MOVED.format(id=id_, by=f"{by.total_seconds()} seconds"))
    await periods.close(now - timedelta(days=30))
    await periods.export(tmp_path)

    assert (await periods.drop({("default", "1"): now})).numbers == 5

    await stays_alone(broken_shop, old)


async def test_the_files_hold_every_row_and_say_what_they_add_up_to(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    await close_and_export(periods, tmp_path)

    folder = tmp_path / "until-2020-02-01"
    rows = [json.loads(line) for line in (folder / "transfer.ndjson").read_text().splitlines()]
    stored = await broken_shop.rows("SELECT key, amount_minor FROM transfer ORDER BY id")
    assert [(row["key"], row["amount_minor"]) for row in rows] == stored
    told = [json.loads(line) for line in (folder / "transition.ndjson").read_text().splitlines()]
    lines = await broken_shop.rows("SELECT activation_id::text, what FROM timeline ORDER BY seq")
    assert [(line["activation_id"], line["what"]) for line in told] == lines
    assert {"accepted", "settled"} <= {line["what"] for line in told}
    files = json.loads((folder / "files.json").read_text())["files"]
    assert {each["name"] for each in files} == {path.name for path in folder.glob("*.ndjson")}
    opening = [json.loads(line) for line in (folder / "opening.ndjson").read_text().splitlines()]
    alice = next(row for row in opening if row["account"] == ALICE)
    assert (alice["available_minor"], alice["held_minor"]) == await broken_shop.money()
    assert str(old.delivered) in (folder / "settlement.ndjson").read_text()


@pytest.mark.usefixtures("broken_shop")
async def test_only_who_exports_the_books_may_read_the_files(
    periods: Periods, tmp_path: Path
) -> None:
    usual = os.umask(0o022)
    try:
        await close_and_export(periods, tmp_path)
    finally:
        os.umask(usual)

    folder = tmp_path / "until-2020-02-01"
    modes = [path.stat().st_mode for path in (folder, *folder.iterdir())]
    assert len(modes) > 5
    assert {mode & 0o077 for mode in modes} == {0}


async def refusal(step: Awaitable[object]) -> str:
    with pytest.raises(BooksRefusal) as refused:
        await step
    return str(refused.value)


async def test_each_refuses_with_one_line(
    broken_shop: Shop, old: Lives, periods: Periods, tmp_path: Path
) -> None:
    shop = broken_shop
    said = [await refusal(periods.drop(ALL_OVER))]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    said.append(await refusal(periods.close(tomorrow)))
    await periods.close(UNTIL)
    said.append(await refusal(periods.close(datetime(2019, 1, 1, tzinfo=UTC))))
    await periods.export(tmp_path)
    file = tmp_path / "until-2020-02-01/transfer.ndjson"
    file.write_text(file.read_text().replace('"amount_minor":25', '"amount_minor":26', 1))
    said.append(await refusal(periods.drop(ALL_OVER)))
    file.unlink()
    said.append(await refusal(periods.drop(ALL_OVER)))
    await shop.admin.execute(
        "UPDATE balance SET amount_minor = 1 WHERE account = 'bob' AND bucket = 'available'"
    )
    said.append(await refusal(periods.close(datetime(2020, 3, 1, tzinfo=UTC))))

    assert said == [
        "nothing was exported yet: activation-worker books export DIR",
        "only what has been over for an hour can be closed",
        "the books are closed until 2020-02-01 already",
        f"{file} is not what was exported: export again",
        f"{file} is not there any more: export again",
        "the books do not hold (balance_is_sum_of_transfers): activation-worker audit",
    ]
    assert old.delivered not in await dropped_ids(shop)
    await shop.admin.execute("UPDATE balance SET amount_minor = 1000"
                             " WHERE account = 'bob' AND bucket = 'available'")  # fmt: skip
    assert [each.rows for each in await periods.export(tmp_path)] != []
    assert (await periods.drop(ALL_OVER)).numbers == 6
