"""The commands, each imported only when it is called, and how their failures end."""

import codecs
import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Annotated, Any, Final, NamedTuple

import typer
import typer.core
import typer.main

from worker.entrypoints.cli.exit_codes import (
    IN_HELP,
    Exit,
    Failure,
    did_you_mean,
    failure_of,
    report,
)

#: What is imported stays: looking through it after every 700 new objects is an eighth of a start.
GC_THRESHOLD = 50_000
ESCAPED: Final = "activation-worker.escaped"  #: How the streams write what they cannot encode.


class Command(NamedTuple):
    where: str  #: module:attribute, below this package
    says: str  #: Its line in the list of commands, which imports none of them.


#: In the order of the help: try, run, look, prove, operate, decide, develop.
COMMANDS: Mapping[str, Command] = {
    "demo": Command("simulate:demo", "See the whole thing work, on servers it starts itself."),
    "dev": Command("startup:dev", "Run everything a developer needs, with a simulated provider."),
    "run": Command("startup:run", "Run the daemon."),
    "desk": Command("desk:desk", "Serve the web pages for support, owners and ops."),
    "trigger": Command("trigger:trigger", "Rent test activations that behave as asked."),
    "show": Command("activations:show", "Show one activation: its state, its timeline, its money."),
    "list": Command("activations:list_", "List activations, newest first."),
    "watch": Command("activations:watch", "Follow one activation, or everything that happens."),
    "listen": Command("listen:listen", "Print events as they happen; send each to a local URL."),
    "import": Command("moving_in:import_", "Take over accounts or numbers from another system."),
    "audit": Command("audit:audit", "Prove that the books balance."),
    "books": Command("books:books_app", "Close a period of the books, export it, drop it."),
    "doctor": Command("doctor:doctor", "Check everything the daemon depends on."),
    "check-config": Command("startup:check_config", "Check the configuration."),
    "migrate": Command("startup:migrate", "Bring the database schema up to date."),
    "events": Command("events:events_app", "List outgoing events, or send some again."),
    "docs": Command("docs:docs", "Read the guides that ship with the package."),
    "timers": Command("timers:timers", "Show which durable timers are overdue, or all of them."),
    "cases": Command(
        "case_acts:cases_app", "List, show and decide cases; all that is told in one."
    ),
    "number": Command(
        "number_acts:numbers_app", "Cancel, finish or resend a number; note something."
    ),
    "rental": Command(
        "rentals:rentals_app", "List long rentals, show one; tell that it is down, give it back."
    ),
    "account": Command(
        "accounts:accounts_app", "List accounts, show one; tell what happened to it."
    ),
    "provider": Command("provider:provider_app", "Hold a provider against our books; leave it."),
    "decide": Command("decide:decide", "Decide refund questions: NDJSON in, NDJSON out."),
    "policy": Command("policy:policy_app", "List, explain, check and replay the refund policies."),
    "simulate-provider": Command("simulate:simulate_provider", "Run a simulated provider."),
}


class LazyGroup(typer.core.TyperGroup):
    """Finds commands by name; turns their exceptions into a message and an exit code."""

    listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer hides its Context
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - the same
        if cmd_name not in COMMANDS:
            return None
        if self.listing:
            return typer.core.TyperCommand(cmd_name, help=COMMANDS[cmd_name].says)
        return _command(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the same
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            error.message = error.message.rstrip(".") + did_you_mean(args[0], COMMANDS)
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - the same
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - the same
        ctx.meta["as_json"] = wants_json(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the same
        as_json = ctx.meta["as_json"]
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            if not as_json:
                raise  # Typer shows the usage with it.
            failure = Failure(Exit(error.exit_code), error.format_message())
        except Exception as error:
            known = failure_of(error)
            if known is None:
                raise
            failure = known
        report(failure, as_json=as_json)
        raise typer.Exit(failure.how)


def wants_json(args: Sequence[str]) -> bool:
    """Whether errors must be JSON; read before the command line is parsed, as that can fail."""
    pairs = itertools.pairwise([*args, ""])
    forms = {"json", "ndjson"}
    return any(
        (name in {"--output", "-o"} and value in forms)
        or name.removeprefix("--output=").removeprefix("-o") in forms
        for name, value in pairs
        if name.startswith("-")
    )


def _command(name: str) -> Any:  # noqa: ANN401 - typer hides its Command
    module, _, attribute = COMMANDS[name].where.partition(":")
    target = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
    if isinstance(target, typer.Typer):
        command: Any = typer.main.get_group(target)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(target)
        command = typer.main.get_command(single)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # Its frames can show secrets.
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=IN_HELP,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"activation-worker {metadata.version('activation-worker')}\n")
        raise typer.Exit


@app.callback()
def activation_worker(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Watch rented phone numbers, and end each one exactly once.

    Its code is delivered, or it is cancelled at the provider and its price is credited.

    Start with `demo`, then `dev` in one terminal and `trigger timeout` in another.
    """


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """As JSON escapes it, so that a document stays one, and whatever reads it has the same text."""
    assert isinstance(error, UnicodeEncodeError)  # The streams decode nothing.
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _escape_what_cannot_be_written() -> None:
    """On a stream of a narrow encoding: of the C locale, say, or where a pipe is to be ASCII."""
    codecs.register_error(ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # It is set, and then the place is looked up: a pipe put where a file was has none.
            with contextlib.suppress(OSError):
                stream.reconfigure(errors=ESCAPED)


def _replace_closed_streams() -> None:
    """Else what is opened first takes its number: a connection would be written to by accident."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if name != "stdin":  # Who reads says that there is nothing.
                setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def main() -> None:
    """The console script."""
    gc.set_threshold(GC_THRESHOLD)
    _replace_closed_streams()
    _escape_what_cannot_be_written()
    app(prog_name="activation-worker")
