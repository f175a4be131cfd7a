"""`check-config`, `migrate`, `run` and `dev`: from the configuration to the daemon that runs."""

import asyncio
import os
from typing import Annotated

import typer

from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_json, write_line


def check_config(
    *,
    config: ConfigOption = None,
    show_effective: Annotated[
        bool, typer.Option("--show-effective", help="Show every value and where it came from.")
    ] = False,
    output: OutputOption = Format.TEXT,
) -> None:
    """Check the configuration: every key, AW_ name, policy and provider file.

    Exits with 78 and the list of problems where it is bad; secrets are never shown.

    Example: activation-worker check-config --show-effective
    """
    from worker.domain.policy.checking import problems_in
    from worker.entrypoints.cli.configured import configured
    from worker.settings.load import effective

    loaded = configured(config, policy_problems=problems_in)
    lines = list(effective(loaded)) if show_effective else []
    if output is Format.TEXT:
        width = max((len(line.key) for line in lines), default=0)
        for key, value, source in lines:
            write_line(f"{key:{width}} = {_toml(value)}  # {source}")
        for warning in loaded.warnings:
            say(f"warning: {warning}")
        say(f"{loaded.config_file} is valid")
        return
    settings = [line._asdict() for line in lines]
    if output is Format.NDJSON:
        for each in settings:
            write_json(each)
        return
    write_json(
        {
            "valid": True,
            "config_file": str(loaded.config_file),
            "warnings": list(loaded.warnings),
            **({"settings": settings} if show_effective else {}),
        },
        indent=True,
    )


def _toml(value: object) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return str(value)


def migrate(
    *,
    config: ConfigOption = None,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Also end the upgrade: there is no way back from it."),
    ] = False,
) -> None:
    """Bring the database schema up to date. Safe to run from many hosts at once.

    Run it before the new version starts; the old one goes on running meanwhile. With --finish when
    all daemons are of this version: from then on they write what the version before cannot read.
    """
    from worker.adapters.store import migrate as schema
    from worker.adapters.store.revisions import is_later
    from worker.entrypoints.cli.configured import configured

    settings = configured(config).settings
    url = settings.database.url.get_secret_value()
    before, now = asyncio.run(schema.upgrade(url, waits=say))
    if is_later(now):
        say(f"the schema is of a later version, so nothing is done: {now}")
    elif before == now:
        say(f"the schema is up to date: {now}")
    else:
        say(f"the schema was {before or 'missing'} and is now {now}")
    if finish:
        try:
            new = asyncio.run(schema.finish(url, waits=say))
        except schema.OlderRuns as error:
            raise Failure(Exit.FAILED, str(error), hint="replace them first") from None
        say("the upgrade is ended" if new else "the upgrade was ended before")


def run(
    *,
    config: ConfigOption = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start PostgreSQL and Valkey, too.")
    ] = False,
) -> None:
    """Run the daemon: the arq worker, provider polling, the HTTP API, the admin listener.

    SIGTERM or Ctrl-C stops it: it takes no new work, ends what runs, and leaves the rest to the
    next one. Nothing is lost when it is killed instead. On SIGHUP it reads its tokens,
    the level of its log, and whether it logs calls again.
    """
    from worker.settings import load_settings

    settings = load_settings(config, environ=os.environ)

    import uvloop

    from worker.entrypoints.daemon import run_daemon

    code = uvloop.run(
        run_daemon(
            settings,
            embedded=embedded,
            read=lambda: load_settings(config, environ=os.environ),
        )
    )
    raise typer.Exit(code)


def dev(
    *,
    config: ConfigOption = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show each HTTP request, and the whole log.")
    ] = False,
) -> None:
    """Run everything a developer needs: servers, the daemon, a simulated provider.

    Its terminal shows the numbers that are rented, their codes, and what became of the money.

    Then, in another terminal: activation-worker trigger timeout
    """
    say("dev: NOT FOR PRODUCTION: a simulated provider, servers without passwords")
    from worker.settings import load_settings

    settings = load_settings(config, environ=os.environ)

    import uvloop

    from worker.entrypoints.cli.desk import desk_of_dev
    from worker.entrypoints.daemon import run_dev

    raise typer.Exit(uvloop.run(run_dev(settings, verbose=verbose, open_desk=desk_of_dev)))
