"""`activation-worker decide`: what the refund policies say, one NDJSON line at a time."""

import os
import sys
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import typer

from worker.domain.policy import ProfileError, load_profile
from worker.entrypoints.cli.decide_lines import Answers, line_batches
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, policies_of
from worker.entrypoints.cli.output import say


def decide(
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="The policy of lines that name none.")
    ] = "default",
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            allow_dash=True,
            help="Lines of JSON; standard input without it.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Decide refund questions: NDJSON in, NDJSON out, in order.

    One question per line: {"id": …, "policy": "P3", "given": {"op": "order_tick", …}}.
    A line that cannot be decided is answered by an error line, and the exit code is 1.
    """
    policies = policies_of(config)
    _check(policy, policies)
    try:
        failed = _answer_all(Answers(policy, policies), input_)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has what it wanted; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        failed = True
    raise typer.Exit(Exit.FAILED if failed else Exit.OK)


def _check(policy: str, policies: Path) -> None:
    """A policy that cannot be used is told before the first line, not with each."""
    try:
        load_profile(policy, policies)
    except ProfileError as error:
        hint = "activation-worker policy list"
        raise Failure(Exit.USAGE, f"--policy: {error}", hint=hint) from None


def _answer_all(answers: Answers, file: Path | None) -> bool:
    """Whether any line could not be decided."""
    with _source(file) as source:
        for batch in line_batches(source):
            sys.stdout.buffer.write(answers.to(batch))
            sys.stdout.buffer.flush()
    if answers.errors:
        say(f"{answers.errors} of {answers.lines} lines could not be decided")
    return answers.errors > 0


def _source(file: Path | None) -> BufferedReader:
    if file is None or str(file) == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    return file.open("rb")
