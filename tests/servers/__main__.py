"""`make servers`: the same tests on every server that the worker is said to work with.

Each line says of a server: ran, with how many tests; not to be had, and why. What did not apply
there is listed below it with its reason. Ends with 1 where a test failed.
"""

import argparse
import re
import subprocess
import sys

from tests.debian_package import NotToBeHad
from tests.servers.cells import CELLS, Cell, pytest_command


def run(cell: Cell) -> tuple[str, bool]:
    """What became of it, in a line or more, and whether nothing failed."""
    try:
        command = pytest_command(cell)
    except NotToBeHad as why:
        return f"not to be had: {why}", True
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or ["nothing was run"]
    if done.returncode:
        return "\n".join([f"FAILED: {lines[-1]}", *lines[-60:]]), False
    skipped = [line for line in lines if line.startswith("SKIPPED")]
    reasons = [f"  not applicable: {re.sub(r'^SKIPPED ', '', line)}" for line in skipped]
    return "\n".join([f"ran: {lines[-1]}", *reasons]), True


def main() -> int:
    parser = argparse.ArgumentParser(prog="make servers", description=__doc__)
    parser.add_argument("--only", metavar="WORD", help="cells whose name has it")
    only = parser.parse_args().only or ""
    good = True
    for cell in (cell for cell in CELLS if only in cell.name):
        says, passed = run(cell)
        good &= passed
        sys.stdout.write(f"{cell.name}: {says}\n")
        sys.stdout.flush()
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
