"""The `provider` commands: its report, its drain, and its exposures."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from worker.entrypoints.cli.options import EXAMPLES, ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption
from worker.ports.store.purchases import ExposureEnd

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
    from worker.entrypoints.cli.provider_session import ProviderSession, with_session, write_report

    async def write(session: ProviderSession) -> None:
        raise typer.Exit(await write_report(session, output))

    with_session(config, name, write)


@provider_app.command("drain")
def drain(
    name: NameArgument,
    *,
    now: Annotated[
        bool,
        typer.Option("--now", help="End what waits for a code at once, with its credit."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Take no new rentals there; each of its numbers is ended by its policy, at its deadline.

    For a provider that died for good. Can be repeated, and shows then how far it is. With --now,
    what still waits is ended as if its grace were over; what the provider may keep is exposure.
    """
    from worker.entrypoints.cli.provider_session import ProviderSession, start_drain, with_session

    async def begin(session: ProviderSession) -> None:
        await start_drain(session, at_once=now)

    with_session(config, name, begin)


@provider_app.command("resume")
def resume(name: NameArgument, config: ConfigOption = None) -> None:
    """Take rentals there again."""
    from worker.entrypoints.cli.provider_session import stop_drain, with_session

    with_session(config, name, stop_drain)


@provider_app.command("exposure")
def exposure(
    name: NameArgument, config: ConfigOption = None, output: OutputOption = Format.TEXT
) -> None:
    """List what it may still keep although the customers have it back, the oldest first.

    From the provider's exposure_limit_minor on nothing more is rented there. What waits for the
    provider ends when it answers; what waits for you, with `provider settle-exposure`.
    """
    from worker.entrypoints.cli import provider_exposure
    from worker.entrypoints.cli.provider_session import ProviderSession, with_session

    async def show(session: ProviderSession) -> None:
        await provider_exposure.show(session, output)

    with_session(config, name, show)


@provider_app.command(
    "settle-exposure",
    epilog="Examples:"
    + EXAMPLES
    + "activation-worker provider settle-exposure hero --as resolved --activation ID\n"
    + "activation-worker provider settle-exposure hero --as loss --older-than 30\n",
)
def settle_exposure(  # noqa: PLR0913 - each is an option
    name: NameArgument,
    *,
    as_: Annotated[
        ExposureEnd,
        typer.Option("--as", help="`resolved`: it took nothing, or paid it back. `loss`: ours."),
    ],
    activation: Annotated[
        list[UUID] | None, typer.Option(metavar="ID", help="One number; can be given again. Or")
    ] = None,
    older_than: Annotated[
        int | None,
        typer.Option(min=0, max=36_500, metavar="DAYS", help="all that are open for so long."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Without it, --older-than only shows what would end.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides; else the login name.")
    ] = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """End exposures that nobody else will: a person's word on who has the money.

    For what `provider exposure` lists as waiting for you, and for all of a provider that died. The
    number's timeline says who, when and what; its dispute ends; customers are not touched. Can be
    repeated. One that ended otherwise stays so (exit code 3); only a provider that says something
    new about it is believed.
    """
    from worker.entrypoints.cli import provider_exposure
    from worker.entrypoints.cli.provider_session import ProviderSession, with_session

    open_for = None if older_than is None else timedelta(days=older_than)
    selection = provider_exposure.Selection(as_, activation or (), open_for, yes, by)

    async def settle(session: ProviderSession) -> None:
        await provider_exposure.settle(session, selection, output)

    with_session(config, name, settle)
