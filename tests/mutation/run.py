"""`make mutation`: every mutant of the refund policies and their calendar, against their tests.

Cosmic Ray lists the mutants, makes each one and keeps the results. Each core has a copy of the
checkout, and the tests of a mutant run in a fork of its process, which has pytest loaded already:
that is several times faster than starting Python anew. Of the files of tests only those are run
that enter the function a mutant is made in. Stopped with Ctrl-C it goes on where it was, unless
what it depends on has changed since.
"""
# mypy: disable-error-code="import-untyped"
# Cosmic Ray ships no types.

import ast
import gc
import hashlib
import json
import math
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import time
import tokenize
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from compileall import compile_dir
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from difflib import unified_diff
from functools import partial
from itertools import pairwise
from pathlib import Path
from py_compile import PycInvalidationMode

import hypothesis.internal.conjecture.engine  # noqa: F401 - every fork would import it again
import pytest
from cosmic_ray.commands import init
from cosmic_ray.config import ConfigDict, load_config
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.tools.filters.operators_filter import OperatorsFilter
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import (
    MutationSpec,
    TestOutcome,
    WorkerOutcome,
    WorkItem,
    WorkResult,
)

import tests
from tests.mutation.reach import FORK, Position, Reach, function_at, traced

CHECKOUT = Path(__file__).parents[2]
CONFIG = Path("tests/mutation/policy.toml")
COPIED = (
    "pyproject.toml",
    "worker",
    "config/policies",
    "tests/unit/domain",
    "tests/golden/policies_kept_before.json",
    "tests/golden/policy_scenarios.json",
    str(CONFIG),
)
STATE = CHECKOUT / ".state" / "mutation"
COPY = STATE / "copy"
COPIES = STATE / "copies"  #: One for each process that makes mutants.
READS_FILES = Path("worker/domain/policy/language")
GOALS = {"what decides": 0.98, "what reads policy files": 0.9}
EVERY = 50  #: Mutants between two lines of progress.
MEMORY_BYTES = 2 << 30  #: A mutant may build without end.
SPARE_SECONDS = 2  #: Of the processor, for a file of tests; a mutant may go round for ever.


def main() -> int:
    digest = copy_checkout()
    import_from(COPY)
    sys.dont_write_bytecode = True
    config = load_config(str(CONFIG))
    options, files = of_pytest(config.test_command)
    reaches = read_reaches(STATE / f"{digest}.json", options, files)
    if failed := [str(file) for file in files if not reaches[file].passed]:
        tell(f"fail without any mutation: {', '.join(failed)}")
        return 1
    file = STATE / f"{digest}.sqlite"
    if not file.exists():
        list_mutants(file, config)
    with use_db(str(file), WorkDB.Mode.open) as session:
        try:
            run_pending(session, options, reaches)
        finally:
            code = report(session)
        return code


