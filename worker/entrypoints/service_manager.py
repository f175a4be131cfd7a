"""What systemd is told, where systemd started this process: ready, alive, stopping (sd_notify(3)).

One datagram per message to the socket that it names in the environment. Nobody named one: nobody is
told, and nothing else changes.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: A message comes late when the process is busy: two may be lost before systemd acts.
FEEDS_PER_WATCHDOG: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManager:
    """Who started us and wants to know how we are."""

    address: str | None = None  #: None: nobody.
    watchdog: timedelta | None = None  #: It restarts us after so long without a word.

    def ready(self) -> None:
        self._tell("READY=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    async def feed_watchdog(self, stuck: Callable[[], list[str]]) -> None:
        """Say that we live until cancelled, but only while no loop stands still.

        This runs on the loop that all work runs on: where that one is blocked, nothing is said
        either.
        """
        if self.watchdog is None:
            return
        while True:
            if standing := stuck():
                self._tell(f"STATUS=standing still: {' '.join(standing)}")
            else:
                self._tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog.total_seconds() / FEEDS_PER_WATCHDOG)

    def _tell(self, state: str) -> None:
        if self.address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            # A full or absent socket is the manager's trouble: the work goes on, and a watchdog
            # that hears nothing restarts us.
            try:
                to.sendto(state.encode(), socket.MSG_DONTWAIT, self.address)
            except OSError:
                return


def service_manager(environ: Mapping[str, str], pid: int) -> ServiceManager:
    """The one that *environ* names; one that watches another process is not fed by this one."""
    address = environ.get("NOTIFY_SOCKET")
    if not address or address[0] not in "/@":
        return ServiceManager()
    if address[0] == "@":
        address = "\0" + address[1:]  # Linux's abstract names.
    return ServiceManager(address=address, watchdog=_watchdog(environ, pid))


def _watchdog(environ: Mapping[str, str], pid: int) -> timedelta | None:
    for_us = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    usec = environ.get("WATCHDOG_USEC", "")
    if not for_us or not usec.isascii() or not usec.isdigit() or int(usec) == 0:
        return None
    return timedelta(microseconds=int(usec))
