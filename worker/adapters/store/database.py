"""The connection pool, transactions that may be run again, and what database errors mean.

Where a statement stands: in a file, named `FOLDER/NAME` after the repository that runs it, which
begins with its reason. Within the code stands only what is at most two lines long, is said in one
place, and needs no reason.

What many statements have in common is written once and put in where they name it: `{{now}}` is
`sql/parts/now.sql`, and `{{due_number}}` the columns that `rows.due` reads. With
`{{due_number with x AS attempts}}` one of these columns is read from another place. The text is
expanded before the database sees it, so a plan is the same as if everybody had written it out.
"""

import asyncio
import random
import re
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

from sqlalchemy import RowMapping, TextClause, event, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from worker.adapters.store.connections import ConnectionPool, open_pool
from worker.adapters.store.refusals import (
    READ_ONLY,
    RunAgain,
    is_away,
    meaning_of,
    sqlstate,
    translated,
)
from worker.adapters.store.turns import LOCK_WAIT, LONG_TURN_MAX, TURN_MAX, AccountTurns
from worker.adapters.tenacity_retry import TenacityRetry
from worker.domain.backoff import STORE_WRITE
from worker.ports import errors
from worker.ports.retry import Retry
from worker.ports.store.settlements import DueNumber

_FOLDER: Final = Path(__file__).parent / "sql"
_DRIVER: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # none of its dialects is
_PART: Final = re.compile(r"\{\{(\w+)(?: with ([\w ,]+))?\}\}")
#: The columns of what is due, in `DueNumber`'s order: `{{due_number}}` in a statement.
DUE_NUMBER: Final = tuple(
    "provider_ref" if field == "ref" else field
    for field in DueNumber._fields
    if field not in DueNumber._field_defaults
)


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/NAME.sql`, without its comments (they may hold colons)."""
    return text(expanded(_read(name)))


def expanded(sql: str) -> str:
    """With its parts put in."""
    return _PART.sub(_part, sql)


def _compiled(name: str) -> tuple[str, Sequence[str]]:
    return _for_driver(statement(name))


@cache
def _for_driver(sql: TextClause) -> tuple[str, Sequence[str]]:
    """The statement as the driver takes it, and its parameters in their order."""
    compiled = sql.compile(dialect=_DRIVER)
    return str(compiled), tuple(compiled.positiontup or ())


def _read(name: str) -> str:
    lines = (_FOLDER / f"{name}.sql").read_text().splitlines()
    return "\n".join(line.split("--", maxsplit=1)[0] for line in lines)


def _part(named: re.Match[str]) -> str:
    name, others = named.groups()
    if name == "due_number":
        return _due_number(others.split(", ") if others else [])
    assert others is None, f"{name} has no columns"
    return _PART.sub(_part, _read(f"parts/{name}")).strip()


def _due_number(others: list[str]) -> str:
    columns = dict(zip(DUE_NUMBER, DUE_NUMBER, strict=True))
    for column in others:
        replaced = column.rpartition(" AS ")[2]
        assert replaced in columns, f"{replaced} is no column of what is due"
        columns[replaced] = column
    return ", ".join(columns.values())


T = TypeVar("T")

_RETRY = TenacityRetry(sleep=asyncio.sleep, monotonic=time.monotonic, chance=random.random)

#: Is told how many seconds a transaction took, the wait for its connection included.
Took: TypeAlias = Callable[[float], None]


class OpenConnections(NamedTuple):
    busy: int
    idle: int


_Options: TypeAlias = Mapping[str, str | bool]
_ONE_MOMENT: Final[_Options] = {"isolation_level": "REPEATABLE READ"}
_REPEATED = (
    RunAgain,
    errors.StoreUnavailable,
    errors.CommitUnknown,
)  #: Serialisation, deadlock, lost connection.


class Database:
    """A pool on one primary. Money decisions never read anything else."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        role: str | None = None,
        retry: Retry = _RETRY,
        took: Took = lambda _: None,
    ) -> None:
        self._retry = retry
        self._took = took
        self._open = partial(open_pool, url, pool_size=pool_size, role=role)
        self._opening = asyncio.Lock()
        self._pool: ConnectionPool | None = None
        self._turns = AccountTurns()
        #: How often what was committed here may have been lost since: a connection broke, or the
        #: server is another one. Whoever remembers commits forgets them when it changes.
        self.doubts = 0

    def doubt(self) -> None:
        """A failover may have lost commits that were acknowledged."""
        self.doubts += 1

    def _failed(self, context: ExceptionContext) -> None:
        _give_up(context)
        if context.is_disconnect or context.invalidate_pool_on_disconnect:
            self.doubt()

    def connections(self) -> OpenConnections:
        """What the pool has open now, and how many of them work."""
        if self._pool is None:
            return OpenConnections(0, 0)
        pool = cast("QueuePool", self._pool.engine.pool)
        return OpenConnections(busy=pool.checkedout(), idle=pool.checkedin())

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.engine.dispose()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of one's own, outside any transaction (advisory locks).

        Through a pooler a statement needs a transaction around it: the caller begins it.
        """
        with translated():
            engine, pooled = await self._opened()
            if not pooled:
                engine = engine.execution_options(isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                yield connection

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run reads in one snapshot-per-statement connection; safe to repeat by nature."""
        return await self.write(work)

    async def ask(self, name: str, **values: object) -> Any:  # noqa: ANN401 - any column's
        """The one value that a statement reads, in one round trip, and not again where it fails.

        For questions asked all day with the answer "nothing": beginning and ending a transaction
        around them is most of what they cost. Through a pooler a statement needs one.
        """

        async def within(connection: AsyncConnection) -> Any:  # noqa: ANN401 - any column's
            return (await connection.execute(statement(name), values)).scalar()

        with translated():
            engine, pooled = await self._opened()
        if pooled:
            return await self._once(within)
        sql, names = _compiled(name)
        with translated(), self._timed():
            async with engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    return await driver.fetchval(sql, *(values[each] for each in names))
                except BaseException:
                    # Whatever is the matter with this connection, others must not meet it.
                    await connection.invalidate()
                    raise

    async def rows(
        self, sql: TextClause, values: Mapping[str, object]
    ) -> Sequence[Mapping[str, Any]]:
        """What one statement reads, in one round trip; as `read` does where its connection broke.

        A person waits for it: on a busy loop each round trip waits for its turn, and beginning and
        ending a transaction around a single statement would be two of three.
        """

        async def within(connection: AsyncConnection) -> Sequence[Mapping[str, Any]]:
            return (await connection.execute(sql, values)).mappings().all()  # type: ignore[return-value]  # its names are texts

        with translated():
            engine, pooled = await self._opened()
        if not pooled:
            found = await self._at_once(engine, sql, values)
            if found is not None:
                return found
        return await self.read(within)

    async def _at_once(
        self, engine: AsyncEngine, sql: TextClause, values: Mapping[str, object]
    ) -> Sequence[Mapping[str, Any]] | None:
        """None where the connection broke."""
        plain, names = _for_driver(sql)
        with translated(), self._timed():
            async with engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    found: Sequence[Mapping[str, Any]] = await driver.fetch(
                        plain, *(values[n] for n in names)
                    )
                except BaseException as error:
                    broke = isinstance(error, Exception) and (driver.is_closed() or is_away(error))
                    await connection.invalidate()  # As in `ask`.
                    if broke:
                        return None
                    raise
                return found

    async def snapshot(
        self, work: Callable[[AsyncConnection], Awaitable[T]], *, writes: bool = False
    ) -> T:
        """Run reads of one moment, however many statements they are; it may note that it did."""
        options = {**_ONE_MOMENT, "postgresql_readonly": not writes}
        return await self._retry(STORE_WRITE, lambda: self._once(work, options), on=_REPEATED)

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        lock_wait: timedelta | None = None,
    ) -> T:
        """Run *work* as one transaction, again where that is safe.

        *work* must be safe to repeat: after a commit whose acknowledgement was lost it runs once
        more, on a new connection, and must then find nothing left to change. It waits *lock_wait*
        for a locked row (None: as long as the server lets it) and then raises `RowLocked`.
        """

        async def bounded(connection: AsyncConnection) -> T:
            if lock_wait is not None:
                wait = milliseconds(lock_wait)
                await connection.execute(text(f"SET LOCAL lock_timeout = '{wait}'"))
            return await work(connection)

        return await self._retry(STORE_WRITE, lambda: self._once(bounded), on=_REPEATED)

    async def write_account(
        self, account: str, work: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        """`write` for work that begins by `lock_accounts`. Raises `RowLocked` where it stays.

        It is for callers who can come again: they wait no longer than a person does.
        """
        return await self.write_accounts([account], work)

    async def write_accounts(
        self, accounts: Iterable[str], work: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        """The same for work on several of them."""
        async with self._turns.of(accounts, TURN_MAX):
            return await self.write(work)

    async def write_in_turn(
        self, accounts: Iterable[str], work: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        """The same for work that begins by `books/lock_balances`, and waits as long as `write`."""
        async with self._turns.of(accounts, LONG_TURN_MAX):
            return await self.write(work)

    async def _once(
        self, work: Callable[[AsyncConnection], Awaitable[T]], options: _Options | None = None
    ) -> T:
        with translated(), self._timed():
            engine, _ = await self._opened()
            async with engine.execution_options(**(options or {})).connect() as connection:
                transaction = await connection.begin()
                try:
                    result = await work(connection)
                except BaseException:
                    await _quietly(transaction.rollback)
                    raise
                await _commit(transaction.commit)
                return result

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._took(time.monotonic() - began)

    async def _opened(self) -> ConnectionPool:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._open()
                event.listen(self._pool.engine.sync_engine, "handle_error", self._failed)
        return self._pool


async def _quietly(rollback: Callable[[], Awaitable[None]]) -> None:
    # A rollback fails when the connection is gone, and the transaction went with it.
    with suppress(DBAPIError, OSError):
        await rollback()


async def _commit(commit: Callable[[], Awaitable[None]]) -> None:
    """COMMIT is never cut in half: a cancelled task waits for the answer first."""
    task = asyncio.ensure_future(commit())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    except (DBAPIError, OSError) as error:
        meaning = meaning_of(error)
        if isinstance(meaning, errors.StoreUnavailable):
            raise errors.CommitUnknown("database: connection lost in COMMIT") from None
        raise


def _give_up(context: ExceptionContext) -> None:
    """Leave a server that takes no writes, or says nothing: the primary is somewhere else by now.

    With this connection go all that are as old. To a standby they live on, and each write would
    fail until somebody restarts us; to a host that died without a word each costs its own silence.
    """
    error = cast("Exception", context.original_exception)
    if isinstance(error, TimeoutError):
        context.invalidate_pool_on_disconnect = True  # SQLAlchemy takes it for our own haste.
    if sqlstate(error) == READ_ONLY:
        context.is_disconnect = True


def milliseconds(wait: timedelta) -> str:
    """As the database takes it."""
    return f"{int(wait.total_seconds() * 1_000)}ms"


async def lock_accounts(
    connection: AsyncConnection, accounts: Sequence[str]
) -> Sequence[RowMapping]:
    """Their balances, locked; each lock is waited for as long as `LOCK_WAIT`."""
    asked = {"accounts": accounts, "lock_wait": milliseconds(LOCK_WAIT)}
    return (await connection.execute(statement("books/lock_accounts"), asked)).mappings().all()


async def scalar(connection: AsyncConnection, sql: str, **parameters: object) -> Any:  # noqa: ANN401 - any column's
    """One value, for the small statements that need no file of their own."""
    return (await connection.execute(text(sql), parameters)).scalar()
