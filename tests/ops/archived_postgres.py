"""A PostgreSQL that archives its WAL, is lost with its disk, and is restored as `operating` says.

The blocks of the page are run as they stand, with a folder of the test in place of the page's.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from tests.acceptance.guides import Block, blocks_of
from worker.entrypoints.children import Child, User, running
from worker.entrypoints.embedded import (
    WHEEL,
    copy_programs,
    find_postgres,
    init_database,
    may_use,
    server_user,
)

PAGE = Path(__file__).parents[2] / "worker/docs/operating.md"
FOLDER = "/var/lib/postgresql"  #: On the page.
BLOCK_SECONDS = 120


def block(name: str) -> Block:
    """The one that begins with this comment."""
    (found,) = (each for each in blocks_of(PAGE) if each.text.startswith(f"# {name}\n"))
    return found


def archiving() -> str:
    """What the page adds to `postgresql.conf`."""
    (found,) = (each.text for each in blocks_of(PAGE) if "archive_mode" in each.text)
    return found


@dataclass
class ArchivedPostgres:
    programs: Path
    folder: Path
    user: User
    child: Child

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder))}"

    @property
    def path(self) -> str:
        return f"{self.programs / 'bin'}:{os.environ['PATH']}"

    async def run(self, name: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a block of the page as the server's user; what it printed."""
        given = {
            "PATH": self.path,
            "PGHOST": str(self.folder),
            "PGUSER": "postgres",
            **(environment or {}),
        }
        text = block(name).text.replace(FOLDER, str(self.folder))
        return await asyncio.to_thread(run_block, text, self.folder, given, self.user)

    async def archive(self) -> None:
        """Wait until all that was committed is archived, as `archive_timeout` would have it."""
        connection = await asyncpg.connect(self.url)
        try:
            last = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal() - 1)")
            while True:
                archived = await connection.fetchval(
                    "SELECT last_archived_wal FROM pg_stat_archiver"
                )
                if archived is not None and archived >= last:
                    return
                await asyncio.sleep(0.05)  # Another process copies it.
        finally:
            await connection.close()

    async def lose(self) -> None:
        """The disk is gone: what was not archived is lost."""
        self.child.kill()
        await asyncio.to_thread(shutil.rmtree, self.folder / "data")

    async def restore(self, point: str) -> None:
        await self.run("Put the base backup in place", {"POINT": point})
        self.child.stop()  # The page has stopped it already, where it ran.
        await self.start_again()

    async def start_again(self) -> None:
        await self.child.start()
        await self.run("Wait for the end of the recovery")


def run_block(script: str, home: Path, environment: Mapping[str, str], user: User) -> str:
    """As pasted: where the first failure must end it, the block itself says so."""
    is_other = user.uid >= 0
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BLOCK_SECONDS,
        user=user.uid if is_other else None,
        group=user.gid if is_other else None,
        extra_groups=[] if is_other else None,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@asynccontextmanager
async def archived_postgres(
    folder: Path, listen: tuple[str, int] | None = None
) -> AsyncIterator[ArchivedPostgres]:
    """Running in *folder*, which its user can enter; nothing of it is forced to the disk.

    With *listen* it trusts whoever reaches it there.
    """
    user, programs = server_user(), find_postgres()
    if programs.name == WHEEL and not may_use(programs.parent, user):
        programs = copy_programs(programs, folder)
    data = folder / "data"
    for path in (data, folder / "archive"):
        path.mkdir(mode=0o700)
        if user.uid >= 0:
            os.chown(path, user.uid, user.gid)
    if user.uid >= 0:
        os.chown(folder, user.uid, user.gid)
    init_database(programs, folder, data, user)
    address, port = listen or ("", 5432)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(archiving().replace(FOLDER, str(folder)))
        settings.write(f"listen_addresses = '{address}'\nport = {port}\n")
        settings.write(f"unix_socket_directories = '{folder}'\nmax_connections = 200\n")
        settings.write("fsync = off\nsynchronous_commit = off\ntimezone = UTC\n")
    if listen is not None:
        with (data / "pg_hba.conf").open("a") as trusted:
            trusted.write("host all all samenet trust\n")

    async def ready() -> bool:
        file = data / "postmaster.pid"
        return file.exists() and file.read_text().rstrip().endswith("ready")

    command = [str(programs / "bin/postgres"), "-D", str(data)]
    child = Child("archived-postgres", command, folder, ready, user)
    async with running(child):
        yield ArchivedPostgres(programs, folder, user, child)
