"""`provider report`, `provider drain`, `provider undrain`: what becomes of a whole provider."""

from typing import Annotated

import typer

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As configured.")]

provider_app = typer.Typer(
    no_args_is_help=True, help="What a provider has of our money, and how to part with it."
)


@provider_app.command("report")
def report(
    name: NameArgument, config: ConfigOption = None, output: OutputOption = Format.TEXT
) -> None:
    """Show its balance, our sums, exposure, what is disputed or unexplained, and unknown numbers.

    Asks the provider for its balance and its list. Ends with 5 when it does not say its balance;
    what we know ourselves is shown all the same.
    """
    from worker.entrypoints.cli import parting

    async def tell(opened: parting.Opened) -> None:
        raise typer.Exit(await parting.tell(opened, output))

    parting.run(config, name, tell)


@provider_app.command("drain")
def drain(
    name: NameArgument,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="End what waits for a code at once, with its credit.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Take no new rentals there; each of its numbers is ended by its policy, at its deadline.

    For a provider that died for good. Can be repeated, and shows then how far it is. With --now,
    what still waits is ended as if its grace were over; what the provider may keep is exposure.
    """
    from worker.entrypoints.cli import parting

    async def begin(opened: parting.Opened) -> None:
        await parting.drain(opened, at_once=now)

    parting.run(config, name, begin)


@provider_app.command("undrain")
def undrain(name: NameArgument, config: ConfigOption = None) -> None:
    """Take rentals there again."""
    from worker.entrypoints.cli import parting

    parting.run(config, name, parting.undrain)
