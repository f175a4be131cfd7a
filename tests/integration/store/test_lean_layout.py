"""What is not written twice reads as if it were, and old code never meets it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

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
from worker.adapters.store.migrate import OlderRuns
from worker.adapters.store.revisions import ROLE
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.ports.store.outbox import EventFilter

AS_BEFORE = "UPDATE layout SET written = 0"
STORED = "SELECT count(*) FROM transition WHERE activation_id = $1"
LINES = "SELECT what, state, detail FROM timeline WHERE activation_id = $1 ORDER BY seq"
BEFORE = "0023"
OF_OLDER = (
    "SELECT count(*) FROM pg_class WHERE relname IN ('activation_due', 'activation_live_ref')"
)


async def lives(shop: Shop, prefix: str) -> list[ActivationId]:
    """One of each ending, one in review, and one that waits still."""
    names = ("silent", "coded", "graced", "reviewed", "live")
    orders = ("order", None, None, None, None)
    ids = [
        await shop.rent(f"{prefix}{name}", order_ref=order)
        for name, order in zip(names, orders, strict=True)
    ]
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
    assert [await shop.one(STORED, id_) for id_ in lean] == [0, 1, 0, 1, 0]
    assert [await shop.one(STORED, id_) for id_ in stored] == [3, 3, 3, 3, 1]


def without_names(text: str, *names: object) -> str:
    for name in names:
        text = text.replace(str(name), "…")
    return text


async def events(shop: Shop, ids: list[ActivationId], prefix: str) -> list[str]:
    """What is told of them, without what is another one's."""
    page = await shop.store.outbox.newest_events(EventFilter(), before=None, limit=100)
    after = await shop.store.outbox.events_after(EventFilter(), after=0, limit=100)
    assert [each.event for each in reversed(page.items)] == [each.event for each in after.items]
    told = [each.event for each in after.items if each.event.activation in ids]
    return [
        without_names(str((e.type, e.at, sorted(e.payload.items()))), *ids, prefix) for e in told
    ]


async def test_an_event_tells_the_same_whether_its_payload_is_stored_or_not(shop: Shop) -> None:
    await shop.open()
    lean = await lives(shop, "lean-")
    await shop.admin.execute(AS_BEFORE)
    stored = await lives(shop, "stored-")

    assert await events(shop, lean, "lean-") == await events(shop, stored, "stored-")
    of = "SELECT type FROM event WHERE activation_id = ANY($1) AND payload IS NULL ORDER BY type"
    left_out = [type_ for (type_,) in await shop.rows(of, lean)]
    assert left_out == ["activation.delivered", "activation.refunded", "activation.refunded"]
    assert await shop.rows(of, stored) == []
    feed = await shop.store.outbox.events_after(EventFilter(), after=0, limit=100)
    told = {each.event.id: each.event.payload for each in feed.items}
    leased = await shop.store.outbox.lease_events(100, timedelta(0), "there")
    assert {event.id: event.payload for event in leased} == {e.id: told[e.id] for e in leased}
    assert "activation.refunded" in {event.type for event in leased}


async def test_only_an_ending_may_have_no_payload_of_its_own(shop: Shop) -> None:
    for type_, thing in (("activation.refunded", None), ("review.opened", uuid4())):
        with pytest.raises(asyncpg.CheckViolationError):
            await shop.admin.execute(
                "INSERT INTO event (subject, type, activation_id) VALUES ('x', $1, $2)",
                type_,
                thing,
            )


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
    assert await shop.one(STORED, first) == 1
    assert await shop.one(STORED, second) == 1


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
    assert await admin.fetchval(OF_OLDER) == 2

    await admin.execute("UPDATE instance SET dead_at = now()")
    assert await migrate.finish(empty_database_url) is True
    assert await admin.fetchval(written) == LAYOUT
    assert await admin.fetchval(OF_OLDER) == 0
    assert await migrate.finish(empty_database_url) is False
    await admin.close()


@pytest.mark.parametrize("role", [ROLE, "postgres"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE activation SET created_at = now()",
        "UPDATE activation SET accepted_seq = accepted_seq",
        "UPDATE activation SET id = id",
        "UPDATE activation SET price_minor = 1",
        "UPDATE activation SET account = 'bob'",
        "UPDATE activation SET order_ref = 'another'",
        "UPDATE activation SET provider_ref = 'another'",
        "UPDATE activation SET expired_at = now()",
        "UPDATE activation SET expired_at = NULL, expired_seq = NULL",
        "DELETE FROM activation",
    ],
)
async def test_what_a_line_is_read_from_is_written_once(shop: Shop, change: str, role: str) -> None:
    await shop.open()
    await shop.rent()
    await shop.expire()

    await shop.admin.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(change)
    await shop.admin.execute("RESET ROLE")


async def test_the_worker_cannot_say_what_may_be_written(shop: Shop) -> None:
    await shop.admin.execute(f"SET ROLE {ROLE}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(AS_BEFORE)
    await shop.admin.execute("RESET ROLE")


@pytest.mark.parametrize(
    "trigger",
    [
        "append_only",
        "keeps_rows",
        "accepted_once",
        "expires_once",
        "keeps_terms",
        "keeps_ref",
    ],
)
async def test_doctor_misses_each_guard_of_what_a_line_is_read_from(
    broken_shop: Shop, trigger: str
) -> None:
    assert "trigger" in await broken_shop.store.books.guards()

    await broken_shop.admin.execute(f"ALTER TABLE activation DISABLE TRIGGER activation_{trigger}")

    assert "trigger" not in await broken_shop.store.books.guards()


async def test_numbers_are_not_emptied_at_once(shop: Shop) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="activation"):
        await shop.admin.execute("TRUNCATE activation CASCADE")
