"""The release before works on the schema of this one: beside it, and after a rollback."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from tests.acceptance.two_providers import own, simulated
from tests.acceptance.world import Process, World, spawn_command, until
from tests.chaos.api import Api, api_of
from tests.chaos.stage import becomes, hand_over, rent
from tests.ops.release_before import BEFORE, ROOT, VERSIONS, NoHistory, unpack_release_before
from worker.adapters.store import revisions

ACCOUNT = "acme"
LONG, SHORT = 600, 5
EACH = 10

#: Run by the code of the release before: every statement it has, in its folder, for the server.
PREPARES = """
import asyncio, sys
from pathlib import Path
import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from worker.adapters.store import case_rows, database, rentals, rows
folder = Path(database.__file__).parent / "sql"
#: Their conditions are put in by code: with each that it knows.
PUT_TOGETHER = {
    "activations/newest": rows.newest(frozenset(rows._FILTERS)),
    "cases/rentals": rentals.listed_sql(frozenset(rentals._WANTED)),
    "cases/reviews": case_rows.reviews_sql(frozenset(case_rows._WANTED)),
}

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    names = [path.relative_to(folder).with_suffix("") for path in sorted(folder.rglob("*.sql"))]
    own = [str(name) for name in names if name.parts[0] != "parts"]
    for name in own:
        whole = PUT_TOGETHER.get(name, database.statement(name))
        sql = str(whole.compile(dialect=PGDialect_asyncpg()))
        try:
            await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            print(f"{name}: {error}")
    print(len(own), "statements")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def before() -> Any:
    """The folder with the code of the release before."""
    with TemporaryDirectory(prefix="aw-before-") as made:
        try:
            unpack_release_before(Path(made))
        except NoHistory as reason:
            pytest.skip(str(reason))
        yield Path(made)


def test_every_statement_of_the_release_before_fits_the_schema(
    before: Path, database_url: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREPARES, database_url],
        cwd=before,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    *broken, counted = done.stdout.splitlines()
    assert not broken, "\n".join(broken)
    assert int(counted.split()[0]) > 100


def test_the_release_before_is_the_one_that_is_named(before: Path) -> None:
    versions = before / VERSIONS.relative_to(ROOT)

    assert max(versions.glob("[0-9]*.py")).stem[:4] == BEFORE
    assert revisions.head() > BEFORE


class Releases:
    """Daemons of both releases on the same servers."""

    def __init__(self, world: World, before: Path) -> None:
        self.world = world
        self._before = before

    async def command(self, *arguments: str, old: bool) -> None:
        command = self._python(*arguments, old=old)
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=self.world.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @asynccontextmanager
    async def daemon(self, *, old: bool) -> AsyncIterator[Api]:
        log = self.world.home / f"daemon-{len(self.world.daemons)}.log"
        command = self._python("run", old=old)
        process: Process = spawn_command(command, log, self.world.environment())
        self.world.daemons.append(process)
        await until(lambda: process.line("activation-worker: ready") is not None, process)
        async with api_of(process) as api:
            yield api
        assert process.terminate() == 0, log.read_text()[-2000:]

    def _python(self, *arguments: str, old: bool) -> list[str]:
        python = [sys.executable, "-m", "worker", *arguments]
        # Its own folder comes first where Python looks for `worker`.
        enter = ["sh", "-c", f'cd {self._before} && exec "$0" "$@"']
        return [*enter, *python] if old else python


@asynccontextmanager
async def releases(before: Path, database_url: str, redis_url: str) -> AsyncIterator[Releases]:
    with TemporaryDirectory(prefix="aw-") as made:
        home = Path(made)
        async with simulated(home, "--lifetime", "3000") as provider:
            world = World(database_url, redis_url, home, provider.url, provider.control)
            try:
                yield Releases(world, before)
            finally:
                world.end_all()


async def _numbers(world: World, api: Api, behaviour: str, window: int) -> list[str]:
    """Rented and handed over; their ids."""
    rented = await rent(own(world), ACCOUNT, EACH, behaviour, window)
    return [number.id for number in await hand_over(api, rented)]


async def _become(api: Api, ids: Sequence[str], state: str) -> None:
    async def met() -> bool:
        views = await api.views(ACCOUNT)
        return all(views[id_]["state"] == state for id_ in ids)

    assert await becomes(met, 30.0), [(await api.views(ACCOUNT))[id_]["summary"] for id_ in ids]


async def _press(api: Api, ids: Sequence[str], button: str) -> None:
    for id_ in ids:
        answer = await api.call("POST", f"/v1/activations/{id_}/{button}")
        assert answer.status in {200, 202}, answer


@pytest.mark.nightly
async def test_both_releases_run_beside_each_other_and_the_old_one_goes_on_alone(
    before: Path, empty_database_url: str, redis_url: str
) -> None:
    async with releases(before, empty_database_url, redis_url) as both:
        await both.command("migrate", old=True)
        revision = await _revision(empty_database_url)
        async with both.daemon(old=True) as old:
            await old.open_account(ACCOUNT, 10**6)
            await _become(old, await _numbers(both.world, old, "timeout", 1), "refunded")
            live = await _numbers(both.world, old, "timeout", LONG)
            coded = await _numbers(both.world, old, "code-arrives:1", LONG)
            await _become(old, coded, "received")

            await both.command("migrate", old=False)
            assert await _revision(empty_database_url) != revision
            assert await _value(empty_database_url, "SELECT written FROM layout") == 0
            # The old one goes on, on the new schema.
            await _press(old, live[: EACH // 2], "cancel")
            await _become(old, live[: EACH // 2], "refunded")
            between = await _numbers(both.world, old, "timeout", SHORT)
            async with both.daemon(old=False) as new:
                ours = await _numbers(both.world, new, "timeout", LONG)
                await _become(old, between, "refunded")
                await _press(old, ours[: EACH // 2], "cancel")
                await _press(new, live[EACH // 2 :], "cancel")
                await _become(new, [*live, *ours[: EACH // 2]], "refunded")
                await both.command("audit", old=True)
                await both.command("audit", old=False)
        # Rolled back: the old one starts on the schema that it does not know, and ends everything.
        async with both.daemon(old=True) as old:
            last = await _numbers(both.world, old, "timeout", 1)
            await _press(old, ours[EACH // 2 :], "cancel")
            await _press(old, coded, "finish")
            await _become(old, [*ours, *last], "refunded")
            await _become(old, coded, "delivered")
            await both.command("audit", old=True)
        await both.command("audit", old=False)
        await both.world.all_final(30)


async def _revision(url: str) -> str:
    return str(await _value(url, "SELECT version_num FROM alembic_version"))


async def _value(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
