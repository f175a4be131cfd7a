"""`number`: what somebody does to one rented number."""

import asyncio
from typing import Annotated, Any

import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Target, path_of, post_act, target_of
from worker.entrypoints.cli.finding import whole_id
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption

numbers_app = typer.Typer(
    no_args_is_help=True,
    help="One number: cancel it, finish it, ask for another SMS, report it, note something.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The whole id of the number.")]


@numbers_app.command("cancel")
def cancel(
    id_: IdArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Press Cancel: judged by its policy, before its provider is asked."""
    _act(target_of(url, token_file, config), id_, "cancel", None, output)


@numbers_app.command("finish")
def finish(
    id_: IdArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Close a number after its code."""
    _act(target_of(url, token_file, config), id_, "finish", None, output)


@numbers_app.command("resend")
def resend(
    id_: IdArgument,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Ask for another SMS."""
    _act(target_of(url, token_file, config), id_, "resend", None, output)


@numbers_app.command("report")
def report(
    id_: IdArgument,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="What is wrong with it.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Tell the provider that a number is bad, where it takes that; it is given back then."""
    _act(target_of(url, token_file, config), id_, "report", {"reason": reason}, output)


@numbers_app.command("note")
def note(
    id_: IdArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Note something about a number; it stands in its timeline."""
    _act(target_of(url, token_file, config), id_, "notes", {"note": text}, output)


def _act(
    target: Target, id_: str, act: str, body: dict[str, Any] | None, output: out.Format
) -> None:
    number = asyncio.run(post_act(target, path_of(whole_id(id_), f"/{act}"), body))
    if output is not out.Format.TEXT:
        out.write_json(number, indent=output is out.Format.JSON)
        return
    out.say(f"{number['id']} is {number['state']}: {number['summary']}")
