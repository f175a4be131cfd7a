"""`import`: takes over accounts and live numbers from another system, one API body a line.

Every line has a natural key, so the file is simply sent again after an interruption: what is there
already counts as such and is not changed.
"""

import asyncio
import enum
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import orjson
import typer

from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, Target, connected, target_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.interrupts import when_interrupted
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption

LINES_PER_CALL: Final = 1_000  #: As many as the API takes,
BYTES_PER_CALL: Final = 8 * 1_048_576  #: and half of the bytes.
CALLS_AT_ONCE: Final = 4
LINE_BYTES_MAX: Final = 1_048_576
REFUSED_SHOWN: Final = 20


class Line(NamedTuple):
    at: int
    body: bytes  #: As it stands in the file: only the daemon has to read all of it.
    minor: int  #: The money in it.


class Kind(enum.Enum):
    ACCOUNTS = "accounts"
    NUMBERS = "numbers"


class Call(NamedTuple):
    """How many lines of a kind are sent at once, and what is read in the answer."""

    path: str
    member: str
    shown: str  #: What each result has of what it took,
    booked: Callable[[Mapping[str, Any]], int]  #: and the money of it.


CALLS: Final = {
    Kind.ACCOUNTS: Call(
        "/v1/accounts/bulk", "accounts", "account", lambda result: int(result["topups_minor"])
    ),
    Kind.NUMBERS: Call(
        f"{ACTIVATIONS}/bulk",
        "activations",
        "activation",
        lambda result: int(result["activation"]["price_minor"]),
    ),
}


@dataclass(slots=True)
class ImportReport:
    """What became of each line, and of each minor unit in it."""

    lines: int = 0
    done: Counter[str] = field(default_factory=Counter)  #: new, there already, refused
    refused: Counter[str] = field(default_factory=Counter)  #: By the problem's type.
    first: list[tuple[int, str]] = field(default_factory=list)
    sent_minor: int = 0
    booked_minor: Counter[str] = field(default_factory=Counter)  #: By currency, as the daemon says.
    refused_minor: int = 0

    @property
    def agrees(self) -> bool:
        """Each line has one ending, and each minor unit of the file is booked or refused."""
        whole = self.sent_minor == self.booked_minor.total() + self.refused_minor
        return whole and self.lines == self.done.total()

    def refuse(self, line: int, why: str, minor: int, detail: str = "") -> None:
        self.done["refused"] += 1
        self.refused[why] += 1
        self.refused_minor += minor
        if len(self.first) < REFUSED_SHOWN:
            self.first.append((line, f"{why}: {detail}" if detail else why))

    def document(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            **{name: self.done[name] for name in ("new", "there already", "refused")},
            "refused_by": dict(self.refused),
            "first_refused": [{"line": line, "why": why} for line, why in self.first],
            "sent_minor": self.sent_minor,
            "booked_minor": dict(self.booked_minor),
            "refused_minor": self.refused_minor,
            "agrees": self.agrees,
        }


def import_(  # noqa: PLR0913 - each is an option
    *,
    kind: Annotated[Kind, typer.Argument(metavar="accounts|numbers", help="What each line is.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.ndjson", help="One API body a line.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the file and add it up; change nothing.")
    ] = False,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: out.OutputOption = out.Format.TEXT,
) -> None:
    """Take over accounts with their top-ups, or live numbers, from another system.

    A line of accounts is an item of POST /v1/accounts/bulk: an account, its currency, and its
    topups, each a reference, an amount_minor, and at, when it was paid. A line of numbers is an
    item of POST /v1/activations/bulk, with the codes already shown. Each line is taken as a whole.
    Sent again, it changes nothing: start anew with the same file after an interruption.
    Ends with 0 when every line is there and the sums agree, 1 when a line was refused.

    Example: activation-worker import numbers live.ndjson --dry-run
    """
    report = ImportReport()
    lines = _lines(file, kind, report)
    if dry_run:
        for _ in lines:
            report.done["new"] += 1
        report.booked_minor["?"] = report.sent_minor - report.refused_minor
    else:
        target = target_of(url, token_file, config)
        asyncio.run(_send(target, kind, lines, report))
    _show(report, output, dry_run=dry_run)
    if not report.agrees:
        raise Failure(Exit.FAILED, "the sums do not agree: see the report")
    if report.done["refused"]:
        raise Failure(Exit.FAILED, f"{report.done['refused']} of {report.lines} lines were refused")


