"""`import`: takes over accounts and live numbers from another system, one API body a line.

Every line has a natural key, so the file is simply sent again after an interruption: what is there
already counts as such and is not changed.
"""

import asyncio
import enum
import gc
import itertools
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from zlib import crc32

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
#: Before what could not be taken is sent again: an account that is locked for 90 seconds is taken.
PAUSES_SECONDS: Final = (1, 2, 4, 8, 15, 30, 30)
JUST_NOW: Final = "store-unavailable"  #: The problem of a line whose account is locked.
GC_THRESHOLD: Final = 100_000  #: Objects, as in a few calls and their answers.
LEFT_MAX: Final = 100_000  #: Lines that wait in memory to be sent again.


class Line(NamedTuple):
    at: int
    account: str
    body: bytes  #: As it stands in the file: only the daemon has to read all of it.
    minor: int  #: The money in it,
    external: bool  #: and whether another system has charged it.


class Kind(enum.Enum):
    ACCOUNTS = "accounts"
    NUMBERS = "numbers"


class Sums(NamedTuple):
    """What the daemon says became of a line's money, in minor units."""

    booked: int = 0  #: To or from the account, by this line.
    external: int = 0  #: Charged elsewhere: it is no money of the account's.
    there: int = 0  #: Was booked before.


def _sums(line: Line, result: Mapping[str, Any]) -> Sums:
    if "topups_minor" in result:
        new = int(result["topups_new_minor"])
        return Sums(booked=new, there=int(result["topups_minor"]) - new)
    price = int(result["activation"]["price_minor"])
    if result["status"] != HTTPStatus.CREATED:
        return Sums(there=price)
    return Sums(external=price) if line.external else Sums(booked=price)


class Call(NamedTuple):
    """How many lines of a kind are sent at once, and what each result has of what it took."""

    path: str
    member: str
    shown: str


CALLS: Final = {
    Kind.ACCOUNTS: Call("/v1/accounts/bulk", "accounts", "account"),
    Kind.NUMBERS: Call(f"{ACTIVATIONS}/bulk", "activations", "activation"),
}


