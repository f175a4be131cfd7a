"""`activation-worker decide`: what the refund policies say, one NDJSON line at a time."""

import os
import sys
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import typer

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def decide(
    policy: Annotated[
        str, typer.Option("--policy", help="The policy of lines that name none.")
    ] = "default",
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            exists=True,
            dir_okay=False,
            readable=True,
            allow_dash=True,
            help="NDJSON file; standard input without it.",
        ),
    ] = None,
) -> None:
    """Decide refund questions: NDJSON in, NDJSON out, in order.

    One question per line: {"id": …, "policy": "P3", "given": {"op": "order_tick", …}}.
    A line that cannot be decided is answered by an error line, and the exit code is 1.
    """
    try:
        code = _run(policy, input_)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader has what it wanted; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    raise typer.Exit(code)


def _run(policy: str, file: Path | None) -> int:
    from worker.domain.policy import ProfileError, load_profile  # noqa: PLC0415  # quick start-up
    from worker.entrypoints.cli import decide_lines  # noqa: PLC0415  # quick start-up

    try:
        load_profile(policy)
    except ProfileError as error:
        typer.echo(f"--policy: {error}", err=True)
        return USAGE
    answers = decide_lines.Answers(policy)
    with _source(file) as source:
        for batch in decide_lines.line_batches(source):
            sys.stdout.buffer.write(answers.to(batch))
            sys.stdout.buffer.flush()
    if answers.errors:
        typer.echo(f"{answers.errors} of {answers.lines} lines could not be decided", err=True)
    return FAILED if answers.errors else 0


def _source(file: Path | None) -> BufferedReader:
    path = 0 if file is None or str(file) == "-" else file
    return open(path, "rb")  # noqa: PTH123  # 0 is standard input; the caller closes it