def _lines(file: Path, kind: Kind, report: ImportReport) -> Iterator[Line]:
    """The lines that can be sent; what is no JSON or has no key is counted as refused."""
    try:
        with file.open("rb") as stream:
            for at in itertools.count(1):
                raw = stream.readline(LINE_BYTES_MAX)
                if not raw:
                    return
                if raw.strip():
                    report.lines += 1
                    yield from _line(at, raw, kind, report)
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from None


def _line(at: int, raw: bytes, kind: Kind, report: ImportReport) -> Iterator[Line]:
    try:
        body = orjson.loads(raw)
    except ValueError:
        report.refuse(at, "no-json", 0)
        return
    wrong = _wrong(kind, raw)
    if wrong:
        report.refuse(at, "invalid", 0, wrong)
        return
    minor = _minor_of(kind, body)
    report.sent_minor += minor
    yield Line(at, raw.strip(), minor)


def _wrong(kind: Kind, raw: bytes) -> str:
    """What the daemon would refuse of the line whatever it has stored; empty: nothing."""
    from worker.entrypoints.http.account_intake import AccountItem
    from worker.entrypoints.http.number_intake import RentedNumberItem
    from worker.entrypoints.http.problems import Problem
    from worker.entrypoints.http.routing import read_json

    try:
        read_json(AccountItem if kind is Kind.ACCOUNTS else RentedNumberItem, raw)
    except Problem as problem:
        errors = problem.details.as_json().get("errors", ())
        return "; ".join(f"{each['pointer']}: {each['detail']}" for each in errors) or "no JSON"
    return ""


def _minor_of(kind: Kind, body: Mapping[str, Any]) -> int:
    """The money of a line."""
    if kind is Kind.NUMBERS:
        return int(body["price_minor"])
    return sum(topup["amount_minor"] for topup in body.get("topups", []))


async def _send(target: Target, kind: Kind, lines: Iterator[Line], report: ImportReport) -> None:
    again = "stopped; what was taken stays: start it again with the same file"
    async with AsyncExitStack() as stack:
        stack.enter_context(when_interrupted(again))
        daemon = await stack.enter_async_context(connected(target))
        await _at_once(CALLS_AT_ONCE, _batches(lines), lambda b: _taken(daemon, kind, b, report))


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == LINES_PER_CALL or size + len(line.body) > BYTES_PER_CALL):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.body)
    if batch:
        yield batch


async def _at_once(many: int, items: Iterable[Any], send: Callable[[Any], Awaitable[None]]) -> None:
    """So many workers share the items: a file of any length is never in memory as a whole."""
    shared = iter(items)

    async def work() -> None:
        for item in shared:
            await send(item)

    workers = [asyncio.ensure_future(work()) for _ in range(many)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _taken(daemon: Daemon, kind: Kind, batch: list[Line], report: ImportReport) -> None:
    call = CALLS[kind]
    body = b'{"%s":[%s]}' % (call.member.encode(), b",".join(line.body for line in batch))
    results = (await daemon.post(call.path, body))["results"]
    for line, result in zip(batch, results, strict=True):
        taken = result.get(call.shown)
        if taken is None:
            _refuse(report, line.at, line.minor, result["problem"])
        else:
            report.done["new" if result["status"] == HTTPStatus.CREATED else "there already"] += 1
            report.booked_minor[taken["currency"]] += call.booked(result)


def _refuse(report: ImportReport, at: int, minor: int, problem: Mapping[str, Any]) -> None:
    slug = str(problem.get("type", "")).removeprefix("/problems/")
    errors = [f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", [])]
    detail = "; ".join(errors or [str(problem.get("title", ""))])
    report.refuse(at, slug, minor, detail)


def _show(report: ImportReport, output: out.Format, *, dry_run: bool) -> None:
    if output is not out.Format.TEXT:
        out.write_json(report.document(), indent=output is out.Format.JSON)
        return
    for line, why in report.first:
        out.say(f"line {line}: {out.clean(why)}")
    taken = "could be sent" if dry_run else "taken"
    rows: list[tuple[str, object]] = [("lines", report.lines), (taken, report.done["new"])]
    rows += [("there already", report.done["there already"]), ("refused", report.done["refused"])]
    rows += [(f"refused, {why}", count) for why, count in report.refused.items()]
    rows += [("in the file, minor units", report.sent_minor)]
    rows += [(f"booked, {name}", minor) for name, minor in report.booked_minor.items()]
    rows += [("refused, minor units", report.refused_minor)]
    rows += [("the sums", "agree" if report.agrees else "DO NOT AGREE")]
    out.write_rows(("what", "is"), rows)
