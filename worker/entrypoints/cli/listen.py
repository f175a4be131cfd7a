"""`listen`: outgoing events as they happen, each sent to an address on this machine."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from worker.adapters.events.webhook import KEY_BYTES_MIN, PREFIX, Webhook
from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.activations import event_line
from worker.entrypoints.cli.client import Daemon, Target, connected, events, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.cli.interrupts import when_interrupted
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption
from worker.ports.store.outbox import Event, SendResult, Sent
from worker.settings.values import check_http_url, is_loopback

#: What is said of each answer of the address.
_ANSWERED: Final[Mapping[SendResult, str]] = {
    SendResult.SENT: "taken",
    SendResult.RETRY: "not taken",
    SendResult.GONE: "not wanted any more",
}
_NO_ANSWER: Final = "nobody answered"


def listen(
    *,
    forward_to: Annotated[
        str | None,
        typer.Option("--forward-to", metavar="URL", help="Send each there, signed; on this host."),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option("--types", metavar="T,…", help="Only these: activation.refunded,claim.* …"),
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Print outgoing events as they happen, and send each, signed, to a local URL. Ctrl-C stops.

    It begins with the secret that the signatures are made with: give it to the program that
    listens there. Each event is sent once; the daemon's own endpoint gets it all the same.

    Example: activation-worker listen --forward-to http://127.0.0.1:3000/webhooks
    """
    if output is out.Format.JSON:
        raise Failure(Exit.USAGE, "events have no end: use --output ndjson")
    wanted = frozenset(filter(None, map(str.strip, (types or "").split(","))))
    if types is not None and not wanted:
        raise Failure(Exit.USAGE, "--types names no type", hint="leave it out for all of them")
    for each in wanted:
        _refuse_unknown(each)
    address = None if forward_to is None else _local(forward_to)
    target = target_of(url, token_file, config)
    asyncio.run(_listen(target, address, wanted, output))


def _refuse_unknown(wanted: str) -> None:
    """A type that no event has would be waited for in vain."""
    from worker.entrypoints.http.webhooks import EVENT_DATA

    if any(_is_of(wanted, (known,)) or _is_of(known, (wanted,)) for known in EVENT_DATA):
        return
    families = {f"{known.split('.', maxsplit=1)[0]}.*": None for known in EVENT_DATA}
    known = [*EVENT_DATA, *families]
    hint = f"one of {', '.join(dict.fromkeys(known))}"
    message = f"no event has the type {wanted!r}{did_you_mean(wanted, known)}"
    raise Failure(Exit.USAGE, message, hint=hint)


def _is_of(type_: str, wanted: Iterable[str]) -> bool:
    """One that ends in `*` stands for all types that begin so."""
    return any(
        type_.startswith(each[:-1]) if each.endswith(".*") else type_ == each for each in wanted
    )


def _local(url: str) -> str:
    """Events hold codes and phones: they leave this machine by `events.url` alone."""
    try:
        check_http_url(url)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--forward-to {error}") from None
    if not is_loopback(url):
        message = "--forward-to must be on this machine: http://127.0.0.1:PORT/…"
        raise Failure(Exit.USAGE, message, hint="events.url, for an endpoint elsewhere")
    return url


async def _listen(
    target: Target, address: str | None, wanted: frozenset[str], output: out.Format
) -> None:
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(connected(target))
        webhook = None
        if address is not None:
            secret = new_secret()
            out.say(f"signing secret: {secret}")
            webhook = Webhook(address, secret)
            stack.push_async_callback(webhook.close)
        out.say(f"events of {target.url}; Ctrl-C stops")
        stack.enter_context(when_interrupted("stopped; the daemon sends its events by itself"))
        async for event in _new_events(daemon, wanted):
            sent = None if webhook is None else await _forward(webhook, event)
            _show(event, sent, output)


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES_MIN)).decode()


async def _new_events(daemon: Daemon, wanted: frozenset[str]) -> AsyncIterator[dict[str, Any]]:
    async for event in events(daemon, first=0):
        if not wanted or _is_of(event["type"], wanted):
            yield event


async def _forward(webhook: Webhook, event: Mapping[str, Any]) -> Sent:
    return await webhook.send(
        Event(
            id=event["id"],
            type=event["type"],
            at=out.parse_instant(event["timestamp"]),
            activation=event["activation"],
            payload=event["data"],
            attempts=0,
        ),
        datetime.now(UTC),
    )


def _show(event: Mapping[str, Any], sent: Sent | None, output: out.Format) -> None:
    if output is out.Format.NDJSON:
        forwarded = {} if sent is None else {"forwarded": _ANSWERED[sent.result]}
        status = {} if sent is None else {"forwarded_status": sent.status}
        out.write_json({**event, **forwarded, **status})
        return
    line = event_line(event)
    if sent is not None:
        line += f"  → {_ANSWERED[sent.result]} ({sent.status or _NO_ANSWER})"
    out.write_line(line)
