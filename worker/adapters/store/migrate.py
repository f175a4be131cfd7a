"""Brings the schema up to date; safe to run from many hosts at once.

An advisory lock lets one host migrate while the others wait and then find nothing to do. The
worker's own role is made here: it may not change or delete what is in the books.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from worker.adapters.store.connections import DIALECT, NOTHING_KEPT, connector
from worker.adapters.store.database import statement
from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.refusals import DEADLOCK, LOCKED, sqlstate, translated
from worker.adapters.store.revisions import MIGRATIONS, ROLE, check, head, is_later, revision

T = TypeVar("T")
#: Told in a line whom a migration waits for.
Waits: TypeAlias = Callable[[str], None]

LOCK: Final = 0x6163_7469_7661_7465  # "activate", as a bigint

#: What the revisions change, in this order, and whoever comes later waits for them. So they wait
#: shortly, and let everybody by between two attempts. The heartbeats of all processes come last.
LOCKED_TABLES: Final = ("settlement", "event", "activation", "instance")
LOCK_WAIT: Final = "2s"
PAUSE = 5.0  #: Seconds.

#: Indexes on tables that may be large, by name what stands after `ON`. They are no part of a
#: revision: its transaction would keep the table locked until the last one is done. They are built
#: after the revisions while everybody goes on writing, by the next call if this one is stopped.
LARGE_INDEXES: Final[Mapping[str, str]] = {
    "activation_order_ref": "activation (order_ref) WHERE order_ref IS NOT NULL",
    "rental_of_account": "rental (account, rented_at, id)",
    # What support looks for. None holds a column that changes, so leases and codes stay HOT.
    "rental_newest": "rental (rented_at, id)",
    # Turned round, the last digits come first, with or without a plus at the other end.
    "activation_phone": "activation (reverse(phone) text_pattern_ops)",
    "rental_phone": "rental (reverse(phone) text_pattern_ops)",
    "rental_order_ref": "rental (order_ref) WHERE order_ref IS NOT NULL",
    "rental_provider_ref": "rental (provider_ref)",
    "activation_id_tail": "activation (right(CAST(id AS text), 8))",
    # A service that many numbers share is read newest first from activation_newest instead.
    "activation_of_service": "activation (service, country, rented_at)",
    # Since when a number waits for a human: the list of all that wait asks it of each.
    "transition_in_review": "transition (activation_id, seq) INCLUDE (at) WHERE what = 'in_review'",
    # The next event of a number, or of what is about none.
    "event_pending_thing": (
        "event (coalesce(CAST(activation_id AS text), subject), seq) WHERE state = 'pending'"
    ),
    # What was written since a number, without an entry for each row: the rows stand in that order,
    # and a page for every 128 says from where to where.
    "transfer_number": "transfer USING brin (id) WITH (autosummarize = on)",
    "transition_number": "transition USING brin (seq) WITH (autosummarize = on)",
    "decision_number": "decision USING brin (seq) WITH (autosummarize = on)",
    "evidence_number": "evidence USING brin (seq) WITH (autosummarize = on)",
    # Lines that rows of another kind say, in the files of the books.
    "activation_accepted": "activation USING brin (accepted_seq) WITH (autosummarize = on)",
    "activation_expired": "activation USING brin (expired_seq) WITH (autosummarize = on)",
    "settlement_number": "settlement USING brin (seq) WITH (autosummarize = on)",
    # What is still to be forgotten, and nothing else.
    "activation_phones": "activation (rented_at) WHERE phone IS NOT NULL",
    "rental_phones": "rental (ended_at) WHERE phone <> ''",
    "rental_message_texts": "rental_message (seen_at) WHERE text IS NOT NULL",
    "push_received": "push (received_at)",
}
_PRESENT = text(
    "SELECT string_agg(t, ', ' ORDER BY n) FROM unnest(CAST(:tables AS text[]))"
    " WITH ORDINALITY u (t, n) WHERE to_regclass(t) IS NOT NULL"
)
#: Of a column that changes: until 16 such an index keeps a lease from being HOT.
FROM_16: Final = frozenset({"activation_expired"})
_HELD_BY = text(
    "SELECT CAST(relation AS regclass) || ' is held by process ' || pid FROM pg_locks WHERE granted"
    " AND relation IN (SELECT to_regclass(t) FROM unnest(CAST(:tables AS text[])) t) LIMIT 1"
)
_VERSION = text("SELECT CAST(current_setting('server_version_num') AS integer)")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
#: Those that read only what the version before wrote, among the processes that live.
_OLDER = text(
    "SELECT string_agg(host || ' (pid ' || pid || ')', ', ') FROM instance"
    " WHERE dead_at IS NULL AND layout < :layout"
)
_WRITE = text("UPDATE layout SET written = :layout WHERE written < :layout")
_OURS: Final = {"layout": LAYOUT}
#: Only code of before looks into these; with them a settlement writes to each other index, too.
_OF_OLDER: Final = ("activation_live_ref", "activation_due", "event_pending_subject")
_USABLE = text(
    "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid"
    " WHERE indisvalid AND relnamespace = CAST('public' AS regnamespace)"
)

# A managed database may not let us make roles: then the triggers alone guard the books. Two
# databases of one cluster may race for it, because roles belong to the cluster.
_MAKE_ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {ROLE} NOLOGIN;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT {ROLE} TO CURRENT_USER; -- From 16 on making a role gives no right to take it.
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$
"""  # noqa: S608 - the name is a constant of ours
_GRANTS = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        GRANT USAGE ON SCHEMA public TO {ROLE};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
        REVOKE UPDATE, DELETE, TRUNCATE
            ON transfer, settlement, transition, decision, evidence FROM {ROLE};
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE
            ON book_period, book_opening, dropped_number, layout, alembic_version FROM {ROLE};
    END IF;
