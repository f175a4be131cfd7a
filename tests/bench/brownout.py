"""The brown-out: one of three providers gets slow and answers half of all calls with a 5xx.

3,000 numbers stay live, renewed as their windows end; half of them get a code, at random times. It
is calm first, then comes the brown-out: one run, the same settings, the same load. From the SMS in
the provider's books to the code in our database it may not take the customers of the other two
providers longer than before: p99 within a fifth. Ctrl-C ends it early and tells what there is.
"""

import argparse
import asyncio
import json
import math
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.acceptance.two_providers import Simulated, own, settings_for, simulated
from tests.acceptance.world import PROVIDER, World
from tests.bench.load import WINDOW, Load
from tests.bench.stage import STATE, stage
from worker.adapters.store.postgres import PostgresStore
from worker.domain.backoff import PURSUIT

LIVE = 3_000
WORSE_MAX = 1.2  #: Times longer than when it was calm, at the providers that are well.
WARM_UP = 15.0
SHARE_CALM = 1 / 3  #: Of the brown-out's time, and a minute at least.
SLOW_SECONDS, BROKEN_SHARE = 4.0, 0.5
EVERY = 10.0  #: Between two lines of progress.
FOUND_BY = timedelta(seconds=15)  #: What comes later in the calm is found in the brown-out.
SEEN_BY = timedelta(seconds=30)  #: An SMS this old is in our books, or it was missed.
INTERRUPTED = 130
#: Seconds: a call that failed all through the brown-out is tried again every so often only.
AT_REST_BY = WINDOW + PURSUIT.longest.total_seconds() + 120

SICK = PROVIDER
# One with a list of pages, one with a list in one piece, one that is asked number by number.
FAMILIES = {SICK: "handler_api hero", "onlinesim": "onlinesim", "vaksms": "vaksms"}
SETTINGS = {"REQUESTS_PER_SECOND": "400", "POLL_SECONDS": "3"}
OF_THE_SICK = {"FAMILY": "handler_api", "DIALECT": "hero", **SETTINGS}


@dataclass(frozen=True)
class Stretch:
    """What the codes of one provider took whose SMS came in one part of the run, in seconds."""

    codes: int
    missed: int  #: SMS that were not shown: the provider did not tell us in time.
    p50: float | None  #: None: there was no code.
    p99: float | None


@dataclass(frozen=True)
class Row:
    provider: str
    family: str
    calm: Stretch
    brownout: Stretch

    @property
    def ratio(self) -> float | None:
        before, during = self.calm.p99, self.brownout.p99
        return during / before if before and during else None

    @property
    def good(self) -> bool:
        untouched = self.ratio is not None and self.ratio <= WORSE_MAX
        missed = self.calm.missed + self.brownout.missed
        return self.provider == SICK or (untouched and not missed)


@dataclass(frozen=True)
class Report:
    minutes: float  #: Of brown-out, as they really were.
    numbers: int  #: All that were rented.
    rows: Sequence[Row]
    violations: Mapping[str, int]  #: By invariant, of the audit.
    interrupted: bool
    still_owed: str = ""  #: By state, long after the provider was well again.

    @property
    def good(self) -> bool:
        kept = all(row.good for row in self.rows) and not self.still_owed
        return kept and not any(self.violations.values())


@dataclass(frozen=True)
class Span:
    name: str
    began: datetime
    ended: datetime


