"""Hosts on one machine: network namespaces on a bridge, each with a name of its own (root only)."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.world import Process, spawn_command
from tests.ops.archived_postgres import archived_postgres
from tests.servers.certificates import free_port
from worker.entrypoints.children import Child, running
from worker.entrypoints.embedded import Servers, find_valkey

NUMBER = os.getpid() % 250  #: Several runs at once have names and addresses of their own.
BRIDGE = f"awb{NUMBER}"
NET = f"10.213.{NUMBER}"
SERVERS = f"{NET}.1"  #: Where the servers, the provider and the shop are.


def why_not() -> str | None:
    """Why no hosts can be made here."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    missing = [each for each in ("ip", "unshare", "hostname") if shutil.which(each) is None]
    if missing:
        return f"not on the PATH: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--uts", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "the kernel refuses namespaces"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _remove_bridge() -> None:
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, capture_output=True)


@dataclass(frozen=True)
class Host:
    number: int

    @property
    def name(self) -> str:
        return f"awh{NUMBER}-{self.number}"

    @property
    def address(self) -> str:
        return f"{NET}.{10 + self.number}"

    @property
    def _cable(self) -> str:
        return f"awv{NUMBER}-{self.number}"

    def make(self) -> None:
        _ip("netns", "add", self.name)
        inside = ("-netns", self.name)
        end = ("peer", "name", "eth0", "netns", self.name)
        _ip("link", "add", self._cable, "type", "veth", *end)
        _ip("link", "set", self._cable, "master", BRIDGE, "up")
        _ip(*inside, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip(*inside, "link", "set", device, "up")

    def unmake(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def cut_off(self) -> None:
        """Its cable is pulled: connections do not break, they fall silent."""
        _ip("link", "set", self._cable, "down")

    def join(self) -> None:
        _ip("link", "set", self._cable, "up")

    def spawn(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
        named = f'hostname {self.name} && exec "$0" "$@"'
        enter = ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", named]
        return spawn_command([*enter, *command], log, environment)


@asynccontextmanager
async def hosts(count: int) -> AsyncIterator[list[Host]]:
    made = [Host(number) for number in range(count)]
    _ip("link", "add", BRIDGE, "type", "bridge")
    try:
        _ip("address", "add", f"{SERVERS}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for host in made:
            host.make()
        yield made
    finally:
        for host in made:
            host.unmake()
        _remove_bridge()


@asynccontextmanager
async def servers(home: Path) -> AsyncIterator[Servers]:
    """PostgreSQL, with a WAL as in production, and Valkey, for all hosts."""
    folder = home / "database"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        port = free_port()
        database = await stack.enter_async_context(archived_postgres(folder, (SERVERS, port)))
        valkey = _valkey(home, free_port())
        await stack.enter_async_context(running(valkey))
        yield Servers(
            f"postgresql://postgres@{SERVERS}:{port}/postgres",
            f"redis://{SERVERS}:{valkey.command[-1]}/0",
            database.child,
            valkey,
        )


def _valkey(home: Path, port: int) -> Child:
    folder = home / "valkey"
    folder.mkdir()
    options = ["--bind", SERVERS, "--protected-mode", "no", "--save", "", "--dir", str(folder)]

    async def ready() -> bool:
        return "Ready to accept" in (home / "valkey.log").read_text()

    command = [str(find_valkey()), *options, "--port", str(port)]
    return Child("valkey", command, home, ready)


def listening(host: Host) -> dict[str, Any]:
    """Where the daemon of this host listens."""
    return {"AW_API__LISTEN": f"{host.address}:8080", "AW_ADMIN__LISTEN": f"{host.address}:9464"}
