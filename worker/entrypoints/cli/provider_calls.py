"""`provider pause`, `drain` and `resume`: the daemon is told; no way to the database is needed."""

import asyncio
from typing import Final
from urllib.parse import quote

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Document, Target, connected

_SAYS: Final = {
    "taking": "takes rentals",
    "paused": "no new rentals for now",
    "draining": "no new rentals; it is left",
    "halted": "no new rentals",
}


def tell_daemon(target: Target, name: str, act: str, note: str) -> None:
    view = asyncio.run(_told(target, name, act, note))
    why = f": {view['why']}" if view["why"] else ""
    out.say(f"{name}: {_SAYS[view['state']]}{why}")
    out.say(f"{name}: {view['live']} numbers are not settled yet")


async def _told(target: Target, name: str, act: str, note: str) -> Document:
    async with connected(target) as daemon:
        return await daemon.post(f"/v1/providers/{quote(name, safe='')}/{act}", {"note": note})
