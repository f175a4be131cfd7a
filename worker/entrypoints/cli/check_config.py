"""`check-config`: every key, name of the environment, policy and provider file, before a start."""

import os
from typing import Annotated

import typer

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
    from worker.settings import load
    from worker.settings.load import effective

    loaded = load(config, environ=os.environ)
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
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return str(value)
