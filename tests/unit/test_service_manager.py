"""What systemd is told, over a real socket of its kind."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from worker.entrypoints.service_manager import ServiceManager, service_manager

PID = 4711
SHORT = timedelta(milliseconds=30)


class Systemd:
    """The other end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0)

    async def hears(self) -> str:
        loop = asyncio.get_running_loop()
        return (await loop.sock_recv(self._socket, 1024)).decode()

    def heard_nothing(self) -> bool:
        try:
            self._socket.recv(1024, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[Systemd]:
    systemd = Systemd(address)
    try:
        yield systemd
    finally:
        systemd.close()


async def test_it_hears_each_message_as_one_datagram(address: str) -> None:
    async with listening(address) as systemd:
        manager = service_manager({"NOTIFY_SOCKET": address}, PID)
        manager.ready()
        manager.stopping()

        assert await systemd.hears() == "READY=1"
        assert await systemd.hears() == "STOPPING=1"


async def test_an_abstract_name_is_one() -> None:
    async with listening("\0activation-worker-test-notify") as systemd:
        service_manager({"NOTIFY_SOCKET": "@activation-worker-test-notify"}, PID).ready()

        assert await systemd.hears() == "READY=1"


async def test_the_watchdog_is_fed_while_no_loop_stands_still(address: str) -> None:
    standing: list[str] = []
    async with listening(address) as systemd:
        manager = ServiceManager(address=address, watchdog=SHORT)
        feeding = asyncio.create_task(manager.feed_watchdog(lambda: standing))

        assert [await systemd.hears() for _ in range(3)] == ["WATCHDOG=1"] * 3

        standing = ["expire"]
        told = [await systemd.hears() for _ in range(4)]
        assert told[1:] == ["STATUS=standing still: expire"] * 3

        standing = []
        while await systemd.hears() != "WATCHDOG=1":
            pass
        feeding.cancel()


async def test_without_a_watchdog_nothing_is_fed(address: str) -> None:
    async with listening(address) as systemd:
        await ServiceManager(address=address).feed_watchdog(list)

        assert systemd.heard_nothing()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_started_by_nobody_who_asks_it_says_nothing(environ: dict[str, str]) -> None:
    manager = service_manager({**environ, "WATCHDOG_USEC": "30000000"}, PID)

    assert manager == ServiceManager()
    manager.ready()


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_that_watches_this_process(
    environ: dict[str, str], watchdog: timedelta | None
) -> None:
    manager = service_manager({"NOTIFY_SOCKET": "/run/notify", **environ}, PID)

    assert manager.watchdog == watchdog


def test_a_socket_that_is_gone_keeps_nobody_from_working(address: str) -> None:
    ServiceManager(address=address).ready()
