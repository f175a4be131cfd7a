"""Acts one row: a healthy system, the fault, the first notification, the repair, the last word."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.grafana.pictures import EACH, draw
from tests.chaos.stage import ProviderPlan, Scale
from tests.drill.board import shown
from tests.drill.faults import Fault
from tests.drill.inbox import READ_BY_NOBODY, Notification
from tests.drill.monitoring import Programs
from tests.drill.report import RowReport
from tests.drill.scene import PLANS, Scene, scene
from tests.drill.shipped import SCRAPE_SECONDS
from tests.ops.queries import alerts

LOOK_EVERY: Final = 1.0
QUIET_SECONDS: Final = 5.0  #: After the last word: what would come at once has come.


@dataclass(frozen=True, slots=True)
class First:
    """The notification that has to come before any other."""

    alert: str
    receiver: str
    who: str  #: What its text has to name; `{0}` and `{1}`: where that worker is scraped.
    within: float  #: Seconds.


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    says: str
    fault: Fault
    first: First | None  #: None: nothing may be told at all.
    healthy: float = 8.0  #: Seconds before the fault.
    lasts: float = 60.0  #: Seconds; consequences have so long to fire.
    lasts_quick: float = 20.0
    incidents: int = 1  #: Each has to be told anew.
    also: frozenset[str] = frozenset()  #: What may be told besides.
    silenced: frozenset[str] = frozenset()  #: What has to have fired, and been told to nobody.
    resolved_within: float = 240.0
    settings: Mapping[str, str] = field(default_factory=dict)
    plans: Sequence[ProviderPlan] = PLANS


async def act(
    row: Row, scale: Scale, programs: Programs, pictures: Path | None = None
) -> RowReport:
    """*pictures*: where the boards are drawn to, as they are at the height of the fault."""
    report = RowReport(row.name, row.says)
    began = time.monotonic()
    async with scene(f"drill-{row.name}", programs, row.plans, row.settings) as acted:
        await _healthy(row, acted, report)
        for incident in range(row.incidents):
            await _incident(row, scale, acted, report, told_before=incident, pictures=pictures)
        if row.first is not None:
            await _text_of_first(row.first, acted, report)
        _nothing_else(row, acted, report, quick=scale.quick)
    report.seconds = time.monotonic() - began
    return report


async def _healthy(row: Row, acted: Scene, report: RowReport) -> None:
    """Before a fault nothing is told, and the board is calm."""
    await asyncio.sleep(row.healthy)
    told = [each.alert for each in acted.inbox.woke()]
    if told:
        report.problems.append(f"told before the fault: {', '.join(told)}")
    await _calm(acted, report)


async def _calm(acted: Scene, report: RowReport) -> None:
    report.board = await shown(acted.monitoring.values)
    restless = ", ".join(str(panel) for panel in report.board if not panel.calm)
    if restless:
        firing = ", ".join(sorted(await acted.monitoring.firing(for_reading=True))) or "nothing"
        report.problems.append(f"the board of a healthy system: {restless}; firing: {firing}")


async def _incident(
    row: Row,
    scale: Scale,
    acted: Scene,
    report: RowReport,
    *,
    told_before: int,
    pictures: Path | None,
) -> None:
    lasts = scale.pick(row.lasts, row.lasts_quick)
    loop = asyncio.get_running_loop()
    silenced = set(report.silenced)
    began, until = datetime.now(UTC), loop.time() + lasts
    async with row.fault(acted):
        if row.first is not None:
            first = await acted.inbox.first(row.first.receiver, row.first.within, after=told_before)
            _keep_first(report, first, began)
            if first is None:
                firing = ", ".join(sorted(await acted.monitoring.firing())) or "nothing"
                report.problems.append(
                    f"incident {told_before + 1}: nothing told within {row.first.within:.0f} s;"
                    f" firing: {firing}"
                )
            report.board = await shown(acted.monitoring.values)
        while loop.time() < until:
            silenced |= await acted.monitoring.silenced()
            await asyncio.sleep(LOOK_EVERY)
        if row.first is None:
            await _calm(acted, report)
        if pictures is not None:
            minutes = (datetime.now(UTC) - acted.since).total_seconds() / 60
            await asyncio.to_thread(_draw, acted.monitoring.url, pictures, minutes)
    repaired = datetime.now(UTC)
    silenced |= await _until_over(row, acted, report)
    report.silenced = sorted(silenced)
    over = acted.inbox.over
    last = [over[told.fingerprint] for told in _told(row, acted) if told.fingerprint in over]
    if last:
        # What is over while it is being repaired is over at once.
        report.resolved_after = max(0.0, (max(last) - repaired).total_seconds())


def _draw(url: str, pictures: Path, minutes: float) -> None:
    draw(url, pictures, minutes=minutes, scrape_seconds=SCRAPE_SECONDS, provider=EACH)


def _keep_first(report: RowReport, first: Notification | None, began: datetime) -> None:
    if first is None or report.first is not None:
        return
    report.first, report.after = first, (first.came_at - began).total_seconds()
    if not began <= first.since <= first.came_at:
        report.problems.append(f"it says since {first.since}, and the fault began {began}")


async def _until_over(row: Row, acted: Scene, report: RowReport) -> set[str]:
    """Until everything told is told as over and nothing fires; what was silenced meanwhile."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + row.resolved_within
    silenced: set[str] = set()
    over = acted.inbox.over
    quiet_since = loop.time()
    while loop.time() - quiet_since < QUIET_SECONDS:
        silenced |= await acted.monitoring.silenced()
        open_ = {told.alert for told in _told(row, acted) if told.fingerprint not in over}
        open_ |= await acted.monitoring.firing()
        if open_:
            quiet_since = loop.time()
        if loop.time() > latest:
            report.problems.append(
                f"not over {row.resolved_within:.0f} s after the repair: {', '.join(sorted(open_))}"
            )
            break
        await asyncio.sleep(LOOK_EVERY)
    return silenced


