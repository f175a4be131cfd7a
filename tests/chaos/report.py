"""What a row found, and the table that is printed of all of them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

AT_ONCE = 2.0  #: Seconds.


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    what: str  #: The fault.
    before: str  #: What was measured before the promise was made.
    now: str  #: What is measured now.
    promise: str
    met: bool | None  #: None: cannot be measured on this machine.
    figures: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if self.met is None:
            return "not applicable"
        return "met" if self.met else "NOT met"


@dataclass(frozen=True, slots=True)
class RowReport:
    name: str
    seconds: float
    load: float  #: Of the machine in the last minute, when the row ended.
    lines: Sequence[Line]


def failed(what: str, why: str) -> Line:
    """A row that could not be measured to its end keeps no promise."""
    return Line(what, "", why, "the row runs to its end", met=False)


def load_average() -> float:
    return os.getloadavg()[0]


def all_met(reports: Sequence[RowReport]) -> bool:
    return all(line.met is not False for report in reports for line in report.lines)


def as_json(reports: Sequence[RowReport]) -> str:
    return json.dumps(
        {
            "cores": os.cpu_count(),
            "all_met": all_met(reports),
            "rows": [asdict(report) for report in reports],
        },
        indent=2,
        ensure_ascii=False,
    )


def as_text(reports: Sequence[RowReport]) -> str:
    blocks: list[str] = []
    for report in reports:
        head = f"{report.name} ({report.seconds:.0f} s, load {report.load:.1f})"
        blocks.append("\n".join([head, *(_line_as_text(line) for line in report.lines)]))
    verdicts = [line.met for report in reports for line in report.lines]
    count = sum(met is True for met in verdicts)
    applicable = sum(met is not None for met in verdicts)
    blocks.append(f"{count} of {applicable} promises met, on {os.cpu_count()} cores")
    return "\n\n".join(blocks)


def _line_as_text(line: Line) -> str:
    parts = [f"  {line.what}: {line.verdict}"]
    if line.before:
        parts.append(f"    before   {line.before}")
    parts += [f"    now      {line.now}", f"    promise  {line.promise}"]
    return "\n".join(parts)


def seconds(value: float | None) -> str:
    return "not in the time of this row" if value is None else f"{value:.1f} s"
