"""What one number costs the database, counted: no clock is read, so a machine's speed is nothing.

Each bound is what was counted when it was set, with a little room. Who breaks one has made every
number dearer, hundreds of millions of times: take it back, or say in the commit what it is for.
"""

from dataclasses import dataclass

import pytest
from sqlalchemy import event

from tests.integration.store.shop import DEADLINE, DIRECTLY, TICK, Shop, ending

LIVES = 1_000
NOW = DEADLINE + TICK
_CHANGES = """
    SELECT sum(n_tup_ins)::int, sum(n_tup_upd)::int, sum(n_tup_upd - n_tup_hot_upd)::int
      FROM pg_stat_user_tables
"""
_WRITTEN = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
#: The first pages of a table are summed up from the beginning, others when they are full. Numbers
#: are written to the last ones of a large table: what is said of the first of an empty one is taken
#: away, or each row would write to it.
_GROWN = """
    SELECT brin_desummarize_range(indexrelid, 0)
      FROM pg_index JOIN pg_class i ON i.oid = indexrelid JOIN pg_am a ON a.oid = i.relam
     WHERE a.amname = 'brin'
"""
_KEPT = """
    SELECT sum(pg_table_size(relid) + pg_indexes_size(relid))::bigint FROM pg_stat_user_tables
"""


@dataclass(frozen=True)
class Cost:
    """Of one life; *statements* are those of the whole batch."""

    statements: int
    inserted: float
    updated: float
    not_hot: float  #: Of the updates: each of them writes to every index.
    wal_bytes: float
    kept_bytes: float


@pytest.fixture
async def cost(shop: Shop) -> Cost:
    """Of lives that end in silence: handed over, leased, settled."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    await shop.open()
    assert shop.store.db._pool is not None
    engine = shop.store.db._pool.engine.sync_engine
    await shop.admin.execute(_GROWN)
    began = await _sizes(shop)
    event.listen(engine, "before_cursor_execute", hear)
    ids = await shop.rent_many(LIVES)
    await shop.expire(NOW)
    done = await shop.store.settlements.settle([ending(id_) for id_ in ids], now=NOW)
    event.remove(engine, "before_cursor_execute", hear)
    assert len(done.settled) == LIVES
    await shop.store.close()  # Its connections tell what they counted when they end.
    ended = await _sizes(shop)
    return Cost(len(said), *((now - then) / LIVES for now, then in zip(ended, began, strict=True)))


async def _sizes(shop: Shop) -> list[int]:
    wal = await shop.one(_WRITTEN)
    await shop.admin.execute("VACUUM")
    await shop.admin.execute("SELECT pg_stat_force_next_flush()")
    return [*(await shop.rows(_CHANGES))[0], wal, await shop.one(_KEPT)]


@DIRECTLY
async def test_a_life_in_silence_costs_the_database_no_more_than_it_did(cost: Cost) -> None:
    assert cost.statements <= 7
    assert cost.inserted <= 6.1
    assert cost.updated <= 2.1
    assert cost.not_hot <= 0.1
    assert cost.wal_bytes <= 3_800
    assert cost.kept_bytes <= 2_340
