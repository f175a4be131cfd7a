"""Options that several commands have, with the name of the environment for each."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="AW_CONFIG",
        metavar="FILE",
        help="Configuration; else config/worker.toml here, else the one that ships.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(envvar="AW_URL", metavar="URL", help="The daemon; else api.listen as configured."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Holds a token; else AW_TOKEN, else the configured one with most scopes.",
    ),
]


def instant(text: str | None) -> str | None:
    """What an option says, as the API takes it; without a zone nobody knows when that is."""
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text.upper())
        at = None if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise typer.BadParameter("not an instant with its zone, like 2026-03-01T12:30:00Z")
    return at.isoformat()


AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="INSTANT", callback=instant, help="When, ISO 8601; else now."),
]
EXAMPLES = "\n\n\b\n"  # Starts a paragraph whose lines stay as they are.


def policies_of(config: Path | None) -> Path:
    """The directory that the daemon takes its policies from."""
    from worker.settings import load_settings

    return load_settings(config, environ=os.environ).policies.directory
