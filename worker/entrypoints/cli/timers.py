"""`timers`: durable timers that are overdue, or all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, write_list
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
    from worker.adapters.store.postgres import PostgresStore
    from worker.entrypoints.cli.store_session import ask_store
    from worker.settings import Settings

    async def count(store: PostgresStore, settings: Settings) -> QueueStats:
        grace = timedelta(seconds=settings.defaults.credit_grace_seconds)
        return await store.books.queue_stats(grace)

    async def read(store: PostgresStore, _: Settings) -> tuple[list[Timer], datetime]:
        rows = await store.cases.timers(overdue_only=not every, limit=limit)
        return rows, await store.time()  # What is due is due by the database's clock.

    if by_kind:
        write_counts(ask_store(config, count), output)
    else:
        write_timers(*ask_store(config, read), output)


def write_timers(rows: Sequence[Timer], now: datetime, output: Format) -> None:
    documents = [_document(timer, now) for timer in rows]
    _write(documents, COLUMNS, output)


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
    _write(kinds, ("kind", "overdue"), output)


def _write(timers: Sequence[dict[str, Any]], columns: Sequence[str], output: Format) -> None:
    rows = (timer.values() for timer in timers)
    write_list(output, timers, {"timers": timers}, columns, rows, "no timer is overdue")
