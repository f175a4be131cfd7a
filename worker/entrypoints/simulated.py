"""A simulated provider as a process of its own, for `dev` and `demo`: it ends with us."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from worker.entrypoints.children import Child, running

API_KEY = "sim-key"  #: Opens nothing but the simulator.


@asynccontextmanager
async def simulated_provider(home: Path, options: Sequence[str] = ()) -> AsyncIterator[str]:
    """Its URL; *options* are those of `simulate-provider`. Its log is in *home*."""
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)

    async def ready() -> bool:
        return _url(child.log) is not None

    command = [sys.executable, "-m", "worker", "simulate-provider", *options]
    child = Child(name="simulated-provider", command=command, home=home, ready=ready)
    async with running(child):
        url = _url(child.log)
        assert url is not None
        yield url


def _url(log: Path) -> str | None:
    """From the one line of JSON it prints when it listens."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith('{"url"'):
            return str(json.loads(line)["url"])
    return None
