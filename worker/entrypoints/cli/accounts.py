"""`account`: list accounts, show one with what is owed and noted, open it, tell what happened."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.cases import write_case
from worker.entrypoints.cli.client import (
    Target,
    acting,
    connected,
    get_document,
    post_act,
    target_of,
)
from worker.entrypoints.cli.options import (
    AtOption,
    ConfigOption,
    TokenFileOption,
    UrlOption,
    instant,
)

COLUMNS = ("account", "state", "available", "held", "policy")

accounts_app = typer.Typer(
    no_args_is_help=True,
    help="Accounts: list them, show one, open one, book a payment, tell what happened to one.",
)


def _named(account: str) -> str:
    """Without a name the address would be that of the list."""
    if not account:
        raise typer.BadParameter("it is empty; `account list` has the names")
    return account


AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", callback=_named, help="Its name.")
]


@accounts_app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """List accounts by name."""
    accounts = asyncio.run(_listed(target_of(url, token_file, config), limit))
    out.write_list(
        output, accounts, {"items": accounts}, COLUMNS, map(row, accounts), "no accounts"
    )


@accounts_app.command("show")
def show(
    account: AccountArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Show one account with its balances, what is owed in its cases, and its notes."""
    _write(asyncio.run(get_document(target_of(url, token_file, config), _path(account))), output)


@accounts_app.command("note")
def note(
    account: AccountArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Note something about an account."""
    target = target_of(url, token_file, config)
    _write(asyncio.run(post_act(target, f"{_path(account)}/notes", {"note": text})), output)


@accounts_app.command("open")
def open_(  # noqa: PLR0913 - each is an option
    account: AccountArgument,
    *,
    currency: Annotated[str, typer.Option(help="Of its balance, ISO 4217.")],
    policy: Annotated[str | None, typer.Option(help="Judges its withdrawals.")] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Open an account, or find it open already."""
    body = {"currency": currency} | ({} if policy is None else {"policy": policy})
    target = target_of(url, token_file, config)
    asyncio.run(_put(target, _path(account), body))
    _write(asyncio.run(get_document(target, _path(account))), output)


@accounts_app.command("top-up")
def top_up(  # noqa: PLR0913 - each is an option
    account: AccountArgument,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The payment's own.")],
    amount_minor: Annotated[int, typer.Argument(min=1, help="In minor units: 500 is 5.00 USD.")],
    *,
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", callback=instant, help="When it was paid; else now."),
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Book a payment, once however often it is told."""
    body: dict[str, Any] = {"reference": reference, "amount_minor": amount_minor}
    target = target_of(url, token_file, config)
    told = body if at is None else {**body, "at": at}
    asyncio.run(post_act(target, f"{_path(account)}/topups", told))
    _write(asyncio.run(get_document(target, _path(account))), output)


@accounts_app.command("event")
def event(  # noqa: PLR0913 - each is an option
    account: AccountArgument,
    event: Annotated[
        Literal[
            "delete_requested",
            "delete_withdrawn",
            "law_enforcement_block",
            "law_enforcement_unblock",
            "rules_block",
            "rules_unblock",
            "chargeback",
        ],
        typer.Argument(help="What happened."),
    ],
    *,
    reference: Annotated[str | None, typer.Option(help="Tells it from others of its kind.")] = None,
    at: AtOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell what happened to an account: its policy says what becomes of the balance."""
    told = {"event": event, "reference": reference, "at": at}
    body = {name: value for name, value in told.items() if value is not None}
    target = target_of(url, token_file, config)
    write_case(asyncio.run(post_act(target, f"{_path(account)}/events", body)), output)


def row(account: Mapping[str, Any]) -> list[object]:
    return [
        account["account"],
        account["state"],
        out.money(account["available_minor"], account["currency"]),
        out.money(account["held_minor"], account["currency"]),
        account["policy"],
    ]


def _write(account: Mapping[str, Any], output: out.Format) -> None:
    if output is not out.Format.TEXT:
        out.write_json(dict(account), indent=output is out.Format.JSON)
        return
    for name, cell in zip(COLUMNS, row(account), strict=True):
        out.write_line(f"{name:15}{out.clean(cell)}")
    for owed in account["obligations"]:
        by_when = out.short_instant(owed["by_when"])
        out.write_line(f"the {owed['owed_by']} owes {owed['what']} by {by_when}: {owed['case']}")
    for kept in account["notes"]:
        by, words = out.clean(kept["by"]), out.clean(kept["note"])
        out.write_line(f"{out.short_instant(kept['at'])}  {by}: {words}")


def _path(account: str) -> str:
    return f"/v1/accounts/{quote(account, safe='')}"


async def _listed(target: Target, limit: int) -> list[dict[str, Any]]:
    async with connected(target) as daemon:
        return [item async for item in daemon.pages("/v1/accounts", limit)]


async def _put(target: Target, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with acting(target) as daemon:
        return await daemon.put(path, body)
