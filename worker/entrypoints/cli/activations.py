"""An activation as text for people: a line, a table row, a page with its timeline and money."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from worker.domain.activation import FINAL, State
from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import (
    ACTIVATIONS,
    Target,
    changes,
    connected,
    events,
    target_of,
)
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.finding import SeveralFit, refuse_empty, the_number
from worker.entrypoints.cli.interrupts import GO_ON, when_interrupted
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption

COLUMNS = ("id", "state", "provider_state", "provider", "account", "service", "price", "deadline")
_BAR_CELLS = 20

_FINAL = {state.value for state in FINAL}


def is_final(activation: Mapping[str, Any]) -> bool:
    return activation["state"] in _FINAL


def table_row(activation: Mapping[str, Any]) -> list[object]:
    """One row of `list`, with the columns COLUMNS."""
    price = out.money(activation["price_minor"], activation["currency"])
    cells = {**activation, "price": price, "deadline": out.short_instant(activation["deadline_at"])}
    return [cells[column] for column in COLUMNS]


def fields(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The lines of `show` above the timeline, by name."""
    for key in ("id", "state", "provider_state", "provider", "provider_ref", "account", "phone"):
        yield key, activation[key]
    yield "service", f"{activation['service']} in {activation['country']}"
    yield "policy", activation["policy"]
    yield "rented", out.short_instant(activation["rented_at"])
    yield "deadline", out.short_instant(activation["deadline_at"])
    for code in activation["codes"]:
        yield "code", f"{code['code']} at {out.short_instant(code['received_at'])}"
    yield from _review_fields(activation)
    settlement = activation["settlement"]
    if settlement is not None:
        at = out.short_instant(settlement["at"])
        yield "settled", f"{settlement['outcome']} at {at}, because: {settlement['reason']}"
    yield "summary", activation["summary"]
    if activation.get("order_ref"):
        yield "order", activation["order_ref"]


def _review_fields(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """In review: since when, why, and the date to decide by."""
    if activation["state"] != State.IN_REVIEW.value:
        return
    line = [line for line in activation["timeline"] if line["what"] == State.IN_REVIEW.value][-1]
    clauses = " ".join(line.get("clauses", ()))
    because = f"{line['reason']} ({clauses})" if clauses else line["reason"]
    yield "in review", f"since {out.short_instant(line['at'])}, because: {because}"
    if line.get("by_when"):
        yield "decide by", out.short_instant(line["by_when"])


def timeline_row(line: Mapping[str, Any]) -> list[object]:
    """One row of the timeline: when, what, and the details as `key=value`."""
    details = {key: value for key, value in line.items() if key not in {"at", "what"}}
    at = out.parse_instant(line["at"]).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    texts = {k: ",".join(v) if isinstance(v, list) else v for k, v in details.items()}
    return [at, line["what"], " ".join(f"{key}={text}" for key, text in texts.items())]


def change_line(activation: Mapping[str, Any], now: datetime) -> str:
    """One line per change, for logs and pipes; at the end with what became of the money."""
    parts = [now.strftime("%H:%M:%S"), activation["id"], activation["state"]]
    parts.append(f"(at the provider: {activation['provider_state']})")
    if activation["codes"]:
        parts.append(f"codes: {len(activation['codes'])}")
    parts.append(activation["summary"] if is_final(activation) else time_left(activation, now))
    return "  ".join(parts)


def time_left(activation: Mapping[str, Any], now: datetime) -> str:
    remaining = out.parse_instant(activation["deadline_at"]) - now
    seconds = int(remaining.total_seconds())
    return f"{seconds} s left" if remaining >= timedelta(0) else f"{-seconds} s after the deadline"


def window_bar(activation: Mapping[str, Any], now: datetime) -> str:
    """The elapsed part of the window, drawn."""
    start = out.parse_instant(activation["rented_at"])
    end = out.parse_instant(activation["deadline_at"])
    share = min(max((now - start) / (end - start), 0), 1) if end > start else 1
    elapsed = round(share * _BAR_CELLS)
    return f"{'█' * elapsed}{'░' * (_BAR_CELLS - elapsed)}"


def ending_line(activation: Mapping[str, Any]) -> str:
    """How it ended, and the command that shows more."""
    state, id_ = activation["state"], activation["id"]
    meaning = {
        "delivered": "a code was delivered",
        "refunded": "the customer does not pay",
        "closed": "no code; this policy credits on a claim only",
        "in_review": "a person has to decide",
    }[state]
    return f"{state}: {meaning}. More: activation-worker show {id_}"


LIST_MAX = 10_000
_REFRESH_PER_SECOND = 5
_EVENT_FIELDS = ("state", "outcome", "reason", "amount_minor", "currency", "provider")

Filter = Annotated[str | None, typer.Option(help="Only those.")]


def show(
    which: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Its id, the last 8 characters of it, a phone, or the order's id."
        ),
    ],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Show one activation: its state, its timeline, its money.

    Of a phone the last 4 to 12 digits will do. Where several fit, they are listed, with exit 2.

    Example: activation-worker show 0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33
    """
    refuse_empty(which)
    target = target_of(url, token_file, config)
    try:
        activation = asyncio.run(_activation(target, which))
    except SeveralFit as several:
        found = several.found
        out.write_list(output, found, {"items": found}, COLUMNS, map(table_row, found))
        message = f"{len(found)} numbers fit {which}"
        raise Failure(Exit.USAGE, message, hint="show with the id of one of them") from None
    if output is not out.Format.TEXT:
        out.write_json(activation, indent=output is out.Format.JSON)
        return
    for name, value in fields(activation):
        out.write_line(f"{name:15}{out.clean(value)}")
    out.write_line("")
    out.write_rows(("at (UTC)", "what", "detail"), map(timeline_row, activation["timeline"]))


def list_(  # noqa: PLR0913 - each is an option
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    provider: Filter = None,
    account: Filter = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="At most so many.")] = 50,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
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
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Follow one activation to its end, or everything that happens. Ctrl-C stops (130).

    With an ID, one line per change, and at the end a sentence about its money and a verdict.
    Without, one line per outgoing event, from now on.

    Example: activation-worker watch --output ndjson
    """
    if id_ is None and output is out.Format.JSON:
        raise Failure(Exit.USAGE, "events have no end: use --output ndjson")
    if id_ is not None:
        refuse_empty(id_)
    target = target_of(url, token_file, config)
    asyncio.run(_tail(target, output) if id_ is None else _follow(target, id_, output))