@dataclass(slots=True)
class ImportReport:
    """What became of each line, and of each minor unit in it."""

    lines: int = 0
    done: Counter[str] = field(default_factory=Counter)  #: new, there already, refused
    refused: Counter[str] = field(default_factory=Counter)  #: By the problem's type.
    first: list[tuple[int, str]] = field(default_factory=list)
    sent_minor: int = 0
    #: By currency, as the daemon says.
    booked_minor: Counter[str] = field(default_factory=Counter)
    external_minor: Counter[str] = field(default_factory=Counter)
    there_minor: Counter[str] = field(default_factory=Counter)
    refused_minor: int = 0
    #: Lines are read in one thread and sent in another; both refuse.
    _refusing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def agrees(self) -> bool:
        """Each line has one ending, and so has each minor unit of the file."""
        taken = (self.booked_minor, self.external_minor, self.there_minor)
        ended = sum(minor.total() for minor in taken) + self.refused_minor
        return self.sent_minor == ended and self.lines == self.done.total()

    def take(self, new: bool, currency: str, sums: Sums) -> None:  # noqa: FBT001 - of two endings
        self.done["new" if new else "there already"] += 1
        self.booked_minor[currency] += sums.booked
        self.external_minor[currency] += sums.external
        self.there_minor[currency] += sums.there

    def refuse(self, line: int, why: str, minor: int, detail: str = "") -> None:
        with self._refusing:
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
            "booked_minor": dict(+self.booked_minor),
            "external_minor": dict(+self.external_minor),
            "there_already_minor": dict(+self.there_minor),
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
    Sent again, it changes nothing: start anew with the same file after an interruption. The sums
    are of what is new; what was there already, and what another system charged, stand beside them.
    Ends with 0 when every line is there and the sums agree, 1 when a line was refused.

    Example: activation-worker import numbers live.ndjson --dry-run
    """
    # What is read stays until it is sent: looking for circles in it again and again finds none.
    gc.set_threshold(GC_THRESHOLD)
    report = ImportReport()
    lines = _lines(file, kind, report)
    if dry_run:
        for line in lines:
            report.done["new"] += 1
            sums = report.external_minor if line.external else report.booked_minor
            sums["?"] += line.minor  # Its currency is that of an account which nobody asks for.
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
    wrong = _checking(kind)
    try:
        with file.open("rb") as stream:
            for at in itertools.count(1):
                raw = stream.readline(LINE_BYTES_MAX)
                if not raw:
                    return
                if len(raw) == LINE_BYTES_MAX and _skip_the_rest(stream, raw):
                    report.lines += 1
                    report.refuse(at, "too-long", 0, f"more than {LINE_BYTES_MAX} bytes")
                elif raw.strip():
                    report.lines += 1
                    yield from _line(at, raw, kind, report, wrong)
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file} cannot be read: {error.strerror}") from None


def _skip_the_rest(stream: BufferedReader, begun: bytes) -> bool:
    """Whether there was more of this line: its parts are no lines of their own."""
    part, more = begun, False
    while part and not part.endswith(b"\n"):
        part = stream.readline(LINE_BYTES_MAX)
        more = more or bool(part)
    return more


def _line(
    at: int, raw: bytes, kind: Kind, report: ImportReport, wrong_in: Callable[[bytes], str]
) -> Iterator[Line]:
    try:
        body = orjson.loads(raw)
    except ValueError:
        report.refuse(at, "no-json", 0)
        return
    wrong = wrong_in(raw)
    if wrong:
        report.refuse(at, "invalid", 0, wrong)
        return
    minor = _minor_of(kind, body)
    report.sent_minor += minor
    external = body.get("charge") == "external"
    yield Line(at, body["account"], raw.strip(), minor, external)


def _checking(kind: Kind) -> Callable[[bytes], str]:
    """What the daemon would refuse of a line whatever it has stored; empty: nothing."""
    from worker.entrypoints.http.account_intake import AccountItem
    from worker.entrypoints.http.number_intake import RentedNumberItem
    from worker.entrypoints.http.problems import Problem
    from worker.entrypoints.http.routing import read_json

    item = AccountItem if kind is Kind.ACCOUNTS else RentedNumberItem

    def wrong_in(raw: bytes) -> str:
        try:
            read_json(item, raw)
        except Problem as problem:
            errors = problem.details.as_json().get("errors", ())
            said = "; ".join(f"{each['pointer']}: {each['detail']}" for each in errors)
            return said or "no JSON"
        return ""

    return wrong_in


def _minor_of(kind: Kind, body: Mapping[str, Any]) -> int:
    """The money of a line."""
    if kind is Kind.NUMBERS:
        return int(body["price_minor"])
    return sum(topup["amount_minor"] for topup in body.get("topups", []))


async def _send(target: Target, kind: Kind, lines: Iterator[Line], report: ImportReport) -> None:
    again = "stopped; what was taken stays: start it again with the same file"
    async with AsyncExitStack() as stack:
        stack.enter_context(when_interrupted(again))
        sending = _Sending(await stack.enter_async_context(connected(target)), kind, report)
        await _in_lanes(lines, sending.send)
        for pause in PAUSES_SECONDS:
            left, sending.left = sending.left, []
            if not left:
                break
            out.say(f"{len(left)} lines could not be taken just now: again in {pause} s")
            await asyncio.sleep(pause)
            await _in_lanes((line for line, _ in left), sending.send)
        for line, problem in sending.left:
            _refuse(report, line, problem)


async def _in_lanes(lines: Iterator[Line], send: Callable[[list[Line]], Awaitable[None]]) -> None:
    """All lines of an account in one lane: two calls at once would wait for each other.

    A file of any length is never in memory as a whole. It is read in a thread, because a pipe that
    has no line just now must not hold up what is being sent.
    """
    lanes: list[asyncio.Queue[list[Line]]] = [
        asyncio.Queue(maxsize=1) for _ in range(CALLS_AT_ONCE)
    ]

    async def feed() -> None:
        batches = _batches(lines)
        while (found := await asyncio.to_thread(next, batches, None)) is not None:
            at, batch = found
            await lanes[at].put(batch)
        for lane in lanes:
            await lane.put([])

    async def work(lane: asyncio.Queue[list[Line]]) -> None:
        while batch := await lane.get():
            await send(batch)

    tasks = [asyncio.ensure_future(each) for each in (feed(), *map(work, lanes))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _batches(lines: Iterator[Line]) -> Iterator[tuple[int, list[Line]]]:
    """Each with its lane."""
    batches: list[list[Line]] = [[] for _ in range(CALLS_AT_ONCE)]
    sizes = [0] * CALLS_AT_ONCE
    for line in lines:
        at = crc32(line.account.encode()) % CALLS_AT_ONCE
        if len(batches[at]) == LINES_PER_CALL or sizes[at] + len(line.body) > BYTES_PER_CALL:
            yield at, batches[at]
            batches[at], sizes[at] = [], 0
        batches[at].append(line)
        sizes[at] += len(line.body)
    yield from ((at, batch) for at, batch in enumerate(batches) if batch)


@dataclass(slots=True)
class _Sending:
    daemon: Daemon
    kind: Kind
    report: ImportReport
    #: What the daemon could not take just now, and its problem.
    left: list[tuple[Line, Mapping[str, Any]]] = field(default_factory=list)

    async def send(self, batch: list[Line]) -> None:
        call = CALLS[self.kind]
        body = b'{"%s":[%s]}' % (call.member.encode(), b",".join(line.body for line in batch))
        results = (await self.daemon.post_bulk(call.path, body))["results"]
        for line, result in zip(batch, results, strict=True):
            taken = result.get(call.shown)
            if taken is not None:
                new = result["status"] == HTTPStatus.CREATED
                self.report.take(new, taken["currency"], _sums(line, result))
            elif _slug(result["problem"]) == JUST_NOW and len(self.left) < LEFT_MAX:
                self.left.append((line, result["problem"]))
            else:
                _refuse(self.report, line, result["problem"])


def _slug(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).removeprefix("/problems/")


def _refuse(report: ImportReport, line: Line, problem: Mapping[str, Any]) -> None:
    errors = [f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", [])]
    detail = "; ".join(errors or [str(problem.get("title", ""))])
    report.refuse(line.at, _slug(problem), line.minor, detail)


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
    for name, sums in (
        ("booked", report.booked_minor),
        ("charged elsewhere", report.external_minor),
        ("there already", report.there_minor),
    ):
        rows += [(f"{name}, {currency}", minor) for currency, minor in (+sums).items()]
    rows += [("refused, minor units", report.refused_minor)]
    rows += [("the sums", "agree" if report.agrees else "DO NOT AGREE")]
    out.write_rows(("what", "is"), rows)
