"""TLS to Redis: `doctor` says in one line what is wrong with it, and exit 5."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio
import typer.testing

from tests.conftest import Background
from tests.servers.certificates import HOST, Certificates, certificates, free_port
from worker.entrypoints.children import Child, running
from worker.entrypoints.cli.app import app
from worker.entrypoints.embedded import Programs, find_valkey


@dataclass(frozen=True, slots=True)
class TlsRedis:
    plain_port: int
    tls_port: int
    signed: Certificates


@asynccontextmanager
async def tls_redis(program: Path, folder: Path) -> AsyncIterator[TlsRedis]:
    made = TlsRedis(free_port(), free_port(), certificates(folder))
    settings = {
        "bind": "127.0.0.1",
        "port": str(made.plain_port),
        "tls-port": str(made.tls_port),
        "tls-cert-file": str(made.signed.certificate),
        "tls-key-file": str(made.signed.key),
        "tls-ca-cert-file": str(made.signed.authority),
        "tls-auth-clients": "no",
        "save": "",
        "dir": str(folder),
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]

    async def ready() -> bool:
        try:
            async with redis.asyncio.Redis(port=made.plain_port) as client:
                return bool(await client.ping())
        except redis.ConnectionError:
            return False

    async with running(Child("tls-redis", [str(program), *options], folder, ready)):
        yield made


def built_with_tls(program: Path) -> bool:
    """One without TLS does not know the setting, and ends."""
    asked = [str(program), "--port", "0", "--tls-port", "1", "--tls-cert-file", "/nowhere"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    return "No tls-key-file" in done.stdout


@pytest.fixture(scope="module")
def server(background: Background, programs: Programs | None) -> Iterator[TlsRedis]:
    program = find_valkey() if programs is None else programs.valkey
    if not built_with_tls(program):
        pytest.skip("this server is built without TLS")
    with tempfile.TemporaryDirectory(prefix="aw-tls-") as folder:
        both = tls_redis(program, Path(folder))
        yield background.run(both.__aenter__())
        background.run(both.__aexit__(None, None, None))


async def line_of_redis(database_url: str, url: str) -> tuple[int, str]:
    runner = typer.testing.CliRunner()
    env = {"AW_DATABASE__URL": database_url, "AW_REDIS__URL": url}
    env |= {"AW_API__LISTEN": "127.0.0.1:0", "AW_ADMIN__LISTEN": "127.0.0.1:0"}
    result = await asyncio.to_thread(runner.invoke, app, ["doctor"], env=env)
    [line] = [line for line in result.stdout.splitlines() if "  redis " in line][:1]
    return result.exit_code, line


@pytest.mark.parametrize(
    ("scheme", "port", "authority", "cause"),
    [
        ("rediss", "tls_port", "stranger", "certificate is not trusted"),
        ("rediss", "plain_port", "authority", "(try: host, port and redis:// or rediss://)"),
        ("redis", "tls_port", "", "(try: host, port and redis:// or rediss://)"),
    ],
)
async def test_a_mistake_is_one_line_with_its_cause(
    server: TlsRedis, database_url: str, scheme: str, port: str, authority: str, cause: str
) -> None:
    query = f"?ssl_ca_certs={getattr(server.signed, authority)}" if authority else ""
    url = f"{scheme}://{HOST}:{getattr(server, port)}/0{query}"

    code, line = await line_of_redis(database_url, url)

    assert (code, line.startswith("unreachable"), cause in line) == (5, True, True), line


async def test_a_certificate_of_another_name_is_refused_unless_the_url_allows_it(
    server: TlsRedis, database_url: str
) -> None:
    url = f"rediss://127.0.0.1:{server.tls_port}/0?ssl_ca_certs={server.signed.authority}"

    refused, line = await line_of_redis(database_url, url)
    assert (refused, line.startswith("unreachable")) == (5, True), line
    _, line = await line_of_redis(database_url, f"{url}&ssl_check_hostname=no")
    assert line.startswith("ok"), line


async def test_what_is_trusted_connects(server: TlsRedis, database_url: str) -> None:
    url = f"rediss://{HOST}:{server.tls_port}/0?ssl_ca_certs={server.signed.authority}"

    _, line = await line_of_redis(database_url, url)

    assert line.startswith("ok"), line
