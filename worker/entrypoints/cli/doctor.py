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
    raise typer.Exit(asyncio.run(_run(config, output)))


async def _run(config: ConfigOption, output: Format) -> Exit:
    from worker.entrypoints.cli.doctor_checks import Health, run_checks
    from worker.settings import load

    checks = []
    async for check in run_checks(load(config, environ=os.environ)):
        checks.append(check)
        if output is Format.TEXT:
            hint = f"  (try: {check.hint})" if check.hint else ""
            write_line(clean(f"{check.health.value:11}  {check.name:22}  {check.says}{hint}"))
        elif output is Format.NDJSON:
            write_json(check.document())
    healths = {check.health for check in checks}
    exit_code = Exit.FAILED if Health.BROKEN in healths else Exit.OK
    exit_code = Exit.UNREACHABLE if Health.UNREACHABLE in healths else exit_code
    if output is Format.JSON:
        documents = [check.document() for check in checks]
        write_json({"healthy": exit_code is Exit.OK, "checks": documents}, indent=True)
    return exit_code
