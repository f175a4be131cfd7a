"""How connections are opened: at the server itself, or through a pooler in transaction mode.

A pooler may run each transaction on another connection of its own. So what a connection keeps
from one transaction to the next does not hold there: prepared statements, settings, the role,
session locks. Directly these are set once a connection; through a pooler once a transaction.
"""

import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from worker.domain.liveness import SILENCE

CONNECT_S: Final = 5
SILENCE_S: Final = 40  #: Then nobody is there: the server itself ends a statement after 30 s.
#: A host that died without a word is missed some 5 s after that, as `instances/keepalives` asks of
#: the server. Not every platform has them all.
_TCP_OPTIONS: Final = {
    "TCP_KEEPIDLE": 2,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 5_000,  # Milliseconds, for what was sent and is not acknowledged.
}
_NAME: Final = {"application_name": "activation-worker"}
_SETTINGS: Final = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # A host that froze in a transaction holds its rows no longer than it takes to count as dead.
    "idle_in_transaction_session_timeout": f"{SILENCE.total_seconds():.0f}s",
    # A generic plan knows neither how long our arrays are nor how full the table is: from its sixth
    # run on a settlement took six times as long.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",  # Short statements: compiling them costs more than it saves.
    # Rows are found by their key, in memory: the default (4) read the whole table for a batch.
    "random_page_cost": "1.1",
}
#: A statement is prepared and run in one transaction, without a name another process may use.
NOTHING_KEPT: Final = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
DIALECT: Final = "postgresql+asyncpg://"
#: From 16 on a member may lack the right to take the role: whoever made it by CREATEROLE does.
_MEMBER: Final = (
    "pg_has_role(current_user, oid, CASE WHEN current_setting('server_version_num')::int >= 160000"
    " THEN 'SET' ELSE 'MEMBER' END) AND rolname ="
)


class ConnectionPool(NamedTuple):
    """The pool of connections, and whether there is a pooler between them and the server."""

    engine: AsyncEngine
    pooled: bool


def connector(url: str) -> Callable[..., Awaitable[asyncpg.Connection]]:
    """Opens connections to *url* as libpq would: asyncpg itself reads it, TLS, hosts and all.

    SQLAlchemy takes it as `async_creator_fn` and needs no URL then. `ssl` is the name that its own
    dialect has for `sslmode`.
    """
    parts = urlsplit(url)
    query = [("sslmode" if key == "ssl" else key, value) for key, value in parse_qsl(parts.query)]
    dsn = urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query)))
    named = any(key == "application_name" for key, _ in query)

    async def connect(**settings: Any) -> asyncpg.Connection:
        given = settings.pop("server_settings", {})
        ours = given if named else _NAME | given
        connection = await asyncpg.connect(dsn, server_settings=ours, **settings)
        _keep_alive(connection)
        return connection

    return connect


def _keep_alive(connection: asyncpg.Connection) -> None:
    """asyncpg neither sets this nor takes it from the URL, and shows its socket nowhere else."""
    connected = connection._transport.get_extra_info("socket")  # noqa: SLF001 - see above
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_OPTIONS.items():
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


async def open_pool(url: str, *, pool_size: int, role: str | None) -> ConnectionPool:
    """Asks once who answers there. Raises what asyncpg raises where nobody does."""
    connect = connector(url)
    pooled = await _behind_pooler(connect)
    engine = create_async_engine(
        DIALECT,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,
        connect_args={
            "async_creator_fn": connect,
            "timeout": CONNECT_S,
            "command_timeout": SILENCE_S,
            **(NOTHING_KEPT if pooled else {"server_settings": _SETTINGS}),
        },
    )
    if pooled:
        _set_each_transaction(engine, role)
    elif role is not None:
        _take_role(engine, role)
    return ConnectionPool(engine, pooled)


async def _behind_pooler(connect: Callable[..., Awaitable[asyncpg.Connection]]) -> bool:
    """Whether the process that answers is another than the one named when we connected."""
    connection = await connect(timeout=CONNECT_S, command_timeout=CONNECT_S, statement_cache_size=0)
    try:
        async with connection.transaction():
            answers = await connection.fetchval("SELECT pg_backend_pid()")
        return bool(answers != connection.get_server_pid())
    finally:
        await connection.close(timeout=CONNECT_S)


def _set_each_transaction(engine: AsyncEngine, role: str | None) -> None:
    settings = ", ".join(
        f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items()
    )
    take = f"SELECT set_config('role', rolname, true) FROM pg_roles WHERE {_MEMBER} '{role}'"  # noqa: S608 - ours

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.execute(text(f"SELECT {settings}, ({take})"))


def _take_role(engine: AsyncEngine, role: str) -> None:
    """Drop to the worker's role, which may not rewrite the books, where it exists for us."""

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's hook
        cursor = connection.cursor()
        cursor.execute(f"SELECT count(*) FROM pg_roles WHERE {_MEMBER} '{role}'")  # noqa: S608 - ours
        (member,) = cursor.fetchone()
        if member:
            cursor.execute(f'SET ROLE "{role}"')
        cursor.close()
        connection.commit()
