"""What a command asks the database itself; imported where it is asked, as it brings the store."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap import open_store
from worker.settings import Settings, load_settings

T = TypeVar("T")


def ask_store(config: Path | None, ask: Callable[[PostgresStore, Settings], Awaitable[T]]) -> T:
    """What the configured database answers."""
    settings = load_settings(config, environ=os.environ)

    async def answer() -> T:
        async with open_store(settings) as store:
            return await ask(store, settings)

    return asyncio.run(answer())
