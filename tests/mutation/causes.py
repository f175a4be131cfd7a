"""`python -m tests.mutation.causes`: put back what once lost time or codes; a checker must see it.

Each cause is a change of the worker's source. It is made in a copy of the checkout, and the test
that is named beside it must fail there. Where the source has moved on, the change does not apply,
and that is a failure too: it is written anew, or the cause is gone for good.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
COPIED: Final = ("worker", "tests", "config", "pyproject.toml")
SECONDS_MAX: Final = 300.0
#: What the simulation's checkers say. A run that fails in another way has seen nothing.
FINDINGS: Final = ("code lost:", "ending late:", "slow return:")
FAILED: Final = 1  #: pytest's exit code where a test failed.
SIMULATED: Final = (
    "tests/simulation/test_times_promised.py::test_codes_are_shown_and_endings_are_at_once[{}-{}]"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """*old* stands once in the file, and becomes *new*; None: all of the file does."""

    file: str
    old: str | None
    new: str

    def of(self, text: str) -> str | None:
        """The file as it becomes; None where the edit does not apply."""
        if self.old is None:
            return self.new
        return text.replace(self.old, self.new) if text.count(self.old) == 1 else None


@dataclass(frozen=True, slots=True)
class Cause:
    says: str
    edits: Sequence[Edit]
    caught_by: str
    awaited: bool = False  #: What mends it is not here yet: its test fails without any edit.


def simulated(fault: str, seed: int = 0) -> str:
    return SIMULATED.format(fault, seed)


CAUSES: Final = {
    "a circuit closes by a timer": Cause(
        "A provider that is back waits for the next probe, and its numbers for their own backoffs.",
        [
            Edit(
                "worker/adapters/providers/breaker.py",
                "PROBE_EVERY_S = 1.0",
                "PROBE_EVERY_S = 30.0",
            )
        ],
        simulated("provider away for minutes"),
    ),
    "each number waits by itself": Cause(
        "What failed while a provider was away is due by a backoff of its own.",
        [
            Edit(
                "worker/lifecycle/provider_return.py",
                "AWAY.wait(0, chance) if away or tries < 0 else backoff.wait(tries, chance)",
                "backoff.wait(attempts + 6, chance)",
            )
        ],
        simulated("provider away"),
    ),
    "a read before each repeated cancel": Cause(
        "Every owed number costs two calls.",
        [
            Edit(
                "worker/lifecycle/cancel.py",
                "due.attempts > 0 and provider.capabilities.look_changes_things",
                "due.attempts > 0",
            )
        ],
        simulated("provider away"),
    ),
    "a lease outlives its holder": Cause(
        "What a dead process had leased is due when the lease ends.",
        [
            Edit(
                "worker/adapters/store/sql/instances/free_leases.sql",
                "SET lease_until = '-infinity', epoch = epoch + 1, leased_by = NULL,\n"
                "           pursue_at",
                "SET epoch = epoch + 1, leased_by = NULL,\n           pursue_at",
            )
        ],
        simulated("killed"),
    ),
    "redis is present while it answers": Cause(
        "A Redis that takes no writes is asked again and again.",
        [
            Edit(
                "worker/adapters/redis/failover.py",
                "    async def _probe(self) -> None:\n        began",
                "    async def _probe(self) -> None:\n        return\n        began",
            ),
            Edit(
                "worker/adapters/redis/failover.py",
                "            if not self._give_up(self._monotonic()):\n                raise\n",
                "            raise\n",
            ),
        ],
        simulated("redis refuses writes"),
    ),
    "a failed add is forgotten": Cause(
        "A number that Redis did not take is watched by nobody.",
        [Edit("worker/lifecycle/unscheduled.py", "left += looks", "left += looks[:0]")],
        simulated("redis fails briefly"),
    ),
    "the lead is a session lock": Cause(
        "A frozen leader leads on.",
        [
            Edit(
                "worker/adapters/store/sql/leadership/leads.sql",
                None,
                "-- Whoever has the lock leads, as long as its connection lives.\n"
                "SELECT pg_try_advisory_lock(hashtextextended(:topic, 0))\n"
                "   AND CAST(:id AS uuid) IS NOT NULL AND {{now}} IS NOT NULL\n"
                "   AND coalesce(CAST(:silence AS interval) > '0', true)\n",
            )
        ],
        simulated("leader frozen without redis"),
    ),
    "the leader alone cannot reach the provider": Cause(
        "It leads on, and nobody else looks.",
        [
            Edit(
                "worker/lifecycle/ticks.py",
                "return not self._stopping and self.providers[name].circuit is not Circuit.OPEN",
                "return not self._stopping",
            )
        ],
        simulated("leader cannot reach the provider"),
    ),
    "an unreadable answer is waited for": Cause(
        "A look that could not be read is repeated half a minute later.",
        [
            Edit(
                "worker/lifecycle/look.py",
                "            return self.next(number, terms) or self._once_more(number)\n",
                "            return self.clock.now() + timedelta(seconds=30)\n",
            )
        ],
        simulated("unreadable answers"),
    ),
    "a batch of looks is looked at to its end": Cause(
        "One look that hangs holds up all others at its provider, the last ones among them.",
        [
            Edit(
                "worker/lifecycle/watch.py",
                "            if room > 0:\n",
                "            if room > 0 and at.places.taken == 0:\n",
            )
        ],
        simulated("some looks hang"),
    ),
    "a stretch waits for its last look": Cause(
        "Looks that hang as a stretch ends keep the next one from beginning.",
        [Edit("worker/lifecycle/watch.py", "            pass_on()\n", "")],
        "tests/unit/lifecycle/test_looks_beside_a_hanging_one.py",
    ),
    "an ending waits for the slowest before it": Cause(
        "One cancel that hangs holds up all endings at its provider.",
        [
            Edit(
                "worker/lifecycle/lanes.py",
                "    passing = asyncio.ensure_future(passed_on.wait())\n",
                "    passing = asyncio.ensure_future(asyncio.Event().wait())\n",
            )
        ],
        simulated("some cancels hang"),
    ),
    "settling waits for a locked account": Cause(
        "One locked balance holds up all other accounts.",
        [
            Edit(
                "worker/lifecycle/settle.py",
                "return await self._settle(endings, LOCK_WAIT)",
                "return await self._settle(endings, None)",
            )
        ],
        simulated("account locked"),
    ),
    "the host's clock decides": Cause(
        "A host that is an hour ahead takes every number for expired.",
        [
            Edit(
                "worker/lifecycle/clock.py",
                "return self._at + timedelta(seconds=self.monotonic() - self._counted_from)",
                "return self.host_now()",
            )
        ],
        simulated("clock an hour ahead"),
    ),
    "an account's state is read before its lock": Cause(
        "A hold begins after a freeze that was committed while it waited.",
        [
            Edit(
                "worker/adapters/store/sql/books/lock_accounts.sql",
                "FOR NO KEY UPDATE OF b, a",
                "FOR NO KEY UPDATE OF b",
            )
        ],
        "tests/integration/store/test_store_locked_accounts.py",
    ),
    "looks ask a Redis that is away": Cause(
        "A slow one holds up the looks of whoever asks whether it is back.",
        [
            Edit(
                "worker/adapters/redis/failover.py",
                "        if self._away:\n            return await question(self._local)\n"
                "        try:",
                "        if self._away:\n            await self._try_to_return()\n"
                "            return await question(self._local)\n        try:",
            )
        ],
        simulated("redis slow"),
    ),
    "without Redis nobody sweeps each second": Cause(
        "Deliveries, and credits after the grace, are seconds late.",
        [
            Edit(
                "worker/lifecycle/ticks.py",
                "        silence_without_redis=timedelta(seconds=1),  # Nobody else sweeps then.\n",
                "",
            )
        ],
        simulated("redis stopped"),
    ),
    "a number that is told again is not scheduled": Cause(
        "Killed after its COMMIT, or not answered, an intake leaves a number that nobody watches.",
        [Edit("worker/lifecycle/accept.py", "(*activations, *again)", "activations")],
        "tests/integration/lifecycle/test_stored_numbers_watched.py",
    ),
    "only a new push is hinted": Cause(
        "A push that was stored as something failed is looked at as late as any other number.",
        [
            Edit(
                "worker/lifecycle/take_pushes.py",
                "if push.ref in new or (provider, push.content_hash) not in self._hinted",
                "if push.ref in new",
            )
        ],
        "tests/unit/lifecycle/test_take_pushes.py",
    ),
    "a page waits for one locked row": Cause(
        "A row that somebody keeps locked holds back all codes of its page of a list.",
        [
            Edit(
                "worker/adapters/store/sql/activations/lock_free_for_codes.sql",
                "UPDATE OF a SKIP LOCKED",
                "UPDATE OF a",
            )
        ],
        "tests/integration/lifecycle/test_codes_of_locked_numbers.py",
    ),
    "a list that hangs has all of its time": Cause(
        "While looks are answered, nobody gives up a list that hangs.",
        [Edit("worker/adapters/providers/wire.py", "        self._overtake_alone(now)\n", "")],
        "tests/unit/providers/test_provider_hanging.py",
    ),
    "a lost code is remembered as recorded": Cause(
        "What a failover lost is not recorded again for minutes.",
        [Edit("worker/lifecycle/look.py", "self.seen_codes.forget_if(self.doubts())", "pass")],
        simulated("failover"),
        awaited=True,
    ),
    "a pursuit reaches the next customer": Cause(
        "A ref that was sold again is cancelled for the number that had it before.",
        [Edit("worker/adapters/store/sql/parts/sold_again.sql", "EXISTS", "NOT EXISTS")],
        "tests/integration/lifecycle/test_refs_sold_again.py",
        awaited=True,
    ),
}
#: Those that each run of the tests makes; `make nightly` makes all.
IN_EVERY_RUN: Final = ("redis is present while it answers", "the host's clock decides")


def problem(cause: Cause) -> str | None:
    """None where its test sees it; else what is wrong."""
    with copied() as copy:
        for edit in cause.edits:
            if not apply(copy, edit):
                return f"{edit.file} does not have once: {edit.old!r}"
        run = pytest_in(copy, cause.caught_by)
    is_seen = run.returncode == FAILED and (
        not cause.caught_by.startswith("tests/simulation") or any(f in run.stdout for f in FINDINGS)
    )
    return None if is_seen else f"pytest ended with {run.returncode}:\n{run.stdout[-2000:]}"


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the checkout. Its servers' state is shared: it is locked while it is used."""
    with tempfile.TemporaryDirectory(prefix="aw-cause-") as place:
        copy = Path(place)
        for name in COPIED:
            if (CHECKOUT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
                shutil.copytree(CHECKOUT / name, copy / name, ignore=ignored)
            else:
                shutil.copy(CHECKOUT / name, copy / name)
        state = CHECKOUT / ".state"
        state.mkdir(exist_ok=True)
        (copy / ".state").symlink_to(state)
        yield copy


def apply(copy: Path, edit: Edit) -> bool:
    """Whether it could be applied."""
    file = copy / edit.file
    changed = edit.of(file.read_text()) if file.exists() else None
    if changed is not None:
        file.write_text(changed)
    return changed is not None


def pytest_in(copy: Path, test: str) -> "subprocess.CompletedProcess[str]":
    seed = test.rpartition("-")[2].removesuffix("]") if "[" in test else "0"
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AW_SIMULATION_SEEDS": f"{seed}:{int(seed) + 1}",
    }
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "COVERAGE_PROCESS_START"):
        environment.pop(name, None)
    options = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.causes", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", metavar="WORDS", help="causes with these in their name"
    )
    only = parser.parse_args().only or [""]
    missed = 0
    for name, cause in CAUSES.items():
        if not any(words in name for words in only):
            continue
        wrong = None if cause.awaited else problem(cause)
        verdict = "awaited" if cause.awaited else "caught" if wrong is None else "NOT caught"
        missed += wrong is not None
        sys.stdout.write(f"{verdict}: {name}\n" + (f"{wrong}\n" if wrong else ""))
        sys.stdout.flush()
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
