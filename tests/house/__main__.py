"""`make house`: what it costs to find one's way in this code, and to change it.

--all says what was counted where a figure is not as it should be; --output json gives data.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from tests.house.figures import Figure, measured
from tests.house.source import source_at

HEAD = ("measure", "before", "now", "aim", "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make house", description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    figures = measured(source_at())
    text = as_json(figures) if options.output == "json" else as_text(figures, full=options.all)
    sys.stdout.write(text + "\n")


def as_json(figures: Sequence[Figure]) -> str:
    rows = [
        {
            "measure": figure.measure.name,
            "counted": figure.measure.counted,
            "before": figure.measure.before,
            "now": figure.now,
            "aim": figure.measure.aim,
            "ok": figure.ok,
            "found": list(figure.found),
        }
        for figure in figures
    ]
    return json.dumps(rows, indent=2)


def as_text(figures: Sequence[Figure], *, full: bool) -> str:
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for number, row in enumerate(rows):
        name, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([row[0].ljust(len(name)), *rest]).rstrip())
        if full and number and not figures[number - 1].ok:
            lines.append(f"    {figures[number - 1].measure.counted}")
            lines += [f"    - {found}" for found in figures[number - 1].found]
    missed = sum(not figure.ok for figure in figures)
    lines.append(f"{len(figures) - missed} of {len(figures)} as they should be")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    measure = figure.measure
    before = "" if measure.before is None else _number(measure.before)
    cells = (before, _number(figure.now), _number(measure.aim))
    return (measure.name, *(f"{cell}{measure.unit}" for cell in cells), "ok" if figure.ok else "no")


def _number(value: float) -> str:
    return f"{value:,g}" if value == int(value) else f"{value:.1f}"


if __name__ == "__main__":
    main()
