"""The servers that tests run on, and how each is had: from a wheel or a Debian package."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.debian_package import NotToBeHad, unpacked
from worker.entrypoints.children import EmbeddedError
from worker.entrypoints.embedded import find_postgres, find_valkey

STATE: Final = Path(__file__).parents[2] / ".state" / "debian"
#: What redis-server of Debian is linked with, besides what every Debian has.
REDIS: Final = (
    "redis-server",
    "redis-tools",
    "libjemalloc2",
    "liblua5.1-0",
    "liblzf1",
    "libhiredis0.14",
    "lua-cjson",
    "lua-bitop",
)
POSTGRES_15: Final = Path("/usr/lib/postgresql/15")
STORE: Final = ("tests/integration/store", "tests/integration/lifecycle")
QUEUE: Final = (
    "tests/integration/test_schedule_in_redis.py",
    "tests/integration/test_hand_over.py",
    "tests/integration/test_arq_ticker.py",
    "tests/contracts/test_schedule_contract.py",
)
MISTAKES: Final = ("tests/integration/store/test_refused_connections.py",)


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    tests: Sequence[str]
    options: Callable[[], Sequence[str]]  #: Of pytest; raises `NotToBeHad`.


def debian_postgres() -> Path:
    """The installed one; as root it is installed, because it finds its files by fixed paths."""
    if not (POSTGRES_15 / "bin/postgres").exists():
        if os.geteuid() != 0:
            raise NotToBeHad("postgresql-15 is not installed, and only root can install it")
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "postgresql-15"]
        done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise NotToBeHad(f"postgresql-15: {done.stderr.strip()[-200:]}")
    return POSTGRES_15


def debian_redis() -> Path:
    """A program that starts it with its libraries from where they were unpacked."""
    roots = [unpacked(package, STATE) for package in REDIS]
    libraries = ":".join(str(each) for root in roots for each in root.glob("usr/lib/*-linux-gnu"))
    program = STATE / "bin/redis-server"
    program.parent.mkdir(exist_ok=True)
    # The package's own name for it is a link to another program: what it does, its name says.
    real = roots[1] / "usr/bin/redis-check-rdb"
    program.write_text(
        f'#!/bin/bash\nLD_LIBRARY_PATH="{libraries}" exec -a redis-server "{real}" "$@"\n'
    )
    program.chmod(0o755)
    return program


def wheels() -> Sequence[str]:
    try:
        find_postgres(), find_valkey()
    except EmbeddedError as error:
        raise NotToBeHad(str(error)) from None
    return ()


CELLS: Final = (
    Cell("PostgreSQL 18, Valkey 9: wheels", (*STORE, *QUEUE), wheels),
    Cell(
        "PostgreSQL 15: Debian",
        (*STORE, "tests/servers"),
        lambda: ("--postgres", str(debian_postgres())),
    ),
    Cell(
        "Redis 7: Debian",
        (*QUEUE, *MISTAKES, "tests/servers"),
        lambda: ("--redis", str(debian_redis())),
    ),
    Cell(
        "PostgreSQL 18 behind PgBouncer in transaction mode",
        ("tests/integration/store",),
        lambda: (*wheels(), "--database-through", "pgbouncer"),
    ),
    Cell(
        "PostgreSQL 15 behind PgBouncer in transaction mode",
        ("tests/integration/store",),
        lambda: ("--postgres", str(debian_postgres()), "--database-through", "pgbouncer"),
    ),
)


def pytest_command(cell: Cell) -> Sequence[str]:
    quiet = (sys.executable, "-m", "pytest", "-q", "-rfs", "-p", "no:cacheprovider")
    return (*quiet, "--timeout=300", *cell.tests, *cell.options())
