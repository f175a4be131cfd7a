"""A PostgreSQL that takes TLS connections alone, with a certificate of an authority of our own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificates import HOST, certificates, free_port
from worker.entrypoints.children import Child, User, running
from worker.entrypoints.embedded import init_database, server_user


@dataclass(frozen=True, slots=True)
class TlsServer:
    port: int
    authority: Path
    stranger: Path  #: An authority that did not sign anything here.

    def url(self, host: str = HOST, **parameters: object) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://postgres@{host}:{self.port}/postgres?{query}"


@asynccontextmanager
async def tls_postgres(postgres: Path, folder: Path) -> AsyncIterator[TlsServer]:
    user = server_user()
    signed = certificates(folder)
    data = folder / "data"
    for path, mode in ((data, 0o700), (folder, 0o755)):
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    _give(user, data, signed.key)
    init_database(postgres, folder, data, user)
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(signed.certificate),
        "ssl_key_file": str(signed.key),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    async def ready() -> bool:
        file = data / "postmaster.pid"
        return file.exists() and file.read_text().rstrip().endswith("ready")

    command = [str(postgres / "bin/postgres"), "-D", str(data), *options]
    async with running(Child("tls-postgres", command, folder, ready, user)):
        yield TlsServer(port, signed.authority, signed.stranger)


def _give(user: User, *paths: Path) -> None:
    if user.uid >= 0:
        for path in paths:
            os.chown(path, user.uid, user.gid)