def copy_checkout() -> str:
    """Copy what is needed; return what tells this content from any other."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.rmtree(COPIES, ignore_errors=True)
    for name in COPIED:
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        if (CHECKOUT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
            shutil.copytree(CHECKOUT / name, COPY / name, ignore=ignored)
        else:
            shutil.copy(CHECKOUT / name, COPY / name)
    digest = hashlib.sha256()
    for file in sorted(path for path in COPY.rglob("*") if path.is_file()):
        if file.is_relative_to(COPY / "worker") and not file.is_relative_to(COPY / "worker/domain"):
            continue  # The policies import nothing of it; others may work on it meanwhile.
        digest.update(f"{file.relative_to(COPY)}\0".encode() + file.read_bytes())
    # By content, not by time: a mutant is written within the second and may be of the same size.
    compile_dir(COPY, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return digest.hexdigest()[:16]


def of_pytest(command: str) -> tuple[list[str], list[Path]]:
    """The options, and the files of tests; the worked cases are the first."""
    _env, setting, _python, _m, _pytest, *arguments = shlex.split(command)
    name, _, value = setting.partition("=")
    os.environ[name] = value
    options = [argument for argument in arguments if not Path(argument).exists()]
    named = [Path(argument) for argument in arguments if Path(argument).exists()]
    files = [file for path in named for file in (sorted(path.rglob("test_*.py")) or [path])]
    ignored = {Path(it.removeprefix("--ignore=")) for it in options if it.startswith("--ignore=")}
    return options, [file for file in dict.fromkeys(files) if file not in ignored]


def read_reaches(kept: Path, options: Sequence[str], files: Sequence[Path]) -> dict[Path, Reach]:
    """By file of tests; found out once, which takes minutes."""
    if not kept.exists():
        reaches = []
        for done, file in enumerate(files, start=1):
            reaches.append(traced(partial(run_file, options, file), COPY))
            tell(f"{done} of {len(files)} files of tests: which functions they enter")
        kept.write_text(json.dumps(reaches))
    read = [
        Reach(passed, seconds, frozenset(map(tuple, entered)))
        for passed, seconds, entered in json.loads(kept.read_text())
    ]
    return dict(zip(files, read, strict=True))


def list_mutants(file: Path, config: ConfigDict) -> None:
    """A session appears with all its mutants and those to skip marked, or not at all."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    found = find_modules([Path(path) for path in config["module-path"]])
    apart = config["excluded-modules"]
    modules = [one for one in found if not any(one.match(pattern) for pattern in apart)]
    types = {module: [*annotations(module), *separators(module)] for module in modules}
    with use_db(str(unfinished), WorkDB.Mode.create) as session:
        init(modules, session, config.operators_config)
        OperatorsFilter().filter(session, Namespace(config=str(CONFIG)))
        for item in session.pending_work_items:
            mutation = item.mutations[0]
            if any(start <= mutation.start_pos < end for start, end in types[mutation.module_path]):
                session.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))
    unfinished.rename(file)


def annotations(module: Path) -> Iterator[tuple[Position, Position]]:
    """From where to where types are named, and said how a class is made (`frozen`, `slots`).

    The first is the type checker's job, and any change breaks import; the second decides nothing.
    """
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.AnnAssign(annotation=ast.Name(id="TypeAlias"), value=ast.expr() as types):
                yield span(types)
            case ast.AnnAssign(annotation=types) | ast.arg(annotation=ast.expr() as types):
                yield span(types)
            case ast.ClassDef(decorator_list=decorators):
                yield from map(span, decorators)
            case ast.FunctionDef(returns=ast.expr() as types):
                yield span(types)
            case _:
                pass


def separators(module: Path) -> Iterator[tuple[Position, Position]]:
    """The bare star of a signature, from where to where: it multiplies nothing."""
    with module.open("rb") as source:
        for token, after in pairwise(tokenize.tokenize(source.readline)):
            if (token.string, after.string) == ("*", ","):
                yield token.start, token.end


def span(types: ast.expr) -> tuple[Position, Position]:
    assert types.end_lineno is not None
    assert types.end_col_offset is not None
    return (types.lineno, types.col_offset), (types.end_lineno, types.end_col_offset)


def run_pending(session: WorkDB, options: Sequence[str], reaches: Mapping[Path, Reach]) -> None:
    pending = list(session.pending_work_items)
    # In any order, the same each time: what a run that was stopped has seen stands for the rest.
    random.Random(0).shuffle(pending)
    tell(f"{len(pending)} mutants to go of {session.num_work_items}")
    started = time.monotonic()
    workers = ProcessPoolExecutor(mp_context=FORK, initializer=move_into_own_copy)
    try:
        jobs = {}
        for item in pending:
            mutation = item.mutations[0]
            files = files_that_may_kill(mutation, reaches)
            jobs[workers.submit(result_of, mutation, options, files)] = item.job_id
        for done, job in enumerate(as_completed(jobs), start=1):
            session.set_result(jobs[job], job.result())
            if done % EVERY == 0 or done == len(pending):
                left = (time.monotonic() - started) / done * (len(pending) - done)
                tell(f"{done} of {len(pending)} done, {left / 60:.0f} min left")
    except KeyboardInterrupt:
        tell("stopping, as soon as the mutants that are made now have been tested")
        raise
    finally:
        workers.shutdown(cancel_futures=True)