async def measure(minutes: float, stop: asyncio.Event) -> Report:
    async with _world() as (made, providers):
        daemon = await made.start_daemon()
        async with made.shop(daemon) as shop:
            load = Load(shop, providers)
            await load.open(LIVE)
            tell(f"{LIVE:,} numbers are live at {len(providers)} providers")
            await _phase("warm-up", WARM_UP, load, made, stop)
            calm = await _phase("calm", max(60.0, minutes * 60 * SHARE_CALM), load, made, stop)
            calm = replace(calm, ended=calm.ended - FOUND_BY)
            for fault in (
                {"kind": "slow", "delay_seconds": SLOW_SECONDS},
                {"kind": "unavailable", "probability": BROKEN_SHARE},
            ):
                await made.provider.post("/_sim/faults", {"seconds": 86_400, **fault})
            tell(f"{FAMILIES[SICK]}: answers take {SLOW_SECONDS:g} s, {BROKEN_SHARE:.0%} are 503")
            owed = ""
            sick = await _phase("brown-out", minutes * 60, load, made, stop)
            await own(made).heal()
            if not stop.is_set():
                tell("the provider is well again; waiting until every number has ended")
                owed = await _all_final(made, stop)
        report = await _report(made, providers, [calm, sick], stop)
        return replace(report, still_owed=owed)


@asynccontextmanager
async def _world() -> AsyncIterator[tuple[World, list[Simulated]]]:
    STATE.mkdir(parents=True, exist_ok=True)
    options = ("--lifetime", "3000")
    settings = dict(settings_for(SICK, "", **OF_THE_SICK))
    del settings[f"AW_PROVIDERS__{SICK.upper()}__BASE_URL"]  # The world knows.
    settings["AW_DEFAULTS__CREDIT_GRACE_SECONDS"] = "60"
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=STATE)))
        others: list[Simulated] = []
        for name in FAMILIES.keys() - {SICK}:
            (home / name).mkdir()
            of_family = simulated(home / name, "--family", name, *options)
            one = replace(await stack.enter_async_context(of_family), name=name)
            settings |= settings_for(name, one.url, FAMILY=name, **SETTINGS)
            others.append(one)
        simulator = ["--dialect", "hero", *options]
        made = await stack.enter_async_context(
            stage("brownout", simulator=simulator, settings=settings)
        )
        yield made, [own(made), *others]


async def _phase(name: str, seconds: float, load: Load, made: World, stop: asyncio.Event) -> Span:
    """Keep the numbers live for that long, telling how it goes."""
    began = datetime.now(UTC)
    store = PostgresStore(made.database_url, pool_size=1)
    try:
        told = -EVERY
        while (gone := (datetime.now(UTC) - began).total_seconds()) < seconds:
            if stop.is_set():
                break
            await load.renew()
            if gone - told >= EVERY:
                told = gone
                codes, owed = await store.db.read(_progress)
                tell(
                    f"{name:9} {gone / 60:5.1f} of {seconds / 60:.1f} min: "
                    f"{load.live:,} live, {codes:,} codes, {owed:,} past their deadline"
                )
            await asyncio.sleep(0.5)
    finally:
        await store.close()
    return Span(name, began, datetime.now(UTC))


