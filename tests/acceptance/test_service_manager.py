"""The daemon as systemd's service: ready when it is, alive while it moves, stopping when told."""

import asyncio
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from tests.acceptance.world import Process, World, spawn, until, world

WATCHDOG_SECONDS: Final = 0.6


class Systemd:
    """What systemd does for a service of `Type=notify`: it listens."""

    def __init__(self, address: Path) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.settimeout(0)

    async def hears(self, awaited: str) -> list[str]:
        """Everything up to the message *awaited*, which has to come."""
        heard: list[str] = []
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while awaited not in heard:
                heard.append((await loop.sock_recv(self._socket, 1024)).decode())
        return heard

    async def hears_nothing_for(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_recv(self._socket, 1024)
        except TimeoutError:
            return True
        return False

    def waiting(self) -> list[str]:
        heard: list[str] = []
        try:
            while True:
                heard.append(self._socket.recv(1024).decode())
        except BlockingIOError:
            return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def systemd(tmp_path: Path) -> AsyncIterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.fixture
async def a_service(
    systemd: Systemd, database_url: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    named = {
        "NOTIFY_SOCKET": str(systemd.address),
        "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000)),
    }
    async with world(database_url, redis_url, tmp_path, settings=named) as made:
        yield made


@asynccontextmanager
async def held_up(database_url: str) -> AsyncIterator[Callable[[], AsyncIterator[None]]]:
    """A start has to read the policies' versions: it waits for the block's end."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE policy_version IN ACCESS EXCLUSIVE MODE")

            async def somebody_waits() -> AsyncIterator[None]:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while not await connection.fetchval(waiting):
                    yield

            yield somebody_waits
    finally:
        await connection.close()


def is_ready(admin: str) -> bool:
    with urllib.request.urlopen(f"{admin}/readyz", timeout=10) as reply:
        return bool(reply.status == 200)


async def test_it_is_ready_when_it_can_serve_and_not_before(
    a_service: World, systemd: Systemd, database_url: str
) -> None:
    async with held_up(database_url) as somebody_waits:
        starting = asyncio.create_task(a_service.start_daemon())
        async for _ in somebody_waits():
            await asyncio.sleep(0)
        assert "READY=1" not in systemd.waiting()

    await systemd.hears("READY=1")
    daemon = await starting
    admin = await a_service.admin(daemon)
    assert await asyncio.to_thread(is_ready, admin)


async def test_one_that_cannot_start_never_says_that_it_is_ready(
    a_service: World, systemd: Systemd, tmp_path: Path
) -> None:
    nobody = {**a_service.environment(), "AW_DATABASE__URL": "postgresql://127.0.0.1:1/none"}
    refused = spawn(["run"], tmp_path / "refused.log", nobody)

    assert await asyncio.to_thread(refused.popen.wait, 60) == 5
    assert systemd.waiting() == []


async def test_the_watchdog_hears_of_it_only_while_it_moves(
    a_service: World, systemd: Systemd
) -> None:
    daemon = await a_service.start_daemon()
    await systemd.hears("READY=1")
    await systemd.hears("WATCHDOG=1")

    daemon.popen.send_signal(signal.SIGSTOP)
    await stopped(daemon)
    systemd.waiting()
    assert await systemd.hears_nothing_for(3 * WATCHDOG_SECONDS)

    daemon.popen.send_signal(signal.SIGCONT)
    await systemd.hears("WATCHDOG=1")


async def stopped(daemon: Process) -> None:
    status = Path(f"/proc/{daemon.popen.pid}/stat")
    await until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", daemon)


async def test_it_says_that_it_stops_before_it_ends(a_service: World, systemd: Systemd) -> None:
    daemon = await a_service.start_daemon()
    await systemd.hears("READY=1")

    assert await asyncio.to_thread(daemon.terminate) == 0
    assert "STOPPING=1" in systemd.waiting()


async def test_the_desk_is_a_service_like_the_daemon(systemd: Systemd, tmp_path: Path) -> None:
    environment = {
        "NOTIFY_SOCKET": str(systemd.address),
        "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000)),
    }
    nowhere = ["--listen", "127.0.0.1:0", "--api", "http://127.0.0.1:1"]
    desk = spawn(["desk", *nowhere], tmp_path / "desk.log", environment)

    assert (await systemd.hears("READY=1"))[-1] == "READY=1"
    await systemd.hears("WATCHDOG=1")
    assert await asyncio.to_thread(desk.terminate) == 0
    assert "STOPPING=1" in systemd.waiting()