END $$
"""  # noqa: S608 - the name is a constant of ours


class OlderRuns(Exception):
    """A daemon of the version before lives. Says which, in one line."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _migrate(connection: Connection) -> str | None:
    before = revision(connection)
    if before == head():
        _give_missing_rights(connection)
        return before
    if before and is_later(before):
        return before
    present = connection.execute(_PRESENT, {"tables": list(LOCKED_TABLES)}).scalar_one()
    if present:
        connection.execute(text(f"LOCK TABLE {present} IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text(_MAKE_ROLE))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(text(_GRANTS))
    if before is None:
        # No older code was ever here.
        connection.execute(_WRITE, _OURS)
        connection.execute(text(f"DROP INDEX {', '.join(_OF_OLDER)}"))
    return before


def _give_missing_rights(connection: Connection) -> None:
    """Without the tables' locks: each start of a daemon may come here."""
    if connection.execute(statement("books/missing_rights"), {"role": ROLE}).scalar_one():
        connection.execute(text(_MAKE_ROLE))
        connection.execute(text(_GRANTS))


def _engine(url: str) -> AsyncEngine:
    return create_async_engine(
        DIALECT,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"async_creator_fn": connector(url), **NOTHING_KEPT},
    )


async def upgrade(url: str, *, waits: Waits = lambda _: None) -> tuple[str | None, str]:
    """Migrate; returns the revision before and now. Raises `StoreUnavailable`.

    A database that a later version migrated is left as it is: after a rollback every start of the
    older one comes here.
    """
    engine = _engine(url)
    try:
        with translated():
            before = await _patiently(engine, lambda c: c.run_sync(_migrate), waits)
            if before and is_later(before):
                return before, before
            await _build_large_indexes(engine)
    finally:
        await engine.dispose()
    return before, head()


async def finish(url: str, *, waits: Waits = lambda _: None) -> bool:
    """From now on write what only this version reads; whether that is new.

    There is no way back to the version before: its audit misses rows that are not written any more.
    Raises `OlderRuns` where a daemon of it lives.
    """

    async def work(connection: AsyncConnection) -> bool:
        await connection.run_sync(check)
        # Who begins meanwhile waits, and is refused by a trigger then.
        await connection.execute(text("LOCK TABLE instance IN SHARE ROW EXCLUSIVE MODE"))
        if older := (await connection.execute(_OLDER, _OURS)).scalar_one():
            raise OlderRuns(f"daemons of the version before still run: {older}")
        return (await connection.execute(_WRITE, _OURS)).rowcount > 0

    engine = _engine(url)
    try:
        with translated():
            done = await _patiently(engine, work, waits)
            await _drop_indexes_of_older(engine)
            return done
    finally:
        await engine.dispose()


async def _patiently(
    engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]], waits: Waits
) -> T:
    """Run *work* in one transaction, again where a lock was not to be had soon."""
    while True:
        async with engine.connect() as connection:
            await _lock(connection)
            try:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
                done = await work(connection)
                await connection.commit()
            except (DBAPIError, asyncpg.PostgresError) as error:
                if sqlstate(error) not in {LOCKED, DEADLOCK}:
                    raise
            else:
                return done
            await connection.rollback()
            asked = {"tables": list(LOCKED_TABLES)}
            holder = (await connection.execute(_HELD_BY, asked)).scalar()
        waits(f"{holder or 'a table was held by somebody'}; trying again")
        await asyncio.sleep(PAUSE)


async def _lock(connection: AsyncConnection) -> None:
    """Asked for again and again: who waits for it has a snapshot, and builds wait for those."""
    while not (await connection.execute(_TRY_LOCK, {"lock": LOCK})).scalar_one():
        await connection.rollback()
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection without transactions, while no other host migrates."""
    async with engine.connect() as guard:
        await _lock(guard)
        # The lock's own statement leaves a snapshot behind, until the next statement that has none.
        await guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        async with engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


async def _drop_indexes_of_older(engine: AsyncEngine) -> None:
    async with _alone(engine) as connection:
        for name in _OF_OLDER:
            await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))


async def _build_large_indexes(engine: AsyncEngine) -> None:
    """Build those that are missing, or that a build which was stopped left unusable."""
    async with _alone(engine) as connection:
        usable = set((await connection.execute(_USABLE)).scalars())
        if (await connection.execute(_VERSION)).scalar_one() < 160_000:
            usable |= FROM_16  # Without it the export of a period reads all numbers.
        for name, on in LARGE_INDEXES.items():
            if name not in usable:
                await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
                await connection.execute(text(f"CREATE INDEX CONCURRENTLY {name} ON {on}"))