async def _all_final(made: World, stop: asyncio.Event) -> str:
    """Until nothing is owed any more, or until Ctrl-C; what was owed when the time was over."""
    final = asyncio.ensure_future(made.all_final(AT_REST_BY))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({final, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (final, stopped):
        waiting.cancel()
    with suppress(asyncio.CancelledError):
        try:
            await final
        except AssertionError as owed:  # The measuring is over already: it is not to be lost.
            return str(owed)
    return ""


async def _progress(connection: AsyncConnection) -> tuple[int, int]:
    sql = """
        SELECT (SELECT count(*) FROM code),
               (SELECT count(*) FROM activation WHERE NOT settled AND deadline_at < now())
    """
    codes, owed = (await connection.execute(text(sql))).one()
    return codes, owed


async def _report(
    made: World, providers: Sequence[Simulated], spans: Sequence[Span], stop: asyncio.Event
) -> Report:
    if stop.is_set():
        # What came just now may not be in our books yet, and nobody has waited for it.
        latest = datetime.now(UTC) - SEEN_BY
        spans = [replace(span, ended=min(span.ended, latest)) for span in spans]
    store = PostgresStore(made.database_url, pool_size=2)
    try:
        shown = await store.db.read(_shown)
        tell("auditing")
        findings = await store.books.audit()
    finally:
        await store.close()
    rows: list[Row] = []
    numbers = 0
    for provider in sorted(providers, key=lambda each: each.name != SICK):
        arrived = await _arrived(provider)
        numbers += len(arrived)
        calm, sick = (_stretch(provider.name, arrived, shown, span) for span in spans)
        rows.append(Row(provider.name, FAMILIES[provider.name], calm, sick))
    minutes = max(timedelta(0), spans[1].ended - spans[1].began).total_seconds() / 60
    violations = {finding.invariant: finding.violations for finding in findings}
    return Report(minutes, numbers, rows, violations, stop.is_set())


async def _shown(connection: AsyncConnection) -> dict[tuple[str, str], datetime]:
    """When the first code of each number was kept, by the database's clock."""
    sql = """
        SELECT provider, provider_ref, min(received_at)
          FROM code JOIN activation ON id = activation_id WHERE code IS NOT NULL GROUP BY 1, 2
    """
    found = (await connection.execute(text(sql))).all()
    return {(provider, ref): at for provider, ref, at in found}


async def _arrived(provider: Simulated) -> dict[str, datetime | None]:
    """When the first SMS of each number came, by the provider's books."""
    found: dict[str, datetime | None] = {}
    while True:
        page = await provider.control.get("/_sim/books", offset=len(found), limit=5_000)
        for row in page["numbers"]:
            sms = row["sms"]
            found[str(row["id"])] = datetime.fromisoformat(sms[0]["at"]) if sms else None
        if len(found) >= page["total"]:
            return found


def _stretch(
    provider: str,
    arrived: Mapping[str, datetime | None],
    shown: Mapping[tuple[str, str], datetime],
    span: Span,
) -> Stretch:
    came = {ref: at for ref, at in arrived.items() if at and span.began <= at < span.ended}
    waits = sorted(
        (shown[provider, ref] - at).total_seconds()
        for ref, at in came.items()
        if (provider, ref) in shown
    )
    return Stretch(len(waits), len(came) - len(waits), _share(waits, 0.5), _share(waits, 0.99))


def _share(sorted_values: Sequence[float], share: float) -> float | None:
    """What that share of the values does not exceed."""
    at = math.ceil(len(sorted_values) * share) - 1
    return sorted_values[at] if sorted_values else None


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def as_json(report: Report) -> str:
    rows = [{**asdict(row), "p99_ratio": row.ratio, "good": row.good} for row in report.rows]
    return json.dumps({**asdict(report), "rows": rows, "good": report.good}, indent=2)


def as_text(report: Report) -> str:
    lines = [f"{'provider':20} {'codes':>13} {'missed':>9} {'p50, s':>13} {'p99, s':>13}  ratio"]
    for row in report.rows:
        calm, sick = row.calm, row.brownout
        word = "in brown-out" if row.provider == SICK else "kept" if row.good else "NOT kept"
        lines.append(
            f"{row.family:20} {calm.codes:6} {sick.codes:6} {calm.missed:4} {sick.missed:4}"
            f" {_figure(calm.p50)} {_figure(sick.p50)} {_figure(calm.p99)} {_figure(sick.p99)}"
            f" {_figure(row.ratio)}  {word}"
        )
    broken = [f"{name}: {count}" for name, count in report.violations.items() if count]
    audit = ", ".join(broken) or f"all {len(report.violations)} invariants hold"
    ended = " (interrupted)" if report.interrupted else ""
    lines.append(f"{report.minutes:.1f} minutes of brown-out{ended}, {report.numbers:,} numbers")
    if report.still_owed:
        lines.append(report.still_owed)
    return "\n".join([*lines, f"audit: {audit}"])


def _figure(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.2f}"


async def run(minutes: float) -> Report:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, stop.set)
    return await measure(minutes, stop)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make brownout", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of brown-out (%(default)g)")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    report = asyncio.run(run(options.minutes))
    sys.stdout.write((as_json if options.output == "json" else as_text)(report) + "\n")
    sys.exit(INTERRUPTED if report.interrupted else not report.good)


if __name__ == "__main__":
    main()
