"""Server processes of our own, which end with us, however we end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 15.0
READY_EVERY_SECONDS = 0.02
LOG_TAIL_BYTES = 1_000

# Runs in the child before the server: becomes the server's user, and asks the kernel to end it
# when we die, even by SIGKILL. The order matters: a change of user forgets the death signal.
# No preexec_fn: that would run Python between fork and exec of a process with threads.
_LAUNCH = """
import ctypes, os, sys  # all now: the server's user may not be able to read our Python
prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
parent, uid, gid, death = map(int, sys.argv[1:5])
os.umask(0o077)
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
prctl(1, death)
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.argv[5], sys.argv[5:])
"""


class EmbeddedError(Exception):
    """An embedded server cannot be had; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom a server runs as; -1 is whoever we are."""

    uid: int = -1
    gid: int = -1


@dataclass(slots=True)
class Child:
    """One server process: started when it answers, stopped when it is gone."""

    name: str
    command: Sequence[str]
    home: Path
    ready: Callable[[], Awaitable[bool]]
    user: User = field(default_factory=User)
    stop_signal: signal.Signals = signal.SIGTERM
    #: Kept open by the server: as long as it lives, it holds our lock on the directory.
    lock: int | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        assert self._process is None, "started already"
        self._process = spawn(self)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self.ready():
                    self._fail_if_ended()
                    await asyncio.sleep(READY_EVERY_SECONDS)
        except TimeoutError:
            self.stop()
            raise EmbeddedError(f"{self.name} does not answer; its log: {self.log}") from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in an orderly way, by force after `STOP_SECONDS`; safe to repeat."""
        self.end(self.stop_signal)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> None:
        # Blocks on purpose: neither a cancellation nor a closing loop may leave a server behind.
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _fail_if_ended(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise EmbeddedError(f"{self.name} ended at its start:\n{tail(self.log)}")


def spawn(child: Child) -> subprocess.Popen[bytes]:
    """Start it, in a session of its own: Ctrl-C is for us, who stop our servers last."""
    death = int(child.stop_signal)
    who = [str(number) for number in (os.getpid(), child.user.uid, child.user.gid, death)]
    with child.log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - a server out of a wheel, no shell
            [sys.executable, "-I", "-S", "-c", _LAUNCH, *who, *child.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=child.home,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            pass_fds=() if child.lock is None else (child.lock,),
            start_new_session=True,
        )


def run_to_end(child: Child) -> None:
    """Run a program that ends by itself, and fail if it fails."""
    process = spawn(child)
    try:
        failed = process.wait(START_SECONDS) != 0
    except BaseException:
        process.kill()
        process.wait()
        raise
    if failed:
        raise EmbeddedError(f"{child.name} failed:\n{tail(child.log)}")


def tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
    return "(no log)"


@contextlib.asynccontextmanager
async def running(*children: Child) -> AsyncIterator[None]:
    """All of them; whatever happens, none is left behind."""
    try:
        for child in children:
            await child.start()
        yield
    finally:
        for child in reversed(children):
            child.stop()