def files_that_may_kill(
    mutation: MutationSpec, reaches: Mapping[Path, Reach]
) -> list[tuple[Path, float]]:
    """Each with the seconds it may take. Those named like the module first, then the fast ones."""
    module = mutation.module_path
    function = function_at(module, mutation.start_pos)
    files = [
        file
        for file, reach in reaches.items()
        if function is None or (str(module), function) in reach.entered
    ]
    files.sort(key=lambda file: (module.stem not in file.stem, reaches[file].seconds))
    return [(file, SPARE_SECONDS + reaches[file].seconds) for file in files]


def move_into_own_copy() -> None:
    # Ctrl-C at the terminal is for the process that keeps the results: a run that was cut off by it
    # would look like a mutant that was killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own = COPIES / str(os.getpid())
    shutil.copytree(COPY, own)
    import_from(own)


def import_from(root: Path) -> None:
    os.chdir(root)
    sys.path[0] = str(root)
    tests.__path__ = [str(root / "tests")]


def result_of(
    mutation: MutationSpec, options: Sequence[str], files: Sequence[tuple[Path, float]]
) -> WorkResult:
    operator = get_operator(mutation.operator_name)()
    with ExitStack() as stack:
        try:
            mutant = use_mutation(mutation.module_path, operator, mutation.occurrence)
            before, after = stack.enter_context(mutant)
        except AttributeError:
            # Cosmic Ray cannot make it: it knows no dotted names after `except`.
            return WorkResult(WorkerOutcome.EXCEPTION)
        passed = tests_pass(options, files)
    changed = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return WorkResult(
        WorkerOutcome.NORMAL,
        test_outcome=TestOutcome.SURVIVED if passed else TestOutcome.KILLED,
        diff="\n".join(list(changed)[3:]),
    )


def tests_pass(options: Sequence[str], files: Sequence[tuple[Path, float]]) -> bool:
    fork = FORK.Process(target=run_tests, args=(options, files))
    fork.start()
    try:
        fork.join()
    finally:
        fork.kill()
    return fork.exitcode == 0


def run_tests(options: Sequence[str], files: Sequence[tuple[Path, float]]) -> None:
    gc.disable()  # It ends too soon to need it.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # One file after the other: collecting all of them takes longer than most mutants live.
    for file, seconds in files:
        # Of the processor, not of the wall: a busy machine must not kill a mutant.
        end = math.ceil(time.process_time() + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))
        if run_file(options, file):
            os._exit(1)
    os._exit(0)


def run_file(options: Sequence[str], file: Path) -> int:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return int(pytest.main([*options, str(file)]))


def report(session: WorkDB) -> int:
    run = [pair for pair in session.completed_work_items if pair[1].test_outcome is not None]
    survivors = [pair for pair in run if pair[1].test_outcome is TestOutcome.SURVIVED]
    for item, result in sorted(survivors, key=place):
        mutation = item.mutations[0]
        operator = mutation.operator_name.removeprefix("core/")
        print(f"{mutation.module_path}:{mutation.start_pos[0]} {operator}\n{result.diff}\n")  # noqa: T201 - a report
    made, lived = Counter(map(part, run)), Counter(map(part, survivors))
    for name, goal in GOALS.items():
        killed = made[name] - lived[name]
        share = f"{killed / max(made[name], 1):.1%} where {goal:.0%} are asked"
        print(f"{name}: {killed} of {made[name]} mutants killed, {share}")  # noqa: T201 - a report
    print(f"{session.num_work_items - len(run)} skipped or not run")  # noqa: T201 - a report
    reached = all(made[name] - lived[name] >= goal * made[name] for name, goal in GOALS.items())
    return 0 if reached else 1


def part(pair: tuple[WorkItem, WorkResult]) -> str:
    deciding, reading = GOALS
    return reading if pair[0].mutations[0].module_path.is_relative_to(READS_FILES) else deciding


def place(pair: tuple[WorkItem, WorkResult]) -> tuple[str, Position, str]:
    mutation = pair[0].mutations[0]
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name


def tell(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        tell("stopped; the next run goes on from here")
        sys.exit(130)
