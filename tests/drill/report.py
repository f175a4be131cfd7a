"""What a row found, and the table that is printed of all of them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drill.board import Shown
from tests.drill.inbox import Notification
from tests.drill.machine import BUSY
from tests.drill.shipped import FACTOR, as_shipped

WIDTH = 96


@dataclass(slots=True)
class RowReport:
    name: str
    says: str
    seconds: float = 0.0
    pressure: float | None = None  #: Of the machine: the share of the time tasks waited for a core.
    first: Notification | None = None
    read: str = ""  #: The text of it, as somebody reads it.
    after: float | None = None  #: Seconds from the fault to it.
    also: Sequence[str] = ()  #: What was told later, in order.
    board: Sequence[Shown] = ()  #: When it came; in a healthy row, at the end.
    silenced: Sequence[str] = ()
    resolved_after: float | None = None  #: Seconds from the repair to the last word.
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def told(self) -> str:
        if self.first is None or self.after is None:
            return "nothing"
        shipped = as_shipped(f"ActivationWorker{self.first.alert}", self.after)
        return f"{self.first.alert} after {self.after:.0f} s (as shipped about {shipped:.0f} s)"

    def receiver(self) -> str:
        return "-" if self.first is None else self.first.receiver


def as_text(reports: Sequence[RowReport]) -> str:
    blocks = [_block(report) for report in reports]
    held = sum(report.holds for report in reports)
    note = f"{held} of {len(reports)} rows as asserted; times of Prometheus {FACTOR} times shorter"
    busy = [r.name for r in reports if not r.holds and (r.pressure or 0) > BUSY]
    if busy:
        note += f"\nthe machine was busy with other things, so act again: {', '.join(busy)}"
    return "\n\n".join([*blocks, as_markdown(reports), note])


def _block(report: RowReport) -> str:
    verdict = "as asserted" if report.holds else "NOT as asserted"
    lines = [f"{report.name} ({report.seconds:.0f} s): {verdict}", f"  fault     {report.says}"]
    lines.append(f"  first     {report.told()}, to {report.receiver()}")
    if report.first is not None:
        lines += [f"  says      {line}" for line in report.read.splitlines()]
        lines.append(f"  told at   {report.first.came_at:%H:%M:%S}")
    lines += _wrapped("also", ", ".join(report.also) or "-")
    lines += _wrapped("silenced", ", ".join(report.silenced) or "-")
    lines += _wrapped("board", ", ".join(map(str, report.board)))
    if report.resolved_after is not None:
        lines.append(f"  resolved  {report.resolved_after:.0f} s after the repair")
    if report.pressure is not None:
        lines.append(f"  machine   tasks waited for a core {report.pressure:.0%} of the time")
    lines += [f"  PROBLEM   {problem}" for problem in report.problems]
    return "\n".join(lines)


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"  {name:10}", subsequent_indent=" " * 12
    ) or [f"  {name}"]


def as_markdown(reports: Sequence[RowReport]) -> str:
    lines = [
        "| fault | first notification | to | silenced | resolved |",
        "|---|---|---|---|---|",
    ]
    for report in reports:
        resolved = "-" if report.resolved_after is None else f"{report.resolved_after:.0f} s"
        silenced = ", ".join(report.silenced) or "-"
        cells = (report.says, report.told(), report.receiver(), silenced, resolved)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
