"""`rental`: list long rentals, show one, tell that it is down or works again, give it back."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.cases import write_case
from worker.entrypoints.cli.client import Target, connected, get_document, post_act, target_of
from worker.entrypoints.cli.options import (
    AtOption,
    ConfigOption,
    TokenFileOption,
    UrlOption,
    instant,
)

COLUMNS = ("phone", "service", "account", "provider", "reference", "ends (UTC)", "price", "order")

rentals_app = typer.Typer(
    no_args_is_help=True,
    help="Long rentals: list them, show one, tell that it is down or works again, give it back.",
)

ProviderArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="Where it is rented.")]
RefArgument = Annotated[str, typer.Argument(metavar="REFERENCE", help="The provider's own.")]


@rentals_app.command("list")
def list_(  # noqa: PLR0913 - each is an option
    *,
    account: Annotated[str | None, typer.Option(help="Of this account alone.")] = None,
    state: Annotated[
        Literal["running", "ended"] | None, typer.Option(help="Of this state alone.")
    ] = None,
    phone: Annotated[str | None, typer.Option(help="Whole, or its last digits.")] = None,
    order: Annotated[str | None, typer.Option(help="The shop's order id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """List rentals, newest first."""
    known = {"account": account, "state": state, "phone": phone, "order_ref": order}
    asked = {name: value for name, value in known.items() if value is not None}
    found = asyncio.run(_listed(target_of(url, token_file, config), limit, asked))
    out.write_list(output, found, {"items": found}, COLUMNS, map(row, found), "no rentals")


@rentals_app.command("show")
def show(
    provider: ProviderArgument,
    reference: RefArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Show the newest rental under a reference, with its cases and how many SMS it got."""
    rental = asyncio.run(
        get_document(target_of(url, token_file, config), _path(provider, reference))
    )
    _write(rental, output)


@rentals_app.command("outage")
def outage(  # noqa: PLR0913 - each is an option
    provider: ProviderArgument,
    reference: RefArgument,
    *,
    contacted_at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", callback=instant, help="When the customer wrote; else now."
        ),
    ] = None,
    unavailable_since: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", callback=instant, help="Since when it is down, if later."),
    ] = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that a rental does not work, as its customer says."""
    told = {"contacted_at": contacted_at, "unavailable_since": unavailable_since}
    body = {name: value for name, value in told.items() if value is not None}
    target, path = target_of(url, token_file, config), _path(provider, reference)
    write_case(asyncio.run(post_act(target, f"{path}/outages", body)), output)


@rentals_app.command("restored")
def restored(  # noqa: PLR0913 - each is an option
    provider: ProviderArgument,
    reference: RefArgument,
    *,
    at: AtOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell that a rental works again: its policy says what the days without it are worth."""
    target, path = target_of(url, token_file, config), _path(provider, reference)
    body = {} if at is None else {"at": at}
    write_case(asyncio.run(post_act(target, f"{path}/restored", body)), output)


@rentals_app.command("cancel")
def cancel(  # noqa: PLR0913 - each is an option
    provider: ProviderArgument,
    reference: RefArgument,
    *,
    due_to_problem: Annotated[
        bool, typer.Option("--due-to-problem", help="Because it did not work, the customer says.")
    ] = False,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Give a rental back early, as its policy says."""
    target, path = target_of(url, token_file, config), _path(provider, reference)
    body = {"due_to_problem": due_to_problem}
    _write(asyncio.run(post_act(target, f"{path}/cancel", body)), output)


def row(rental: Mapping[str, Any]) -> list[object]:
    return [
        rental["phone"],
        rental["service"],
        rental["account"],
        rental["provider"],
        rental["provider_ref"],
        out.short_instant(rental["ended_at"] or rental["ends_at"]),
        out.money(rental["price_minor"], rental["currency"]),
        rental["order_ref"],
    ]


def _write(rental: Mapping[str, Any], output: out.Format) -> None:
    if output is not out.Format.TEXT:
        out.write_json(dict(rental), indent=output is out.Format.JSON)
        return
    for name, cell in zip(COLUMNS, row(rental), strict=True):
        out.write_line(f"{name:15}{out.clean(cell)}")
    out.write_line(f"{'state':15}{'ended' if rental['ended_at'] else 'running'}")
    out.write_line(f"{'SMS':15}{len(rental['messages'])}")
    for case in (*rental["outages"], *rental["claims"], *rental["cancels"]):
        opened = out.short_instant(case["opened_at"])
        out.write_line(f"{case['kind']} since {opened} is {case['state']}: {case['id']}")


def _path(provider: str, reference: str) -> str:
    return f"/v1/rentals/{quote(provider, safe='')}/{quote(reference, safe='')}"


async def _listed(target: Target, limit: int, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    async with connected(target) as daemon:
        return [item async for item in daemon.pages("/v1/rentals", limit, **asked)]
