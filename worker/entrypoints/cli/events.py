"""`events list` and `events replay`: the outgoing events, and sending some of them again."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Target, acting, connected, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption
from worker.ports.store.outbox import EventState

EVENTS = "/v1/events"
LIST_MAX = 10_000

events_app = typer.Typer(no_args_is_help=True, help="List outgoing events, or send some again.")


@events_app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="At most so many.")] = 50,
    state: Annotated[EventState | None, typer.Option(help="Only those in this state.")] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """List outgoing events, newest first."""
    target = target_of(url, token_file, config)
    events = asyncio.run(_newest(target, limit, state))
    columns = ("at (UTC)", "type", "activation", "state", "attempts", "id")
    out.write_list(output, events, {"items": events}, columns, map(row, events))


@events_app.command("replay")
def replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids as `events list` has them.")],
    config: ConfigOption = None,
) -> None:
    """Send events again: those that were given up, or that the endpoint lost.

    They keep their id, so an endpoint that had one already can tell. Talks to the database, not
    to the daemon.
    """
    from worker.entrypoints.cli.store_session import ask_store

    replayed = ask_store(config, lambda store, _: store.outbox.replay_events(ids))
    named = len(set(ids))
    if replayed < named:
        raise Failure(Exit.FAILED, f"{replayed} of {named} will be sent again; no others found")
    out.say(f"{replayed} will be sent again")


@events_app.command("enable-endpoint")
def enable_endpoint(
    url: UrlOption = None, token_file: TokenFileOption = None, config: ConfigOption = None
) -> None:
    """Take the endpoint that answered 410 into use again."""
    answer = asyncio.run(_enabled(target_of(url, token_file, config)))
    was_gone = answer["was_gone"]
    out.say("it is in use again" if was_gone else "it had not answered 410: nothing has changed")


async def _enabled(target: Target) -> dict[str, Any]:
    async with acting(target) as daemon:
        return await daemon.post(f"{EVENTS}/endpoint/enable", None)


async def _newest(target: Target, limit: int, state: EventState | None) -> list[dict[str, Any]]:
    only = {} if state is None else {"state": state.value}
    async with connected(target) as daemon:
        return [event async for event in daemon.pages(EVENTS, limit, **only)]


def row(event: Mapping[str, Any]) -> list[object]:
    at = out.short_instant(event["timestamp"])
    of, state = event["activation"], event["state"]
    return [at, event["type"], of, state, event["attempts"], event["id"]]
