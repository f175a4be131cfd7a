"""TLS to PostgreSQL: what is wrong with it is one line and exit 5, and what is right works."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import typer.testing

from tests.conftest import Background, Databases
from tests.servers.tls_postgres import TlsServer, tls_postgres
from worker.entrypoints.cli.app import app
from worker.entrypoints.embedded import Programs, find_postgres


@pytest.fixture(scope="module")
def server(
    background: Background, databases: Databases, programs: Programs | None
) -> Iterator[TlsServer]:
    if not background.run(_tls_library(databases.admin_url)):
        pytest.skip("this PostgreSQL is built without TLS")
    postgres = find_postgres() if programs is None else programs.postgres
    with tempfile.TemporaryDirectory(prefix="aw-tls-") as folder:
        both = tls_postgres(postgres, Path(folder))
        yield background.run(both.__aenter__())
        background.run(both.__aexit__(None, None, None))


async def _tls_library(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW ssl_library"))
    finally:
        await connection.close()


async def audit(url: str) -> typer.testing.Result:
    runner = typer.testing.CliRunner()
    env = {"AW_DATABASE__URL": url, "AW_REDIS__URL": "unix:///nowhere"}
    return await asyncio.to_thread(runner.invoke, app, ["audit"], env=env)


@pytest.mark.parametrize(
    ("mode", "host", "authority", "cause"),
    [
        ("verify-full", "localhost", "stranger", "certificate is not trusted"),
        ("verify-full", "127.0.0.1", "authority", "certificate is not trusted"),
        ("verify-ca", "localhost", "stranger", "certificate is not trusted"),
        ("disable", "localhost", "authority", "may not log in from here"),
    ],
)
async def test_a_mistake_is_one_line_with_its_cause(
    server: TlsServer, mode: str, host: str, authority: str, cause: str
) -> None:
    url = server.url(host, sslmode=mode, sslrootcert=getattr(server, authority))

    result = await audit(url)

    lines = result.stderr.splitlines()
    assert (result.exit_code, len(lines), cause in lines[0]) == (5, 1, True), result.output


@pytest.mark.parametrize(
    ("mode", "host"),
    [("require", "127.0.0.1"), ("verify-ca", "127.0.0.1"), ("verify-full", "localhost")],
)
async def test_what_is_trusted_connects(server: TlsServer, mode: str, host: str) -> None:
    """There is no schema: that is what it finds, over TLS."""
    trusted = {"sslrootcert": server.authority} if mode.startswith("verify") else {}

    result = await audit(server.url(host, sslmode=mode, **trusted))

    assert "activation-worker migrate" in result.stderr, result.output
