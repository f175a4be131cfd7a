"""`import numbers`: hands over the live numbers of another system, one body of JSON a line."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import orjson
import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import Document, Target, connected, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption

CALL_MAX: Final = 1_000  #: Lines of one call.
CALL_BYTES: Final = 900_000  #: Below what the daemon reads as one body.
TAKEN: Final = {201: "new", 200: "the same again"}

imports_app = typer.Typer(no_args_is_help=True, help="Take numbers over from another system.")


class Line(NamedTuple):
    number: int
    raw: bytes
    problem: str  #: Empty where it is a number that can be handed over.


@imports_app.callback()
def _group() -> None:
    """A group, though it has one command so far."""


@imports_app.command("numbers")
def numbers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON; `-`: standard input.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is wrong with each line; no daemon.")
    ] = False,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Hand over rented numbers: each line is an item of `POST /v1/activations/bulk`.

    Repeatable: a number that is known already stays what it is. Exits with 1 where a line is
    refused, and names each of them.
    """
    lines = list(_read(file))
    wrong = [(line.number, line.problem) for line in lines if line.problem]
    good = [line for line in lines if not line.problem]
    counts: Counter[str] = Counter(refused=len(wrong))
    if dry_run:
        counts["valid"] = len(good)
    else:
        target = target_of(url, token_file, config)
        for number, status, problem in asyncio.run(_hand_over(target, good)):
            counts[TAKEN.get(status, "refused")] += 1
            wrong += [] if status in TAKEN else [(number, problem)]
    refused = [{"line": number, "problem": problem} for number, problem in sorted(wrong)]
    report = {"lines": len(lines), **counts, "problems": refused}
    if output is out.Format.TEXT:
        for number, problem in sorted(wrong):
            out.write_line(f"line {number}: {problem}")
        out.write_line(" · ".join(f"{word} {count}" for word, count in sorted(counts.items())))
    else:
        out.write_json(report, indent=output is out.Format.JSON)
    if wrong:
        raise Failure(Exit.FAILED, f"{len(wrong)} of {len(lines)} lines are refused")


def _read(file: Path) -> Iterator[Line]:
    from worker.entrypoints.http.number_intake import RentedNumberItem
    from worker.entrypoints.http.problems import Problem
    from worker.entrypoints.http.routing import read_json

    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from None
    for number, line in enumerate(raw.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            read_json(RentedNumberItem, line)
        except Problem as problem:
            yield Line(number, line, _told(problem.details.as_json()))
        else:
            yield Line(number, line, "")


async def _hand_over(target: Target, lines: Sequence[Line]) -> list[tuple[int, int, str]]:
    """Of each line its status, and why it is refused."""
    results: list[tuple[int, int, str]] = []
    async with connected(target) as daemon:
        for part in _parts(lines):
            items = [orjson.loads(line.raw) for line in part]
            answer = await daemon.post("/v1/activations/bulk", {"activations": items})
            results += [
                (line.number, result["status"], _told(result.get("problem", {})))
                for line, result in zip(part, answer["results"], strict=True)
            ]
    return results


def _parts(lines: Sequence[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    size = 0
    for line in lines:
        if part and (len(part) == CALL_MAX or size + len(line.raw) > CALL_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.raw) + 1
    if part:
        yield part


def _told(problem: Document) -> str:
    errors = [f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", ())]
    return "; ".join(filter(None, [problem.get("title", ""), problem.get("detail", ""), *errors]))
