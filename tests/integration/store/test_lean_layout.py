"""What is not written twice reads as if it were, and old code never meets it."""

from typing import Any

import asyncpg
import pytest

from tests.integration.store.shop import (
    DEADLINE,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    ending,
)
from tests.integration.store.test_store_upgrades import migrated_to
from worker.adapters.store import migrate
from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.migrate import ROLE, OlderRuns
from worker.domain.activation import State
from worker.domain.ids import ActivationId

AS_BEFORE = "UPDATE layout SET written = 0"
STORED = "SELECT count(*) FROM transition WHERE activation_id = $1"
LINES = "SELECT what, state, detail FROM timeline WHERE activation_id = $1 ORDER BY seq"
BEFORE = "0023"


async def lives(shop: Shop, prefix: str) -> list[ActivationId]:
    """One of each ending, one in review, and one that waits still."""
    names = ("silent", "coded", "graced", "reviewed", "live")
    ids = [await shop.rent(f"{prefix}{name}") for name in names]
    silent, coded, graced, reviewed, _ = ids
    await shop.code(f"{prefix}coded", "1234", DEADLINE)
    now = DEADLINE + TICK
    await shop.store.settlements.lease_cancels_of(ids[:4], SIM, TICK, now=now)
    review = ending(reviewed, outcome=State.IN_REVIEW)
    endings = [ending(silent), delivery(coded), after_grace(graced), review]
    assert len((await shop.store.settlements.settle(endings, now=now)).settled) == len(endings)
    return ids


async def told(shop: Shop, id_: ActivationId) -> list[Any]:
    return [(line.what, line.at, line.detail) for line in (await shop.number(id_)).timeline]


async def test_a_number_reads_the_same_whether_its_lines_are_stored_or_not(shop: Shop) -> None:
    await shop.open()
    lean = await lives(shop, "lean-")
    await shop.admin.execute(AS_BEFORE)
    stored = await lives(shop, "stored-")

    for one, other in zip(lean, stored, strict=True):
        assert await shop.rows(LINES, one) == await shop.rows(LINES, other)
        # All but the instant at which each was handed over.
        assert (await told(shop, one))[1:] == (await told(shop, other))[1:]
        assert (await told(shop, one))[0][0] == "accepted"
    assert [await shop.one(STORED, id_) for id_ in lean] == [1, 1, 1, 2, 0]
    assert [await shop.one(STORED, id_) for id_ in stored] == [3, 3, 3, 3, 1]


async def test_the_line_of_the_intake_has_the_instant_of_its_row(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    assert (await told(shop, id_))[0][1] == await shop.one("SELECT created_at FROM activation")


async def test_the_lines_have_one_order_whoever_wrote_them(shop: Shop) -> None:
    """One that code of before took in is ended by this one, and the other way round."""
    await shop.open()
    await shop.admin.execute(AS_BEFORE)
    first = await shop.rent("1")
    await shop.admin.execute("UPDATE layout SET written = $1", LAYOUT)
    second = await shop.rent("2")
    await shop.expire()
    await shop.refund(first)
    await shop.admin.execute(AS_BEFORE)
    await shop.refund(second)

    for id_ in (first, second):
        assert [what for what, _, _ in await told(shop, id_)] == ["accepted", "expiring", "settled"]
        assert await shop.one(STORED, id_) == 2


async def test_a_database_of_before_is_written_as_before_until_somebody_says_otherwise(
    empty_database_url: str,
) -> None:
    await migrated_to(empty_database_url, BEFORE)
    await migrate.upgrade(empty_database_url)
    admin = await asyncpg.connect(empty_database_url)
    written = "SELECT written FROM layout"
    assert await admin.fetchval(written) == 0
    older = "INSERT INTO instance (id, host, pid, locks) VALUES (gen_random_uuid(), 'a', 7, true)"
    await admin.execute(older)

    with pytest.raises(OlderRuns, match=r"still run: a \(pid 7\)"):
        await migrate.finish(empty_database_url)
    assert await admin.fetchval(written) == 0

    await admin.execute("UPDATE instance SET dead_at = now()")
    assert await migrate.finish(empty_database_url) is True
    assert await admin.fetchval(written) == LAYOUT
    assert await migrate.finish(empty_database_url) is False
    await admin.close()


@pytest.mark.parametrize("role", [ROLE, "postgres"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE activation SET created_at = now()",
        "UPDATE activation SET accepted_seq = accepted_seq",
        "UPDATE activation SET id = id",
        "DELETE FROM activation",
    ],
)
async def test_what_a_line_is_read_from_is_written_once(shop: Shop, change: str, role: str) -> None:
    await shop.open()
    await shop.rent()

    await shop.admin.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(change)
    await shop.admin.execute("RESET ROLE")


async def test_the_worker_cannot_say_what_may_be_written(shop: Shop) -> None:
    await shop.admin.execute(f"SET ROLE {ROLE}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(AS_BEFORE)
    await shop.admin.execute("RESET ROLE")
