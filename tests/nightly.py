"""`make nightly`: all that takes longer than a run of the tests may; one after the other.

A run that fails stops none of the others. At the end there is a line for each, and the exit code
says whether all of them passed. What each printed is in `.state/nightly`.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[1]
OUTPUT: Final = CHECKOUT / ".state" / "nightly"
PYTHON: Final = sys.executable
PYTEST: Final = (PYTHON, "-m", "pytest", "-q", "-n", "2", "--dist=load", "--timeout=900")


@dataclass(frozen=True, slots=True)
class Run:
    name: str
    says: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


RUNS: Final = (
    Run("simulation", "the swarms, and each fault in simulated time, with 40 seeds",
        (*PYTEST, "tests/simulation/test_swarm.py", "tests/simulation/test_times_promised.py"),
        {"AW_SIMULATION_SEEDS": "40"}),
    Run("crashes", "each scenario broken at every boundary",
        (*PYTEST, "-m", "", "tests/simulation", "-k", "everywhere")),
    Run("slow", "the tests that are too slow for each run",
        (*PYTEST, "-m", "nightly", "--ignore=tests/simulation", "tests")),
    Run("api", "each call of the API as its description says, with many more examples",
        (*PYTEST, "tests/contracts/test_openapi_schemathesis.py"),
        {"AW_API_EXAMPLES": "200"}),
    Run("servers", "PostgreSQL 15 and 18, Redis 7, Valkey 9, PgBouncer, TLS", ("make", "servers")),
    Run("packages", "a provider family from outside, in its own environment",
        (*PYTEST[:4], "--timeout=900", "tests/acceptance/nightly_family_package.py")),
    Run("demos", "the demo at every family",
        (*PYTEST[:4], "--timeout=900", "tests/acceptance/nightly_demos.py")),
    Run("causes", "each known cause of lost time, put back",
        (PYTHON, "-m", "tests.mutation.causes")),
    Run("moving", "50,000 accounts and 50,000 numbers moved in, killed once",
        (PYTHON, "-m", "tests.bench.moving_in")),
    Run("chaos", "real processes, all faults", ("make", "chaos")),
    Run("ops", "restore, upgrade and rollback, hosts cut off", ("make", "ops")),
    Run("drill", "what the on-call is told, all faults", ("make", "drill")),
    Run("bench", "the ratios", ("make", "bench")),
    Run("audits", "three million settled numbers, and what is new",
        (PYTHON, "-m", "tests.bench.audits")),
    Run("retention", "a year of settled numbers, forgotten and dropped",
        (PYTHON, "-m", "tests.bench.retention")),
    Run("scale", "a hundred thousand live numbers", ("make", "scale")),
    Run("brownout", "half an hour of brown-out", ("make", "brownout")),
    Run("fuzz", "a million provider replies", ("make", "fuzz")),
    Run("mutation", "every mutant of the refund policies", ("make", "mutation")),
)  # fmt: skip


#: What make was told of `make nightly` itself; a make of a run would take it for its own.
OF_MAKE: Final = {"OPTIONS", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL"}


def passes(run: Run) -> bool:
    """Run it to its end; what it prints goes to a file."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    environment |= run.environment
    with (OUTPUT / f"{run.name}.txt").open("w") as output:
        ended = subprocess.run(
            run.command,
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return ended.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="make nightly", description=__doc__)
    names = [run.name for run in RUNS]
    parser.add_argument("--only", nargs="+", metavar="RUN", choices=names, help=", ".join(names))
    only = parser.parse_args().only or names
    OUTPUT.mkdir(parents=True, exist_ok=True)
    lines = []
    for run in (run for run in RUNS if run.name in only):
        sys.stdout.write(f"{run.name}: {run.says}\n")
        sys.stdout.flush()
        began = time.monotonic()
        verdict = "passed" if passes(run) else "FAILED"
        minutes = (time.monotonic() - began) / 60
        lines.append(f"{run.name:12} {verdict}  {minutes:5.1f} min  .state/nightly/{run.name}.txt")
    sys.stdout.write("\n".join(["", *lines, ""]))
    sys.exit(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    main()
