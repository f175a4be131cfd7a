"""Once an upgrade is finished, no code of before is let in: not new, not again, not in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.store.shop import Shop
from worker.adapters.store import instances, migrate
from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.migrate import OlderRuns
from worker.ports.errors import SchemaMissing

#: As code of before begins: it does not say what it reads.
OLDER = "INSERT INTO instance (id, host, pid, locks) VALUES ($1, 'a', 7, true)"
REFUSED = r"refused: this version reads layout 0, and the database is written in \d"
UNFINISHED = "UPDATE layout SET written = 0"
FINISHED = "UPDATE layout SET written = $1"


@pytest.fixture
async def unfinished(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    await migrate.upgrade(empty_database_url)
    admin = await asyncpg.connect(empty_database_url)
    await admin.execute(UNFINISHED)
    yield admin
    await admin.close()


async def test_code_of_before_begins_no_more(
    unfinished: asyncpg.Connection, empty_database_url: str
) -> None:
    await unfinished.execute(OLDER, uuid4())
    await unfinished.execute("UPDATE instance SET dead_at = now()")
    await migrate.finish(empty_database_url)

    with pytest.raises(asyncpg.PostgresError, match=REFUSED):
        await unfinished.execute(OLDER, uuid4())
    with pytest.raises(asyncpg.PostgresError, match=REFUSED):
        await unfinished.execute("UPDATE instance SET dead_at = NULL")


async def test_one_that_begins_while_somebody_finishes_is_seen_or_refused(
    unfinished: asyncpg.Connection, empty_database_url: str
) -> None:
    async with unfinished.transaction():
        await unfinished.execute(OLDER, uuid4())
        finish = asyncio.create_task(migrate.finish(empty_database_url))
        done, _ = await asyncio.wait([finish], timeout=1)
        assert not done

    with pytest.raises(OlderRuns):
        await finish


async def test_one_that_slept_sends_no_event_without_its_payload(shop: Shop) -> None:
    """It lives on, marked dead, and its sender knows nothing of that."""
    older = uuid4()
    await shop.admin.execute(UNFINISHED)
    await shop.admin.execute(OLDER, older)
    await shop.admin.execute("UPDATE instance SET dead_at = now()")
    await shop.admin.execute(FINISHED, LAYOUT)
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.refund(id_)

    for holder in (older, uuid4()):
        with pytest.raises(asyncpg.PostgresError, match=REFUSED):
            await shop.admin.execute(
                "UPDATE event SET leased_by = $1 WHERE payload IS NULL", holder
            )

    await shop.store.instances.beat()
    leased = await shop.store.outbox.lease_events(10, timedelta(0), "there")
    assert [event.type for event in leased] == ["activation.refunded"]


async def test_this_code_says_so_where_a_later_one_finished(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "LAYOUT", LAYOUT - 1)

    with pytest.raises(SchemaMissing, match="later version"):
        await shop.store.instances.beat()


async def test_a_command_says_so_too(shop: Shop) -> None:
    await shop.admin.execute(FINISHED, LAYOUT + 1)

    with pytest.raises(SchemaMissing, match="later version"):
        await shop.store.ping()
