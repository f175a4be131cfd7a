"""`make fuzz`: a million replies, each adapter's share guided by what they reach in its code.

What was interesting is kept in .state/fuzz/corpus and begins the next night. An answer that the
oracles do not accept ends the share of its adapter; its input is kept in .state/fuzz/found.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.fuzz.adapters import ADAPTERS
from tests.fuzz.inputs import unpacked
from tests.fuzz.oracles import complaints

STATE: Final = Path(__file__).parents[2] / ".state" / "fuzz"
REPLIES: Final = 1_000_000
STDOUT_TAIL: Final = 2_000  #: Characters: the exception, where there was one.


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--replies", type=int, default=REPLIES, help="of all adapters together")
    parser.add_argument("--adapter", action="append", choices=ADAPTERS, help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="ask again what was found")
    options = parser.parse_args()
    if options.reproduce:
        return reproduce(options.reproduce)
    names = options.adapter or list(ADAPTERS)
    share = -(-options.replies // len(names))
    reports = [guided(name, share, options.seed, options.state) for name in names]
    passed = [report for report in reports if report]
    tell(f"{sum(report['replies'] for report in passed):,} replies read as they should be")
    return 0 if len(passed) == len(names) else 1


def guided(name: str, replies: int, seed: int, state: Path) -> dict[str, Any] | None:
    """What the fuzzer of one adapter reports; None when it found something, or did not run."""
    found, log = state / "found", state / "log" / f"{name}.log"
    for folder in (found, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    asked = (
        *(sys.executable, "-m", "tests.fuzz.guided", name),
        *("--replies", str(replies), "--seed", str(seed)),
        *("--corpus", str(state / "corpus" / name), "--found", str(found)),
    )
    with log.open("w") as stderr:
        done = subprocess.run(asked, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    if done.returncode != 0:
        tell(f"{name}: exit code {done.returncode}, {log}")
        tell(done.stdout[-STDOUT_TAIL:])
        for file in sorted(set(found.iterdir()) - before):
            tell(f"{name}: found {file}; make fuzz OPTIONS='--reproduce {file}' asks it again")
        return None
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    rate = report["replies"] / max(report["seconds"], 0.01)
    tell(
        f"{name:22} {report['replies']:9,} replies {rate:8,.0f} a second"
        f"  peak {report['peak_mb']} MB  corpus {report['corpus']:,}"
    )
    return report


def reproduce(file: Path) -> int:
    """Ask the adapter that the file's name begins with, as its fuzzer did."""
    adapter = ADAPTERS[file.name.partition(".")[0]]
    call = unpacked(file.read_bytes(), adapter)
    outcome = adapter.ask(call)
    tell(f"{adapter.name} {call.operation}")
    for reply in call.replies:
        tell(f"  {reply.status} {reply.body!r}")
    tell(f"  {outcome.answer!r}")
    wrong = complaints(adapter, call, outcome)
    tell("; ".join(wrong) or "nothing is wrong with it")
    return 1 if wrong else 0


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
