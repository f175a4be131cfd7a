"""The database is lost and restored to a point in time, as the page `operating` says.

Real servers, daemon, provider. What customers and shops were told before the point stands; what
happened after it is said again, or done again once. What the page says can cost money costs exactly
that here.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest
from redis import Redis

from tests.acceptance.two_providers import Simulated, simulated
from tests.acceptance.world import PROVIDER, TOKEN, World
from tests.chaos.api import Api, api_of
from tests.chaos.stage import PRICE, becomes, hand_over, rent, sleep_until
from tests.conftest import Valkey
from tests.ops.archived_postgres import ArchivedPostgres, archived_postgres, block, run_block
from tests.ops.redis_cli import with_redis_cli
from worker.adapters.store.migrate import upgrade
from worker.adapters.store.postgres import PostgresStore
from worker.client import hand_over as arq_hand_over
from worker.domain.ids import AccountId
from worker.entrypoints.children import User
from worker.ports.handover import QUEUE
from worker.ports.store.books import BookStore

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
#: Windows: over before the point; over while nothing runs; not over before the end.
SHORT, MEANWHILE, LONG = 1, 9, 600
ACCOUNT = "acme"
PAID_IN, TOPPED_UP = 1_000_000, 5_000
ENDED_WITHIN = 30.0
EACH = 10  #: Numbers of each kind.


@dataclass
class Drill:
    world: World
    database: ArchivedPostgres
    provider: Simulated
    each: int

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Api]:
        process = await self.world.start_daemon()
        try:
            async with api_of(process) as api:
                yield api
        finally:
            process.end()

    async def numbers(self, api: Api, window: int) -> list[dict[str, Any]]:
        """So many that the shop rented itself and handed over."""
        rented = await rent(self.provider, ACCOUNT, self.each, "timeout", window)
        await hand_over(api, rented)
        return rented

    async def orders(self, api: Api, key: str) -> list[Mapping[str, Any]]:
        """So many that the daemon buys, each under a key of its own; what it answers."""
        body = {
            "account": ACCOUNT,
            "provider": PROVIDER,
            "service": "timeout",
            "country": "0",
            "price_minor": PRICE,
            "window_seconds": LONG,
        }
        calls = (
            api.call("POST", "/v1/activations", body, key=f"{key}-{n}") for n in range(self.each)
        )
        answers = await asyncio.gather(*calls)
        assert {answer.status for answer in answers} <= {200, 201}, answers
        return [answer.body for answer in answers]

    async def top_up(self, api: Api) -> None:
        second = {"reference": "second", "amount_minor": TOPPED_UP}
        answer = await api.call("POST", f"/v1/accounts/{ACCOUNT}/topups", second)
        assert answer.status in {200, 201}, answer

    async def code(self, numbers: Sequence[Mapping[str, Any]]) -> None:
        """The SMS of each arrives at the provider."""
        for number in numbers:
            sms = {"id": number["provider_ref"], "code": f"7{number['provider_ref'][-4:]}"}
            await self.provider.control.post("/_sim/sms", sms)

    async def views(self, api: Api) -> dict[str, Mapping[str, Any]]:
        """Every number as the API shows it, by its ref at the provider."""
        return {str(view["provider_ref"]): view for view in (await api.views(ACCOUNT)).values()}

    async def become(self, api: Api, numbers: Sequence[Mapping[str, Any]], *states: str) -> None:
        refs = [number["provider_ref"] for number in numbers]

        async def met() -> bool:
            views = await self.views(api)
            return all(ref in views and views[ref]["state"] in states for ref in refs)

        if not await becomes(met, ENDED_WITHIN):
            views = await self.views(api)
            raise AssertionError([views[ref]["summary"] if ref in views else ref for ref in refs])

    async def press(self, api: Api, numbers: Sequence[Mapping[str, Any]], button: str) -> None:
        views = await self.views(api)
        for number in numbers:
            id_ = views[number["provider_ref"]]["id"]
            answer = await api.call("POST", f"/v1/activations/{id_}/{button}")
            assert answer.status in {200, 202}, answer

    async def events(self, api: Api) -> dict[str, str]:
        """Every event that was ever told, its type by its id."""
        told: dict[str, str] = {}
        after = 0
        while (page := await api.get(f"/v1/events?after={after}&limit=200"))["items"]:
            told |= {str(each["id"]): str(each["type"]) for each in page["items"]}
            after = page["next_after"]
        return told

    async def run(self, name: str, api: Api | None = None) -> None:
        """Run a block of the page, as who runs the daemon."""
        await self.shell(block(name).text, api)

    async def shell(self, script: str, api: Api | None = None) -> None:
        world = self.world
        environment = {**world.environment(), "PYTHONPATH": str(ROOT), "PROVIDER": PROVIDER}
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        environment["PATH"] = with_redis_cli(world.home, path)
        environment["REDIS_URL"] = world.redis_url
        if api is not None:
            environment |= {"AW_URL": api.url, "AW_TOKEN": TOKEN}
        strict = f"set -euo pipefail\n{script}"
        await asyncio.to_thread(run_block, strict, world.home, environment, User())


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter, with a path so short that a socket's fits."""
    with TemporaryDirectory(prefix="aw-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        (Path(made) / "database").mkdir()
        yield Path(made)


@asynccontextmanager
async def drilled(home: Path, valkey: Valkey, each: int) -> AsyncIterator[Drill]:
    async with provider_in(home) as provider, archived_postgres(home / "database") as database:
        settings = {f"AW_PROVIDERS__{PROVIDER.upper()}__DIALECT": "hero"}
        world = World(database.url, valkey.url, home, provider.url, provider.control, settings)
        try:
            yield Drill(world, database, provider, each)
        finally:
            world.end_all()


@asynccontextmanager
async def provider_in(home: Path) -> AsyncIterator[Simulated]:
    """One with a list and a history."""
    kind = ["--family", "handler_api", "--dialect", "hero", "--lifetime", "3000"]
    async with simulated(home, *kind) as provider:
        yield replace(provider, name=PROVIDER)


@dataclass
class Before:
    """What there is at the point in time."""

    refunded: list[dict[str, Any]]  #: Over, and told.
    pressed: list[dict[str, Any]]  #: Cancel is pressed after the point.
    coded: list[dict[str, Any]]  #: Gets its code after the point; open at the restart.
    coded_over: list[dict[str, Any]]  #: The same; over at the restart.
    over: list[dict[str, Any]]  #: Over at the restart, without a code.
    ordered: list[Mapping[str, Any]]


@dataclass
class After:
    """What is lost with the disk."""

    live: list[dict[str, Any]]
    coded: list[dict[str, Any]]
    ordered: list[Mapping[str, Any]]  #: The shop has their answers,
    unanswered: list[Mapping[str, Any]]  #: and not these.
    events: Mapping[str, str]
    waiting: list[dict[str, Any]]  #: Handed over by arq, and taken by nobody yet.


async def _life_before(drill: Drill, api: Api) -> Before:
    await api.open_account(ACCOUNT, PAID_IN)
    refunded = await drill.numbers(api, SHORT)
    await drill.database.run("Base backup")
    before = Before(
        refunded,
        pressed=await drill.numbers(api, LONG),
        coded=await drill.numbers(api, LONG),
        ordered=await drill.orders(api, "before"),
        coded_over=await drill.numbers(api, MEANWHILE),
        over=await drill.numbers(api, MEANWHILE),
    )
    await drill.become(api, refunded, "refunded")
    return before


async def _life_after(drill: Drill, api: Api, before: Before) -> After:
    await drill.code(before.coded + before.coded_over)
    await drill.top_up(api)
    live, coded = await drill.numbers(api, LONG), await drill.numbers(api, LONG)
    await drill.code(coded)
    ordered, unanswered = await drill.orders(api, "after"), await drill.orders(api, "silent")
    await drill.press(api, before.pressed, "cancel")
    await drill.become(api, before.pressed, "refunded")
    await drill.become(api, before.coded + before.coded_over + coded, "received")
    waiting = await rent(drill.provider, ACCOUNT, 1, "timeout", LONG)
    return After(live, coded, ordered, unanswered, await drill.events(api), waiting)


async def _say_again(drill: Drill, api: Api, before: Before, after: After, codes: Any) -> None:
    """Step 6 of the page, by its table; some of it twice, as nobody knows what arrived."""
    lines = [*after.live, *({**each, "codes": codes[each["provider_ref"]]} for each in after.coded)]
    members = ("account", "provider", "provider_ref", "phone", "service", "country", "price_minor")
    lines += [
        {**{member: each[member] for member in (*members, "rented_at")}, "window_seconds": LONG}
        for each in after.ordered
    ]
    text = "\n".join(map(json.dumps, lines))
    await asyncio.to_thread((drill.world.home / "numbers.ndjson").write_text, text)
    for _ in range(2):
        await drill.shell("activation-worker import numbers numbers.ndjson", api)
        await drill.top_up(api)
        await drill.press(api, before.pressed, "cancel")
        again = await drill.orders(api, "silent")
        assert {each["id"] for each in again} == {each["id"] for each in after.unanswered}
        assert [each["id"] for each in await drill.orders(api, "before")] == [
            each["id"] for each in before.ordered
        ]


async def _restored(drill: Drill, before: Before, after: After, point: str, codes: Any) -> None:
    await drill.database.restore(point)
    await drill.run("Prove the books")
    async with drill.daemon() as api:
        assert set(await drill.views(api)) - _refs(after.waiting) == _refs(*vars(before).values())
        await drill.become(api, after.waiting, "waiting")
        await _say_again(drill, api, before, after, codes)
        # What the daemon owes it does without anybody's word.
        await drill.become(api, before.refunded + before.over + before.coded_over, "refunded")
        await drill.become(api, before.coded + after.coded, "received")
        await drill.run("Give back what is nobody's", api)
        views = await drill.views(api)
        await drill.press(api, [v for v in views.values() if v["state"] == "waiting"], "cancel")
        await drill.press(api, before.coded + after.coded, "finish")
        await drill.become(api, before.coded + after.coded, "delivered")
        assert await becomes(lambda: _nothing_held(api), ENDED_WITHIN)
        await _paid_once(drill, api, before, after)
        await _told_again(drill, api, before, after)


async def _told_again(drill: Drill, api: Api, before: Before, after: After) -> None:
    """By the same ids; only of a code that came back too late nothing is told any more."""
    missing = after.events.keys() - (await drill.events(api)).keys()
    views = await drill.views(api)
    of_late = {str(views[each["provider_ref"]]["id"]) for each in before.coded_over}
    assert {after.events[id_] for id_ in missing} == {"activation.code_received"}
    assert {id_.rpartition(":")[2] for id_ in missing} == of_late


def _refs(*numbers: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(each["provider_ref"]) for some in numbers for each in some}


async def _nothing_held(api: Api) -> bool:
    return not await api.held_minor(ACCOUNT)


async def _paid_once(drill: Drill, api: Api, before: Before, after: After) -> None:
    """Customers have their money once; the provider has ours only where it sent a code."""
    balance = (await api.get(f"/v1/accounts/{ACCOUNT}"))["available_minor"]
    delivered = before.coded + after.coded
    assert balance == PAID_IN + TOPPED_UP - PRICE * len(delivered)

    async def charged() -> set[str]:
        return {ref for ref, row in (await drill.provider.books()).items() if row["net_minor"] > 0}

    wanted = _refs(delivered, before.coded_over)  # These are what the page says can be lost.
    assert await becomes(lambda: _equal(charged, wanted), ENDED_WITHIN), await charged() ^ wanted
    exposed = await api.metric("late_codes_total", provider=PROVIDER)
    assert exposed == len(before.coded_over)


async def _equal(read: Any, wanted: set[str]) -> bool:
    return bool(await read() == wanted)


@pytest.mark.nightly
async def test_a_restored_database_pays_nothing_twice_but_what_the_page_says(
    home: Path, valkey: Valkey
) -> None:
    async with drilled(home, valkey, EACH) as drill:
        await drill.shell("activation-worker migrate")
        async with drill.daemon() as api:
            before = await _life_before(drill, api)
            point = datetime.now(UTC).isoformat()
            after = await _life_after(drill, api, before)
            views = await drill.views(api)
            codes = {ref: views[ref]["codes"] for ref in _refs(after.coded)}
            await drill.database.archive()
            await drill.database.lose()
        over = max(datetime.fromisoformat(each["rented_at"]) for each in before.over)
        await sleep_until(over + timedelta(seconds=MEANWHILE))
        await arq_hand_over(valkey.url, after.waiting)
        await drill.run("Forget the schedule")
        await _restored(drill, before, after, point, codes)
        await drill.run("Prove the books")


async def test_a_restore_forgets_in_redis_what_the_worker_keeps_there_and_nothing_else(
    home: Path, valkey: Valkey
) -> None:
    environment = {"PATH": with_redis_cli(home, os.environ["PATH"]), "REDIS_URL": valkey.url}
    number = {"provider": PROVIDER, "provider_ref": "1"}
    with Redis.from_url(valkey.url, decode_responses=True) as redis:
        job = await arq_hand_over(valkey.url, number)
        redis.zadd("arq:queue", {"job-of-the-shop": 1})
        kept = set(redis.scan_iter())
        assert kept >= {QUEUE, "arq:queue", f"arq:job:{job}"}
        for provider in ("sim", "other"):
            redis.zadd(f"aw:{{{provider}}}:due", {"a-number": 1})

        for _ in range(2):  # The second time there is nothing to forget.
            text = block("Forget the schedule").text
            await asyncio.to_thread(run_block, text, home, environment, User())
            assert set(redis.scan_iter()) == kept


@pytest.mark.parametrize("disk_is_lost", [True, False], ids=["disk lost", "server runs"])
async def test_the_blocks_of_the_page_restore_what_was_there_at_the_point(
    home: Path, *, disk_is_lost: bool
) -> None:
    async with archived_postgres(home / "database") as database:
        point = await _backed_up_and_written_to(database)
        if disk_is_lost:
            await database.archive()
            await database.lose()
        await database.restore(point)

        assert await _accounts(database) == {"in-the-backup", "in-the-wal"}


async def test_of_a_dead_server_what_it_had_not_archived_is_taken_along(home: Path) -> None:
    async with archived_postgres(home / "database") as database:
        point = await _backed_up_and_written_to(database)
        connection = await asyncpg.connect(database.url)
        await connection.execute("CHECKPOINT")  # The commits are on the disk.
        await connection.close()
        database.child.kill()

        with pytest.raises(AssertionError, match=r"\ndata/postmaster\.pid is there"):
            await database.restore(point)
        assert not (database.folder / "lost").exists()
        (database.folder / "data/postmaster.pid").unlink()
        await database.run("Put the base backup in place", {"POINT": point})
        await database.run("Take along what was not archived")
        await database.start_again()

        assert await _accounts(database) == {"in-the-backup", "in-the-wal"}
        await database.archive()  # What was copied is archived now; nothing of it is in the way.


async def _backed_up_and_written_to(database: ArchivedPostgres) -> str:
    """An account in the base backup, one in the WAL, one after the point; the point."""
    await upgrade(database.url)
    names = [AccountId(name) for name in ("in-the-backup", "in-the-wal", "after-the-point")]
    async with opened(database.url) as books:
        await books.open_account(names[0], "USD")
        await database.run("Base backup")
        await books.open_account(names[1], "USD")
        point = datetime.now(UTC).isoformat()
        await books.open_account(names[2], "USD")
    return point


async def _accounts(database: ArchivedPostgres) -> set[str]:
    """Those that are there, in books that are whole."""
    async with opened(database.url) as books:
        assert not any(finding.violations for finding in await books.audit())
        return {str(each.account) for each in await books.accounts(after=None, limit=9)}


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[BookStore]:
    store = PostgresStore(url, pool_size=2)
    try:
        yield store.books
    finally:
        await store.close()


async def test_a_base_backup_that_fails_leaves_the_one_before(home: Path) -> None:
    async with archived_postgres(home / "database") as database:
        await database.run("Base backup")
        before = (database.folder / "base/backup_manifest").read_text()

        with pytest.raises(AssertionError, match=r"\npg_basebackup: error"):
            await database.run("Base backup", {"PGHOST": str(home / "nobody-listens")})
        broken = {"PATH": f"{_failing(home, 'pg_verifybackup')}:{database.path}"}
        with pytest.raises(AssertionError, match="pg_verifybackup is broken"):
            await database.run("Base backup", broken)

        assert (database.folder / "base/backup_manifest").read_text() == before
        await database.run("Base backup")
        assert (database.folder / "base/backup_manifest").read_text() != before
        assert {each.name for each in database.folder.glob("base*")} == {"base"}


def _failing(home: Path, program: str) -> Path:
    file = home / "failing" / program
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\necho {program} is broken >&2\nexit 1\n")
    file.chmod(0o755)
    file.parent.chmod(0o755)
    return file.parent
