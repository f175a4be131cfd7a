"""Real mistakes on real servers: one line with the cause from every command, and exit 5."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest
import redis.asyncio
import typer.testing

from worker.adapters.store.migrate import upgrade
from worker.entrypoints.cli.app import app

ROLE, PASSWORD = "aw_mistaken", "right-password"
COMMANDS: Final = (
    ("audit",),
    ("timers",),
    ("migrate",),
    ("provider", "report", "sim"),
    ("events", "replay", "evt"),
    ("doctor",),
)
ROLES_SQL: Final = Path(__file__).parents[3] / "deploy/postgres/roles.sql"
Ask: TypeAlias = Callable[..., Awaitable[typer.testing.Result]]


def url_as(url: str, user: str, password: str = "", **parameters: str) -> str:
    """The same server for somebody else, or with other parameters."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    query = "&".join(f"{name}={quote(value)}" for name, value in (given | parameters).items())
    login = f"{user}:{password}@" if password else f"{user}@"
    return f"postgresql://{login}{urlsplit(url).path}?{query}"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A command, as somebody starts it who has configured nothing but the database and Redis."""
    monkeypatch.chdir(tmp_path)

    async def ask(*args: str, database: str, redis: str = "") -> typer.testing.Result:
        env = {
            "AW_DATABASE__URL": database,
            "AW_REDIS__URL": redis or "unix:///nowhere",
            "AW_API__LISTEN": "127.0.0.1:0",
            "AW_ADMIN__LISTEN": "127.0.0.1:0",
        }
        runner = typer.testing.CliRunner()
        return await asyncio.to_thread(runner.invoke, app, list(args), env=env)

    return ask


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def login(admin: asyncpg.Connection, database_url: str) -> AsyncIterator[str]:
    """A login with a password that was granted nothing."""
    await admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    hba = Path(await admin.fetchval("SHOW hba_file"))
    before = await asyncio.to_thread(hba.read_text)
    await asyncio.to_thread(hba.write_text, f"local all {ROLE} scram-sha-256\n{before}")
    await admin.execute("SELECT pg_reload_conf()")
    try:
        yield url_as(database_url, ROLE, PASSWORD)
    finally:
        await asyncio.to_thread(hba.write_text, before)
        await admin.execute("SELECT pg_reload_conf()")
        await admin.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


@pytest.fixture
async def over_tcp(database_url: str) -> AsyncIterator[str]:
    """The same server by host and port: a server that speaks no TLS."""
    folder = parse_qs(urlsplit(database_url).query)["host"][0]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, to_them = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, to_them), _copy(theirs, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"postgresql://postgres@127.0.0.1:{port}{urlsplit(database_url).path}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
    writer.close()


async def _one_line_and_5(ask: Ask, database: str, cause: str) -> None:
    for command in COMMANDS:
        result = await ask(*command, database=database)
        said = result.stdout if command == ("doctor",) else result.stderr
        lines = [line for line in said.splitlines() if cause in line]
        assert (result.exit_code, len(lines)) == (5, 1), f"{command}: {result.output}"
        assert "(try: " in lines[0]
        assert command == ("doctor",) or said.splitlines() == lines, f"{command}: {said}"
        assert PASSWORD not in result.output
    as_json = await ask("audit", "-o", "json", database=database)
    error = json.loads(as_json.stderr)["error"]
    assert (as_json.exit_code, error["code"], cause in error["message"]) == (5, "unreachable", True)
    assert error["hint"]


async def test_a_wrong_password(ask: Ask, login: str) -> None:
    await _one_line_and_5(ask, login.replace(PASSWORD, "wrong"), "password is refused")


async def test_the_daemon_does_not_start_and_says_why_in_a_line(login: str, tmp_path: Path) -> None:
    """A process of its own: it takes the signals of the one it runs in."""
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker", "run"),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "AW_DATABASE__URL": login.replace(PASSWORD, "wrong")},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await daemon.communicate()

    assert daemon.returncode == 5
    assert [b"password is refused" in line for line in said.splitlines()] == [True]


async def test_a_role_that_may_not_log_in(ask: Ask, admin: asyncpg.Connection, login: str) -> None:
    await admin.execute(f"ALTER ROLE {ROLE} NOLOGIN")

    await _one_line_and_5(ask, login, "may not log in")


async def test_a_role_that_there_is_not(ask: Ask, database_url: str) -> None:
    await _one_line_and_5(ask, url_as(database_url, "nobody_here"), "may not log in")


async def test_a_database_that_there_is_not(ask: Ask, database_url: str) -> None:
    url = database_url.replace(urlsplit(database_url).path, "/not_there")

    await _one_line_and_5(ask, url, "no such database")


async def test_a_socket_that_there_is_not(ask: Ask) -> None:
    await _one_line_and_5(ask, "postgresql://x@/x?host=/nowhere", "no such socket")


@pytest.fixture
def nobodys_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_port_where_nobody_listens(ask: Ask, nobodys_port: int) -> None:
    await _one_line_and_5(ask, f"postgresql://x@127.0.0.1:{nobodys_port}/x", "nobody listens")


async def test_tls_is_wanted_and_the_server_has_none(ask: Ask, over_tcp: str) -> None:
    await _one_line_and_5(ask, f"{over_tcp}?sslmode=require", "speaks no TLS")


async def test_a_server_that_takes_no_writes(
    ask: Ask, admin: asyncpg.Connection, login: str
) -> None:
    await admin.execute(f"GRANT activation_worker TO {ROLE}")
    name = await admin.fetchval("SELECT current_database()")
    read_only = "SET default_transaction_read_only = on"
    await admin.execute(f"ALTER ROLE {ROLE} IN DATABASE {name} {read_only}")

    result = await ask("provider", "report", "sim", database=login)

    assert (result.exit_code, "takes no writes" in result.stderr) == (5, True), result.output


async def test_a_server_without_a_connection_left(
    ask: Ask, admin: asyncpg.Connection, login: str
) -> None:
    await admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")

    await _one_line_and_5(ask, login, "no connection left")


async def test_a_role_that_was_granted_nothing(ask: Ask, login: str) -> None:
    for command in (("audit",), ("timers",), ("provider", "report", "sim")):
        result = await ask(*command, database=login)
        assert (result.exit_code, "may not do that" in result.stderr) == (5, True), result.output


async def test_the_page_of_roles_is_all_that_the_worker_needs(
    ask: Ask, empty_database_url: str
) -> None:
    admin = await asyncpg.connect(empty_database_url)
    try:
        await admin.execute(await asyncio.to_thread(ROLES_SQL.read_text))
        owner = url_as(empty_database_url, "activation_owner")
        login = url_as(empty_database_url, "activation_login")

        assert (await ask("migrate", database=owner)).exit_code == 0
        assert (await ask("audit", database=login)).exit_code == 0
        doctor = await ask("doctor", database=login)
        assert "may not be rewritten: by grant and by trigger" in doctor.stdout
        by_owner = await ask("doctor", database=owner)
        assert "may not be rewritten: by trigger alone" in by_owner.stdout
    finally:
        await admin.execute("DROP OWNED BY activation_owner CASCADE")
        await admin.execute("DROP OWNED BY activation_login CASCADE")
        await admin.execute("DROP ROLE activation_owner; DROP ROLE activation_login")
        await admin.close()


async def test_an_owner_who_may_make_roles_but_is_no_superuser_migrates_and_runs(
    ask: Ask, empty_database_url: str
) -> None:
    """The master user of managed servers: from 16 on it may not take a role that it made."""
    admin = await asyncpg.connect(empty_database_url)
    if admin.get_server_version().major < 16:
        await admin.close()
        pytest.skip("before PostgreSQL 16 whoever makes a role may take it")
    try:
        await admin.execute("CREATE ROLE aw_master LOGIN CREATEROLE")
        await admin.execute("GRANT CREATE ON SCHEMA public TO aw_master")
        await admin.execute("GRANT activation_worker TO aw_master WITH ADMIN TRUE, SET FALSE")
        master = url_as(empty_database_url, "aw_master")
        await upgrade(master)

        assert (await ask("audit", database=master)).exit_code == 0
    finally:
        await admin.execute("DROP OWNED BY aw_master CASCADE; DROP ROLE aw_master")
        await admin.close()


async def test_migrate_gives_the_rights_that_a_role_made_after_the_first_migration_lacks(
    ask: Ask, empty_database_url: str
) -> None:
    """An owner that may make no roles; or a dump, restored where the group role was not."""
    admin = await asyncpg.connect(empty_database_url)
    try:
        await admin.execute("CREATE ROLE aw_plain LOGIN")
        await admin.execute("GRANT CREATE ON SCHEMA public TO aw_plain")
        plain = url_as(empty_database_url, "aw_plain")
        await upgrade(plain)
        await admin.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM activation_worker")
        await admin.execute("GRANT activation_worker TO aw_plain")
        assert "may not do that" in (await ask("audit", database=plain)).stderr

        assert (await ask("migrate", database=plain)).exit_code == 0

        assert (await ask("audit", database=plain)).exit_code == 0
        doctor = await ask("doctor", database=plain)
        assert "may not be rewritten: by grant and by trigger" in doctor.stdout
    finally:
        await admin.execute("DROP OWNED BY aw_plain CASCADE; DROP ROLE aw_plain")
        await admin.close()


@pytest.fixture
async def valkey_with_password(redis_url: str) -> AsyncIterator[str]:
    client = redis.asyncio.Redis.from_url(redis_url)
    await client.execute_command("ACL", "SETUSER", "aw-shop", "on", ">right-password", "+ping")
    yield redis_url.removeprefix("unix://")
    await client.execute_command("ACL", "DELUSER", "aw-shop")
    await client.aclose()


@pytest.mark.parametrize(
    ("login", "query", "cause"),
    [
        ("aw-shop:wrong@", "", "refuses the one it got"),
        ("aw-shop:right-password@", "", "may not do that"),
        ("", "?db=4000", "no such database"),
    ],
)
async def test_what_redis_refuses(
    ask: Ask, database_url: str, valkey_with_password: str, login: str, query: str, cause: str
) -> None:
    path = urlsplit(valkey_with_password).path

    result = await ask("doctor", database=database_url, redis=f"unix://{login}{path}{query}")

    lines = [line for line in result.stdout.splitlines() if line.startswith("unreachable")]
    assert (result.exit_code, len(lines), cause in lines[0]) == (5, 1, True), result.stdout
    assert "right-password" not in result.output


@pytest.mark.parametrize("where", ["redis://127.0.0.1:{port}/0", "unix:///nowhere/valkey"])
async def test_no_redis_is_there(
    ask: Ask, database_url: str, nobodys_port: int, where: str
) -> None:
    result = await ask("doctor", database=database_url, redis=where.format(port=nobodys_port))

    assert (result.exit_code, "unreachable  redis" in result.stdout) == (5, True), result.stdout
