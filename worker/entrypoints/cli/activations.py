"""`show`, `list` and `watch`: activations of the running daemon, and its events as they happen."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.domain.activation import State
from worker.entrypoints.cli import activation_text
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption
from worker.entrypoints.cli.output import (
    Format,
    OutputOption,
    clean,
    parse_instant,
    say,
    write_json,
    write_line,
    write_rows,
)
from worker.entrypoints.cli.target import Target, target_of

LIST_MAX = 10_000
_REFRESH_PER_SECOND = 5
_EVENT_FIELDS = ("state", "outcome", "reason", "amount_minor", "currency", "provider")

Filter = Annotated[str | None, typer.Option(help="Only those.")]


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An activation's id.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Show one activation: its state, its timeline, its money.

    Example: activation-worker show 0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33
    """
    target = target_of(url, token_file, config)
    activation = asyncio.run(_activation(target, id_))
    if output is not Format.TEXT:
        write_json(activation, indent=output is Format.JSON)
        return
    for name, value in activation_text.fields(activation):
        write_line(f"{name:15}{clean(value)}")
    write_line("")
    write_rows(
        ("at (UTC)", "what", "detail"), map(activation_text.timeline_row, activation["timeline"])
    )


def list_(  # noqa: PLR0913 - each is an option
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    provider: Filter = None,
    account: Filter = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="At most so many.")] = 50,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """List activations, newest first.

    Example: activation-worker list --state waiting --output ndjson
    """
    target = target_of(url, token_file, config)
    filters = {"state": state.value if state else None, "provider": provider, "account": account}
    given = {name: value for name, value in filters.items() if value}
    asyncio.run(_list(target, limit, given, output))


def watch(
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An activation; without: all events.")
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Follow one activation to its end, or everything that happens. Ctrl-C stops (130).

    With an ID, one line per change, and at the end its money line and a verdict. Without, one
    line per outgoing event, from now on.

    Example: activation-worker watch --output ndjson
    """
    if id_ is None and output is Format.JSON:
        raise Failure(Exit.USAGE, "events have no end: use --output ndjson")
    target = target_of(url, token_file, config)
    asyncio.run(_tail(target, output) if id_ is None else _follow(target, id_, output))


async def _activation(target: Target, id_: str) -> dict[str, Any]:
    from worker.entrypoints.cli.client import connected, path_of

    async with connected(target) as daemon:
        return await daemon.get(path_of(id_))


async def _list(target: Target, limit: int, filters: dict[str, str], output: Format) -> None:
    from worker.entrypoints.cli.client import ACTIVATIONS, connected

    rows = []
    async with connected(target) as daemon:
        async for activation in daemon.pages(ACTIVATIONS, limit, **filters):
            if output is Format.NDJSON:
                write_json(activation)
            else:
                rows.append(activation)
    if output is Format.JSON:
        write_json({"items": rows}, indent=True)
    elif output is Format.TEXT and rows:
        write_rows(activation_text.COLUMNS, map(activation_text.table_row, rows))
    elif output is Format.TEXT:
        say("no activations")


async def _follow(target: Target, id_: str, output: Format) -> None:
    from worker.entrypoints.cli.change_stream import changes
    from worker.entrypoints.cli.client import connected

    last: dict[str, Any] = {}
    with _window_bar(enabled=output is Format.TEXT and sys.stdout.isatty()) as show:
        async with connected(target) as daemon:
            async for activation in changes(daemon, id_):
                last = activation
                if output is Format.NDJSON:
                    write_json(activation)
                elif output is Format.TEXT:
                    show(activation)
    if output is Format.JSON:
        write_json(last, indent=True)
    say(activation_text.ending_line(last))


async def _tail(target: Target, output: Format) -> None:
    from worker.entrypoints.cli.change_stream import events
    from worker.entrypoints.cli.client import connected

    async with connected(target) as daemon:
        say(f"events of {target.url}; Ctrl-C stops")
        async for event in events(daemon):
            if output is Format.NDJSON:
                write_json(event)
            else:
                write_line(event_line(event))


def event_line(event: Mapping[str, Any]) -> str:
    """Without phone and code: others may see the screen."""
    data = event["data"]
    fields = [f"{key}={data[key]}" for key in _EVENT_FIELDS if data.get(key) is not None]
    at = parse_instant(event["timestamp"]).strftime("%H:%M:%S")
    return clean("  ".join([at, event["type"], event["activation"] or "-", *fields]))


@contextmanager
def _window_bar(*, enabled: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """One line per change; on a terminal, a bar of the window below the lines."""
    if not enabled:
        yield lambda activation: write_line(activation_text.change_line(activation, _now()))
        return
    from rich.console import Console
    from rich.live import Live

    bar = _Bar()
    console = Console(file=sys.stdout, highlight=False)
    with Live(bar, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True):

        def show(activation: Mapping[str, Any]) -> None:
            bar.activation = activation
            console.print(activation_text.change_line(activation, _now()), markup=False)

        yield show


class _Bar:
    """Drawn several times a second, from the activation last read."""

    activation: Mapping[str, Any] | None = None

    def __rich__(self) -> str:
        if self.activation is None:
            return ""
        now = _now()
        bar = activation_text.window_bar(self.activation, now)
        left = activation_text.time_left(self.activation, now)
        return f"{self.activation['state']}  {bar}  {left}"


def _now() -> datetime:
    return datetime.now(UTC)
