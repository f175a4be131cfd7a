"""Idle: what the daemon uses while no number is live and nobody calls.

One provider that lists its numbers, all servers beside it; from some seconds after the start. It is
CPU time, so what else the machine does hardly matters. The servers' share is told, too.
"""

import asyncio
from dataclasses import dataclass

import psutil

from tests.acceptance.world import World
from tests.bench.stage import cpu_seconds, stage

SHARE_MAX = 0.01  #: Of a core.
WARM_UP = 10.0


@dataclass(frozen=True)
class Idle:
    seconds: float
    daemon: float  #: Share of a core.
    servers: float  #: PostgreSQL and Valkey.

    @property
    def ratio(self) -> float:
        """How many times within what it may use."""
        return SHARE_MAX / self.daemon


async def measure(seconds: float) -> Idle:
    async with stage("idle") as made:
        daemon = await made.start_daemon()
        await asyncio.sleep(WARM_UP)
        before = cpu_seconds(daemon.popen.pid), _servers(made)
        await asyncio.sleep(seconds)
        after = cpu_seconds(daemon.popen.pid), _servers(made)
        daemon.terminate()
    own, theirs = (ended - began for began, ended in zip(before, after, strict=True))
    return Idle(seconds, own / seconds, theirs / seconds)


def _servers(made: World) -> float:
    """CPU seconds of the servers of this world so far."""
    folder = str(made.home)
    spent = 0.0
    for process in psutil.process_iter(["cmdline", "name"]):
        started_with = " ".join(process.info["cmdline"] or ())
        if folder in started_with and process.info["name"] in {"postgres", "valkey-server"}:
            family = [process, *process.children(recursive=True)]
            spent += sum(cpu_seconds(one.pid) for one in family if one.is_running())
    return spent


if __name__ == "__main__":
    found = asyncio.run(measure(30.0))
    print(f"daemon {found.daemon:.2%} of a core, its servers {found.servers:.2%}")  # noqa: T201 - a report
