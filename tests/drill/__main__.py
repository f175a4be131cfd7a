"""`make drill`: break what can break, and see what the on-call is told.

Real daemons, servers and simulated providers on loopback, a real Prometheus and a real Alertmanager
with the shipped rules, alerts and routes. Every row has a world of its own; some are acted side by
side. Progress goes to stderr, the table to stdout; Ctrl-C ends what runs and prints what there is.
"""

import argparse
import asyncio
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.stage import Scale
from tests.drill.act import Row, act
from tests.drill.machine import Machine
from tests.drill.monitoring import Programs, programs
from tests.drill.report import RowReport, as_text
from tests.drill.table import ROWS
from tests.until_signal import run_until_signal

INTERRUPTED: Final = 130
AT_ONCE: Final = 3  #: Most of a row is waiting.
ROW_SECONDS_MAX: Final = 900.0


async def run(
    rows: Sequence[Row], scale: Scale, found: Programs, done: list[RowReport], pictures: Path | None
) -> None:
    """Add a report for every row that was acted to its end."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(row: Row) -> None:
        async with places:
            tell(f"{row.name}: {row.says}")
            machine = Machine()
            report = await acted(row, scale, found, pictures and pictures / row.name)
            report.pressure = machine.pressure()
            done.append(report)
            tell(f"{row.name}: {'; '.join(report.problems) or report.told()}")

    async with asyncio.TaskGroup() as group:
        for row in sorted(rows, key=lambda row: -(row.lasts + row.resolved_within)):
            group.create_task(one(row))  # The longest first: they would be last alone.


async def acted(row: Row, scale: Scale, found: Programs, pictures: Path | None) -> RowReport:
    try:
        async with asyncio.timeout(ROW_SECONDS_MAX):
            return await act(row, scale, found, pictures)
    except TimeoutError:
        problem = f"not at its end after {ROW_SECONDS_MAX:.0f} s"
    except Exception as error:  # noqa: BLE001 - one row must not end the others
        traceback.print_exc()
        problem = f"{type(error).__name__}: {error}"[:500]
    return RowReport(row.name, row.says, problems=[problem])


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=names, help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="shorter faults: fewer consequences")
    pictures = "draw the boards there at the height of each fault"
    parser.add_argument("--pictures", type=Path, metavar="DIR", help=pictures)
    return parser.parse_args()


def main() -> None:
    given = options()
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    try:
        found = programs()
    except pytest.skip.Exception as reason:
        sys.exit(f"the drill needs Prometheus and Alertmanager: {reason}")
    done: list[RowReport] = []
    acts = run(rows, Scale(given.quick), found, done, given.pictures)
    complete = asyncio.run(run_until_signal(acts))
    order = {row.name: place for place, row in enumerate(ROWS)}
    done.sort(key=lambda report: order[report.name])
    sys.stdout.write(as_text(done) + "\n")
    sys.exit(INTERRUPTED if not complete else not all(report.holds for report in done))


if __name__ == "__main__":
    main()
