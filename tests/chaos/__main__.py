"""`make chaos`: break what can break, measure what is lost, hold it against the promises.

Real servers, providers and daemons on loopback. Every row has a world of its own; Ctrl-C ends what
runs and prints what there is. Progress goes to stderr, the table to stdout.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Sequence

from tests.chaos.report import Line, RowReport, all_met, as_json, as_text, failed, load_average
from tests.chaos.stage import Scale, raise_descriptor_limit
from tests.chaos.table import ROWS, Row
from tests.until_signal import run_until_signal

INTERRUPTED = 130


async def run(rows: Sequence[Row], scale: Scale, reports: list[RowReport]) -> None:
    """Add a report for every row that was measured to its end."""
    for row in rows:
        tell(f"{row.name}: {row.says}")
        began = time.monotonic()
        lines = await _measured(row, scale)
        reports.append(RowReport(row.name, time.monotonic() - began, load_average(), lines))
        for line in lines:
            tell(f"  {line.what}: {line.verdict}: {line.now}")


async def _measured(row: Row, scale: Scale) -> Sequence[Line]:
    try:
        async with asyncio.timeout(row.minutes_max * 60):
            return await row.measure(scale)
    except TimeoutError:
        return [failed(row.says, f"not at its end after {row.minutes_max:g} minutes")]
    except Exception as error:  # noqa: BLE001 - one row must not end the others
        traceback.print_exc()
        return [failed(row.says, f"{type(error).__name__}: {error}"[:500])]


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=names, help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="smaller numbers, shorter faults")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    return parser.parse_args()


def main() -> None:
    given = options()
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    raise_descriptor_limit()
    reports: list[RowReport] = []
    complete = asyncio.run(run_until_signal(run(rows, Scale(given.quick), reports)))
    sys.stdout.write((as_json if given.output == "json" else as_text)(reports) + "\n")
    sys.exit(INTERRUPTED if not complete else not all_met(reports))


if __name__ == "__main__":
    main()
