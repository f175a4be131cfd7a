"""`show` and `list`: activations of the running daemon."""

import asyncio
from typing import Annotated, Any

import typer

from worker.domain.activation import State
from worker.entrypoints.cli import activation_text
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption
from worker.entrypoints.cli.output import (
    Format,
    OutputOption,
    clean,
    say,
    write_json,
    write_line,
    write_rows,
)
from worker.entrypoints.cli.target import Target, target_of

LIST_MAX = 10_000

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
