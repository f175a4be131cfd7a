"""`doctor`: everything the daemon depends on, one line each."""

import asyncio
import os

import typer

from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, clean, write_json, write_line


def doctor(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Check everything the daemon depends on.

    Configuration, database and its schema, Redis (version, persistence,
    eviction), each provider's key and balance, clocks, ports.

    Ends with 0 when nothing is broken, 5 when something cannot be reached,
    1 when it is broken in another way.
    """
    raise typer.Exit(asyncio.run(_look(config, output)))


async def _look(config: ConfigOption, output: Format) -> Exit:
    from worker.entrypoints.cli.checkup import Result, checkup
    from worker.settings import load

    seen = []
    async for check in checkup(load(config, environ=os.environ)):
        seen.append(check)
        if output is Format.TEXT:
            hint = f"  (try: {check.hint})" if check.hint else ""
            write_line(clean(f"{check.result.value:11}  {check.name:22}  {check.says}{hint}"))
        elif output is Format.NDJSON:
            write_json(check.document())
    results = {check.result for check in seen}
    end = Exit.FAILED if Result.BROKEN in results else Exit.OK
    end = Exit.UNREACHABLE if Result.UNREACHABLE in results else end
    if output is Format.JSON:
        write_json(
            {"healthy": end is Exit.OK, "checks": [each.document() for each in seen]}, indent=True
        )
    return end
