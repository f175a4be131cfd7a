"""`demo` and `simulate-provider`: what runs on a simulated provider alone."""

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop

from worker.domain.families import FAMILIES, has_dialects
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.output import Format, OutputOption
from worker.settings.values import ListenAddress, parse_address
from worker.simulator.config import BadScript, SimulatorConfig, configured
from worker.simulator.faces import face_of
from worker.simulator.server import running

FAMILY_HELP: Final = f"Protocol family: {', '.join(FAMILIES)}, or one that a package brings."
DIALECT_HELP: Final = f"Of {', '.join(filter(has_dialects, FAMILIES))}."


def demo(
    *,
    numbers: Annotated[int, typer.Option(min=1, max=20_000, help="How many to rent.")] = 200,
    window: Annotated[int, typer.Option(min=10, max=1200, help="Seconds each waits.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed casts the same numbers.")] = 1,
    family: Annotated[str, typer.Option(help=FAMILY_HELP)] = "handler_api",
    dialect: Annotated[str | None, typer.Option(help=DIALECT_HELP)] = None,
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
    from worker.entrypoints.demo.run import Spoken, run_demo

    try:
        face_of(configured(None, family=family, dialect=dialect))
    except BadScript as error:
        raise Failure(Exit.USAGE, str(error)) from None
    spoken = Spoken(family, dialect)
    report = uvloop.run(run_demo(numbers=numbers, window=float(window), seed=seed, spoken=spoken))
    write_report(report, output)
    raise typer.Exit(Exit.OK if report.holds else Exit.FAILED)


QUICK_CODES: Final = (2.0, 8.0)  #: Seconds after the rental.
QUICK_CANCEL: Final = 2.0


def simulate_provider(  # noqa: PLR0913 - typer makes an option of each
    *,
    family: Annotated[str | None, typer.Option(help=FAMILY_HELP)] = None,
    dialect: Annotated[str | None, typer.Option(help=DIALECT_HELP)] = None,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Port 0: any.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and script, same numbers.")] = None,
    first_id: Annotated[
        int | None, typer.Option(help="Of the first number: another one where books are kept.")
    ] = None,
    script: Annotated[Path | None, typer.Option(help="Mix, faults, knobs, pushes (TOML).")] = None,
    api_key: Annotated[str | None, typer.Option(help="The key to accept.")] = None,
    lifetime: Annotated[float | None, typer.Option(help="Seconds a number lives.")] = None,
    min_cancel_age: Annotated[float | None, typer.Option(help="Seconds before a cancel.")] = None,
    window: Annotated[float | None, typer.Option(help="Seconds the buyer waits.")] = None,
    push_url: Annotated[str | None, typer.Option(help="Where SMS are pushed to.")] = None,
    allow_remote: Annotated[bool, typer.Option(help="Listen beyond loopback.")] = False,
    real_times: Annotated[
        bool, typer.Option(help="Codes and cancels as late as at a real provider.")
    ] = False,
) -> None:
    """Run a simulated provider. Its address is one line of JSON on stdout.

    Without a script it is quick: codes come 2 to 8 s after the rental, unless a window is given,
    and cancels are allowed after 2 s.
    """
    options = {
        "family": family,
        "dialect": dialect,
        "seed": seed,
        "first_id": first_id,
        "api_key": api_key,
        "lifetime_seconds": lifetime,
        "min_cancel_age_seconds": min_cancel_age,
        "window_seconds": window,
        "push": None if push_url is None else {"url": push_url},
        "allow_remote": allow_remote or None,
    }
    quick = {} if real_times or script is not None else quick_times(window, min_cancel_age)
    try:
        config = configured(script, **options | quick, **_address(listen))
        interrupted = _run(config)
    except BadScript as error:
        typer.echo(f"simulate-provider: {error}", err=True)
        # Without a script the options are wrong.
        raise typer.Exit(Exit.USAGE if script is None else Exit.BAD_CONFIG) from None
    if interrupted:
        raise typer.Exit(Exit.INTERRUPTED)


def quick_times(window: float | None, min_cancel_age: float | None) -> dict[str, object]:
    """What makes a provider quick, where nobody has said otherwise."""
    times: dict[str, object] = {} if window is not None else {"code_seconds": QUICK_CODES}
    return times if min_cancel_age is not None else times | {"min_cancel_age_seconds": QUICK_CANCEL}


def _run(config: SimulatorConfig) -> bool:
    """Whether Ctrl-C ended it."""
    try:
        return uvloop.run(_serve(config))
    except OSError as error:
        address = ListenAddress(config.host, config.port)
        message = f"simulate-provider: cannot listen on {address}: {error.strerror}"
        typer.echo(message, err=True)
        raise typer.Exit(Exit.FAILED) from None


async def _serve(config: SimulatorConfig) -> bool:
    """Serve until a signal; whether it was Ctrl-C."""
    # The books hold no reference cycles; a collection over 300,000 numbers would delay replies.
    gc.set_threshold(100_000, 50, 1_000)
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[bool] = loop.create_future()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _stop, stop, name is signal.SIGINT)
    async with running(config) as provider:
        sys.stdout.write(json.dumps({"url": provider.url}) + "\n")
        sys.stdout.flush()
        typer.echo(f"simulate-provider: {config.family} is ready at {provider.url}", err=True)
        return await stop


def _stop(stop: asyncio.Future[bool], interrupted: bool) -> None:  # noqa: FBT001 - a loop callback
    if not stop.done():
        stop.set_result(interrupted)


def _address(listen: str | None) -> dict[str, Any]:
    if listen is None:
        return {}
    try:
        address = parse_address(listen)
    except ValueError as error:
        raise BadScript(f"listen: {error}") from None
    return {"host": address.host, "port": address.port}
