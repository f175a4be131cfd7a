"""`timers`: durable timers that are overdue, or all of them."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_json, write_rows
from worker.ports.store.books import QueueStats
from worker.ports.store.case_view import Timer

LIST_MAX = 10_000
COLUMNS = ("kind", "subject", "due (UTC)", "overdue by")


def timers(
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that are not due yet.")] = False,
    by_kind: Annotated[bool, typer.Option("--by-kind", help="Only count the overdue.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="At most so many.")] = 100,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Show which durable timers are overdue; normally none is for long."""
    from worker.bootstrap import open_store
    from worker.settings import load_settings

    settings = load_settings(config, environ=os.environ)
    grace = timedelta(seconds=settings.defaults.credit_grace_seconds)

    async def read() -> QueueStats | list[Timer]:
        async with open_store(settings) as store:
            if by_kind:
                return await store.books.queue_stats(grace)
            return await store.cases.timers(overdue_only=not every, limit=limit)

    result = asyncio.run(read())
    if isinstance(result, QueueStats):
        write_counts(result, output)
    else:
        write_timers(result, datetime.now(UTC), output)


def write_timers(rows: Sequence[Timer], now: datetime, output: Format) -> None:
    documents = [_document(timer, now) for timer in rows]
    match output:
        case Format.JSON:
            write_json({"timers": documents}, indent=True)
        case Format.NDJSON:
            for document in documents:
                write_json(document)
        case Format.TEXT if documents:
            write_rows(COLUMNS, (document.values() for document in documents))
        case Format.TEXT:
            say("no timer is overdue")


def _document(timer: Timer, now: datetime) -> dict[str, Any]:
    late = max(now - timer.due_at, timedelta(0))
    return {
        "kind": timer.kind.value,
        "subject": str(timer.subject),
        "due_at": timer.due_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "overdue_seconds": late // timedelta(seconds=1),
    }


def write_counts(queue_stats: QueueStats, output: Format) -> None:
    kinds = [{"kind": kind, "overdue": n} for kind, n in sorted(queue_stats.timers_overdue.items())]
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
