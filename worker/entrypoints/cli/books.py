"""`books close`, `books export` and `books drop`: the end of a period of the append-only books.

They change what the daemon may not: `database.url` names the login that owns the tables.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from worker.adapters.store.book_files import Unproven
from worker.adapters.store.periods import BooksRefusal, OrdersOver, Periods
from worker.adapters.store.postgres import PostgresStore
from worker.domain.policy.deadlines import orders_over_for
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_json, write_list
from worker.entrypoints.cli.store_session import ask_store
from worker.lifecycle.policy_book import PolicyBook

T = TypeVar("T")

books_app = typer.Typer(
    no_args_is_help=True, help="Close a period of the books, export it, drop what was exported."
)


@books_app.command("close")
def close(
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Its first day that stays open."),
    ],
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Prove everything, and carry each account on with what it had at the start of DATE (UTC).

    The daemon goes on meanwhile. What it does again changes nothing.
    """
    ended = _ask(config, lambda periods: periods.close(until.replace(tzinfo=UTC)))
    document = {"until": f"{ended.until:%Y-%m-%d}", "accounts": ended.accounts}
    if output is not Format.TEXT:
        write_json(document)
    elif ended.again:
        say(f"the books were closed until {ended.until:%Y-%m-%d} already")
    else:
        say(f"the books are closed until {ended.until:%Y-%m-%d}: {ended.accounts} accounts carried")


@books_app.command("export")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Write the closed periods to files that add up to the books, and that `drop` believes.

    A folder for each, with a file for each book and a list of them with their SHA-256. They hold
    accounts and what was decided about them. They stay where they are until `books drop` was run.
    """
    written = _ask(config, lambda periods: periods.export(directory))
    if output is not Format.TEXT:
        periods = [{"folder": str(each.folder), "rows": each.rows} for each in written]
        write_list(output, periods, {"periods": periods}, (), ())
        return
    for each in written:
        say(f"{each.folder}: {each.rows} rows, all sums as in the books")
    if not written:
        say("every closed period is exported")


@books_app.command("drop")
def drop(config: ConfigOption = None, output: OutputOption = Format.TEXT) -> None:
    """Delete what was exported of numbers that rest, once their files are proven to be there.

    A number stays as a whole for a year (366 days) after it was settled, whatever its policy says,
    and longer while anything may still be asked of it: while its provider is owed a call, a case
    was about it, or its policy takes claims. Settlements stay for good. Stopped, it goes on where
    it was.
    """
    orders_over = ask_store(config, lambda store, _: _orders_over(store))
    dropped = _ask(config, lambda periods: periods.drop(orders_over))
    if output is not Format.TEXT:
        write_json(
            {
                "numbers": dropped.numbers,
                "transfers": dropped.transfers,
                "transitions": dropped.transitions,
                "decisions": dropped.decisions,
            }
        )
        return
    say(
        f"{dropped.numbers} numbers dropped: {dropped.transfers} transfers,"
        f" {dropped.transitions} transitions, {dropped.decisions} decisions"
    )


async def _orders_over(store: PostgresStore) -> OrdersOver:
    """Of each policy that orders were made under; without those whose claims never end."""
    now = await store.time()
    versions = await PolicyBook({}, store.policies.read).every_version()
    over = {version: orders_over_for(profile, now) for version, profile in versions.items()}
    return {version: before for version, before in over.items() if before is not None}


def _ask(config: Path | None, ask: Callable[[Periods], Awaitable[T]]) -> T:
    url = configured(config).settings.database.url.get_secret_value()

    async def answer() -> T:
        periods = Periods(url)
        try:
            return await ask(periods)
        finally:
            await periods.close_pool()

    try:
        return asyncio.run(answer())
    except (BooksRefusal, Unproven) as error:
        raise Failure(Exit.FAILED, str(error)) from None
