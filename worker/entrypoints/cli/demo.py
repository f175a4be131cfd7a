"""`demo`: the main job end to end, on real servers, in a minute."""

from typing import Annotated

import typer

from worker.entrypoints.cli.exit_codes import Exit
from worker.entrypoints.cli.output import Format, OutputOption


def demo(
    *,
    numbers: Annotated[int, typer.Option(min=1, max=20_000, help="How many to rent.")] = 200,
    window: Annotated[int, typer.Option(min=10, max=1200, help="Seconds each waits.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed casts the same numbers.")] = 1,
    output: OutputOption = Format.TEXT,
) -> None:
    """See the main job: rent numbers, watch them, end each exactly once, and prove it.

    Starts PostgreSQL, Valkey, a simulated provider and the daemon, each a process of its own on
    loopback. The provider is down across the deadline. Ends with a table of endings, how late
    credits were, and the audit. Exit 0 only if every number reached the ending it must and the
    books balance.
    """
    import uvloop

    from worker.entrypoints.demo.report import write_report
    from worker.entrypoints.demo.run import run_demo

    report = uvloop.run(run_demo(numbers=numbers, window=float(window), seed=seed))
    write_report(report, output)
    raise typer.Exit(Exit.OK if report.holds else Exit.FAILED)
