"""A simulated provider as a process of its own, for `dev` and `demo`: it ends with us."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from worker.entrypoints.children import Child, running
from worker.settings import ProviderSettings, Settings
from worker.simulator.config import FIRST_ID, FIRST_ID_MAX

API_KEY = "sim-key"  #: Opens nothing but the simulator.
DEV_PROVIDER: Final = "sim"


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


@asynccontextmanager
async def with_simulator(settings: Settings, home: Path) -> AsyncIterator[Settings]:
    """The same settings with a simulated provider, and a token where none is configured."""
    # Cancels at any age: scenarios of a few seconds must be able to reach their ending.
    options = ["--min-cancel-age", "0", "--first-id", str(_first_id(time.time()))]
    async with simulated_provider(home, options) as url:
        provider = ProviderSettings(
            family="handler_api",
            base_url=url,
            api_key=SecretStr(API_KEY),
            poll_seconds=1.0,
            min_cancel_age_seconds=0,
        )
        providers = {**settings.providers, DEV_PROVIDER: provider}
        api = settings.api
        if not api.tokens:
            tokens = f"dev:operate+decide:{secrets.token_urlsafe(32)}"
            api = type(api).model_validate({"listen": str(api.listen), "tokens": tokens})
        yield settings.model_copy(update={"providers": providers, "api": api})


def _first_id(now: float) -> int:
    """Beyond all that were sold before: the database of `dev` outlives its simulated provider.

    One that it knows already is another order's, and leaves the purchase in doubt. Ten for each
    second that passes are more than anybody rents from the start of one `dev` to the next.
    """
    return FIRST_ID + int(now * 10) % (FIRST_ID_MAX - FIRST_ID)


def _url(log: Path) -> str | None:
    """From the one line of JSON it prints when it listens."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith('{"url"'):
            return str(json.loads(line)["url"])
    return None