def _told(row: Row, acted: Scene) -> list[Notification]:
    """What nobody is told of counts only where the row is about it."""
    named = row.first.alert if row.first is not None else None
    return [
        told for told in acted.inbox.told if told.receiver != READ_BY_NOBODY or told.alert == named
    ]


async def _text_of_first(expected: First, acted: Scene, report: RowReport) -> None:
    """Who, since when, what to do, and that the board shows it."""
    first = report.first
    if first is None:
        return
    if (first.alert, first.receiver) != (expected.alert, expected.receiver):
        report.problems.append(f"{expected.alert} to {expected.receiver} had to be the first")
    who = expected.who.format(*acted.workers.admins)
    read = next((text for text in acted.inbox.texts if first.summary in text), "")
    report.read = read
    report.problems += [f"its text does not say {fact}" for fact in first.missing_from(read, who)]
    [severity] = {
        alert["labels"]["severity"]
        for alert in alerts()
        if alert["alert"] == f"ActivationWorker{first.alert}"
    }
    page = await acted.monitoring.page(first.runbook)
    title = f"# ActivationWorker{first.alert} ({severity})\n"
    if not (page.startswith(title) and "## Mitigation" in page):
        report.problems.append("its link leads to no runbook")
    if expected.receiver != READ_BY_NOBODY and all(panel.calm for panel in report.board):
        report.problems.append("the first row of the board shows nothing of it")


def _nothing_else(row: Row, acted: Scene, report: RowReport, *, quick: bool) -> None:
    told = [each.alert for each in _told(row, acted)]
    report.also = told[1:]
    if row.first is None:
        report.problems += [f"{alert} was told" for alert in told]
        return
    wrong = [each for each in told if each not in {row.first.alert, *row.also}]
    report.problems += [f"{alert} was told besides" for alert in wrong]
    if (times := told.count(row.first.alert)) < row.incidents:
        report.problems.append(f"{row.incidents} incidents were told {times} times")
    if not quick and (missing := row.silenced - set(report.silenced)):
        report.problems.append(f"never fired, so nothing is proven of: {', '.join(missing)}")
