"""A PgBouncer in transaction mode before the PostgreSQL of the tests."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, unquote, urlsplit

from tests.debian_package import unpacked

STATE = Path(__file__).parent.parent / ".state" / "debian"
LIBRARIES = ("libevent-2.1-7", "libc-ares2")
CONFIGURATION = """
[databases]
* = host={socket} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = {pool_size}
server_fast_close = 1
logfile = {folder}/pgbouncer.log
"""
START_S = 10


@asynccontextmanager
async def pgbouncer(database_url: str, *, pool_size: int = 10) -> AsyncIterator[str]:
    """Start it; gives the URL of the same database through it.

    Raises `tests.debian_package.NotToBeHad`.
    """
    program, environment = _program()
    parts = urlsplit(database_url)
    sockets = unquote(parse_qs(parts.query)["host"][0])
    port = _free_port()
    with TemporaryDirectory(prefix="aw-pgbouncer-") as made:
        folder = Path(made)
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            CONFIGURATION.format(socket=sockets, port=port, pool_size=pool_size, folder=folder)
        )
        process = await asyncio.create_subprocess_exec(
            program,
            *_as_somebody(folder, Path(sockets)),
            str(settings),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _listening(process, port, folder)
            yield f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


def _program() -> tuple[str, dict[str, str]]:
    """What is on the PATH, else the one of Debian's package, and where it finds its libraries."""
    installed = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed is not None:
        return installed, {}
    roots = [unpacked(package, STATE) for package in ("pgbouncer", *LIBRARIES)]
    folders = [str(folder) for root in roots for folder in root.glob("usr/lib/*-linux-gnu")]
    return str(roots[0] / "usr/sbin/pgbouncer"), {"LD_LIBRARY_PATH": ":".join(folders)}


def _as_somebody(folder: Path, sockets: Path) -> list[str]:
    """It does not run as root: then as whoever the sockets belong to."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwuid(sockets.stat().st_uid)
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return ["-u", owner.pw_name]


async def _listening(process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)  # It has no other way to say that it listens.
            else:
                writer.close()
                return
    raise AssertionError((folder / "pgbouncer.log").read_text()[-2_000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
