"""What every benchmark starts: real servers, a provider process, the daemon; on loopback."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.acceptance.world import World, world
from worker.adapters.store.migrate import upgrade
from worker.entrypoints.embedded import embedded

STATE = Path(__file__).parents[2] / ".state" / "bench"


@asynccontextmanager
async def stage(
    name: str, *, simulator: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> AsyncIterator[World]:
    STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STATE, prefix=f"{name}-") as folder:
        # PostgreSQL's own user must get in.
        await asyncio.to_thread(Path(folder).chmod, 0o711)
        async with embedded(Path(folder) / "servers", durable=False) as servers:
            await upgrade(servers.database_url)
            async with world(
                servers.database_url,
                servers.redis_url,
                Path(folder),
                simulator=simulator,
                settings=settings,
            ) as made:
                yield made


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