async def _activation(target: Target, which: str) -> dict[str, Any]:
    async with connected(target) as daemon:
        return await the_number(daemon, which)


async def _list(target: Target, limit: int, filters: dict[str, str], output: out.Format) -> None:
    rows = []
    async with connected(target) as daemon:
        async for activation in daemon.pages(ACTIVATIONS, limit, **filters):
            if output is out.Format.NDJSON:
                out.write_json(activation)
            else:
                rows.append(activation)
    if output is out.Format.JSON:
        out.write_json({"items": rows}, indent=True)
    elif output is out.Format.TEXT and rows:
        out.write_rows(COLUMNS, map(table_row, rows))
    elif output is out.Format.TEXT:
        out.say("no activations")


async def _follow(target: Target, id_: str, output: out.Format) -> None:
    last: dict[str, Any] = {}
    bar = _window_bar(enabled=output is out.Format.TEXT and sys.stdout.isatty())
    says = when_interrupted(f"{GO_ON}: activation-worker show {id_}")
    async with connected(target) as daemon:
        with says, bar as show:
            async for activation in changes(daemon, id_):
                last = activation
                if output is out.Format.NDJSON:
                    out.write_json(activation)
                elif output is out.Format.TEXT:
                    show(activation)
    if output is out.Format.JSON:
        out.write_json(last, indent=True)
    out.say(ending_line(last))


async def _tail(target: Target, output: out.Format) -> None:
    async with connected(target) as daemon:
        out.say(f"events of {target.url}; Ctrl-C stops")
        async for event in events(daemon):
            if output is out.Format.NDJSON:
                out.write_json(event)
            else:
                out.write_line(event_line(event))


def event_line(event: Mapping[str, Any]) -> str:
    """Without phone and code: others may see the screen."""
    data = event["data"]
    fields = [f"{key}={data[key]}" for key in _EVENT_FIELDS if data.get(key) is not None]
    at = out.parse_instant(event["timestamp"]).strftime("%H:%M:%S")
    return out.clean("  ".join([at, event["type"], event["activation"] or "-", *fields]))


@contextmanager
def _window_bar(*, enabled: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """One line per change; on a terminal, a bar of the window below the lines."""
    if not enabled:
        yield lambda activation: out.write_line(change_line(activation, _now()))
        return
    from rich.console import Console
    from rich.live import Live

    bar = _Bar()
    console = Console(file=sys.stdout, highlight=False)
    with Live(bar, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True):

        def show(activation: Mapping[str, Any]) -> None:
            bar.activation = activation
            console.print(change_line(activation, _now()), markup=False)

        yield show


class _Bar:
    """Drawn several times a second, from the activation last read."""

    activation: Mapping[str, Any] | None = None

    def __rich__(self) -> str:
        if self.activation is None:
            return ""
        now = _now()
        bar = window_bar(self.activation, now)
        left = time_left(self.activation, now)
        return f"{self.activation['state']}  {bar}  {left}"


def _now() -> datetime:
    return datetime.now(UTC)
