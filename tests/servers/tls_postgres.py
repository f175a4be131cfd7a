"""A PostgreSQL that takes TLS connections alone, with a certificate of an authority of our own."""

import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from worker.entrypoints.children import Child, User, running
from worker.entrypoints.embedded import init_database, server_user

HOST = "localhost"  #: The only name in the certificate.


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
    authority, stranger = (_authority(folder, name) for name in ("authority", "stranger"))
    certificate, key = _signed(folder, authority)
    data = folder / "data"
    for path, mode in ((data, 0o700), (folder, 0o755)):
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    _give(user, data, key)
    init_database(postgres, folder, data, user)
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(certificate),
        "ssl_key_file": str(key),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    async def ready() -> bool:
        file = data / "postmaster.pid"
        return file.exists() and file.read_text().rstrip().endswith("ready")

    command = [str(postgres / "bin/postgres"), "-D", str(data), *options]
    async with running(Child("tls-postgres", command, folder, ready, user)):
        yield TlsServer(port, authority.with_suffix(".crt"), stranger.with_suffix(".crt"))


def _authority(folder: Path, name: str) -> Path:
    place = folder / name
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", f"{place}.key", "-out", f"{place}.crt")  # fmt: skip
    return place


def _signed(folder: Path, authority: Path) -> tuple[Path, Path]:
    place = folder / "server"
    names = folder / "names.ext"
    names.write_text(f"subjectAltName=DNS:{HOST}\n")
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}",
             "-keyout", f"{place}.key", "-out", f"{place}.csr")  # fmt: skip
    _openssl("x509", "-req", "-days", "2", "-in", f"{place}.csr", "-CA", f"{authority}.crt",
             "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", str(names),
             "-out", f"{place}.crt")  # fmt: skip
    key = place.with_suffix(".key")
    key.chmod(0o600)
    return place.with_suffix(".crt"), key


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _give(user: User, *paths: Path) -> None:
    if user.uid >= 0:
        for path in paths:
            os.chown(path, user.uid, user.gid)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
