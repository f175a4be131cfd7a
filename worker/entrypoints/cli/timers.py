"""`timers`: durable timers that should have rung."""

import asyncio
import os
from datetime import timedelta

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_json, write_rows
from worker.ports.census import Census


def timers(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Show which durable timers are overdue, by kind; normally none is."""
    from worker.bootstrap import open_store  # noqa: PLC0415 - brings everything
    from worker.settings import load_settings  # noqa: PLC0415 - slow to import

    settings = load_settings(config, environ=os.environ)
    grace = timedelta(seconds=settings.defaults.credit_grace_seconds)

    async def census() -> Census:
        async with open_store(settings) as store:
            return await store.census(grace)

    tell(asyncio.run(census()), output)


def tell(census: Census, output: Format) -> None:
    kinds = [{"kind": kind, "overdue": n} for kind, n in sorted(census.timers_overdue.items())]
    match output:
        case Format.JSON:
            write_json({"timers": kinds}, indent=True)
        case Format.NDJSON:
            for kind in kinds:
                write_json(kind)
        case Format.TEXT if kinds:
            write_rows(("kind", "overdue"), (kind.values() for kind in kinds))
        case Format.TEXT:
            say("no timer is overdue")
