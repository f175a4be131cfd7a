"""Certificates for servers of tests: one authority that signed, and one that signed nothing."""

import socket
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

HOST: Final = "localhost"  #: The only name in the certificate.


class Certificates(NamedTuple):
    authority: Path
    stranger: Path  #: An authority that did not sign anything here.
    certificate: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    authority, stranger = (_authority(folder, name) for name in ("authority", "stranger"))
    certificate, key = _signed(folder, authority)
    return Certificates(
        authority.with_suffix(".crt"), stranger.with_suffix(".crt"), certificate, key
    )


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
