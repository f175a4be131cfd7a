"""What a command asks the database itself; imported where it is asked, as it brings the store."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap import open_store
from worker.entrypoints.cli.configured import configured
from worker.settings import Settings

T = TypeVar("T")


def ask_store(config: Path | None, ask: Callable[[PostgresStore, Settings], Awaitable[T]]) -> T:
    """What the configured database answers."""
    settings = configured(config).settings

    async def answer() -> T:
        async with open_store(settings) as store:
            return await ask(store, settings)

    return asyncio.run(answer())
