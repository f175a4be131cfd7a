"""`run` and `dev`: the daemon in the foreground, until it is told to stop."""

import os
from typing import Annotated

import typer

from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import say


def run(
    *,
    config: ConfigOption = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start PostgreSQL and Valkey, too.")
    ] = False,
) -> None:
    """Run the daemon: the arq worker, provider polling, the HTTP API, the admin listener.

    SIGTERM or Ctrl-C stops it: it takes no new work, ends what runs, and leaves the rest to the
    next one. Nothing is lost when it is killed instead.
    """
    _daemon(config, embedded=embedded, simulator=False)


def dev(config: ConfigOption = None) -> None:
    """Run everything a developer needs: servers, the daemon, a simulated provider.

    Then, in another terminal: activation-worker trigger timeout
    """
    say("dev: NOT FOR PRODUCTION: a simulated provider, servers without passwords")
    _daemon(config, embedded=True, simulator=True)


def _daemon(config: ConfigOption, *, embedded: bool, simulator: bool) -> None:
    from worker.settings import load_settings

    settings = load_settings(config, environ=os.environ)

    import uvloop

    from worker.entrypoints.daemon import run_daemon

    code = uvloop.run(run_daemon(settings, embedded=embedded, simulator=simulator))
    raise typer.Exit(code)
