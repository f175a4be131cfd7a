"""The mixed crowd of `demo`, with its outage: one daemon serves several families.

Each run of the tests has four of them, `make nightly` all. `nightly_demos` runs the command
itself at each of them, with more numbers. The key of the providers is one that nothing else has:
afterwards it must be nowhere.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.two_providers import settings_for
from tests.acceptance.world import TOKEN, Process, spawn, until
from worker.adapters.store.postgres import PostgresStore
from worker.domain.families import every_dialect
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, Target, connected, path_of
from worker.entrypoints.demo.report import SCENARIOS, PlannedNumber, Report, plan_numbers
from worker.entrypoints.demo.run import (
    GRACE_SECONDS,
    MIN_CANCEL_AGE_SECONDS,
    USERNAME,
    DemoRun,
    reported,
)
from worker.settings.load import SIGNS_IN
from worker.simulator.config import configured
from worker.simulator.server import running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

NUMBERS = 16  #: At each: the fewest that have all scenarios in them.
WINDOW = 20.0
#: At more at once a busy machine rents too slowly: windows would end before others begin.
AT_ONCE = [list(every_dialect())[at : at + 4] for at in range(0, len(list(every_dialect())), 4)]
#: The four of which no two speak one family.
IN_EACH_RUN = max(AT_ONCE, key=lambda some: len({family for family, _ in some}))
KEY = "canary-key-5f2d81c4"
RENTS_AT_ONCE = 1  #: At each.
EVENTS = 10_000  #: More than there are.


@dataclass(frozen=True)
class Place:
    """A simulated provider, and how the daemon calls it."""

    family: str
    dialect: str
    url: str

    @property
    def name(self) -> str:
        return "_".join(filter(None, (self.family, self.dialect)))

    @property
    def settings(self) -> dict[str, str]:
        told = {
            "FAMILY": self.family,
            "API_KEY": KEY,
            "MIN_CANCEL_AGE_SECONDS": str(MIN_CANCEL_AGE_SECONDS),
            "EXPOSURE_LIMIT_MINOR": "100000000",
            **({"DIALECT": self.dialect} if self.dialect else {}),
            **({"API_USERNAME": USERNAME} if self.family == SIGNS_IN else {}),
        }
        return dict(settings_for(self.name, self.url, **told))

    def numbers(self) -> Sequence[PlannedNumber]:
        """For customers of its own, so that each crowd has its own balances."""
        planned = plan_numbers(NUMBERS, WINDOW, seed=1)
        return [replace(each, account=f"{self.name}-{each.account}") for each in planned]


@pytest.fixture(
    params=[
        pytest.param(some, marks=() if some is IN_EACH_RUN else pytest.mark.nightly)
        for some in AT_ONCE
    ],
    ids=lambda some: ",".join(each[1] or each[0] for each in some),
)
async def places(request: pytest.FixtureRequest) -> AsyncIterator[list[Place]]:
    async with AsyncExitStack() as stack:
        found = []
        for family, dialect in request.param:
            config = configured(
                None,
                family=family,
                dialect=dialect or None,
                api_key=KEY,
                window_seconds=WINDOW,
                lifetime_seconds=WINDOW * 4,
                min_cancel_age_seconds=MIN_CANCEL_AGE_SECONDS,
            )
            simulator = await stack.enter_async_context(running(config))
            found.append(Place(family, dialect, simulator.url))
        yield found


@pytest.fixture
def daemon(
    places: list[Place], database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[Process]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {
        **kept,
        "AW_DATABASE__URL": database_url,
        "AW_REDIS__URL": redis_url,
        "AW_API__LISTEN": "127.0.0.1:0",
        "AW_ADMIN__LISTEN": "127.0.0.1:0",
        "AW_API__TOKENS": f"test:operate+decide:{TOKEN}",
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": str(GRACE_SECONDS),
        "AW_LOG__LEVEL": "debug",
    }
    for place in places:
        environment |= place.settings
    process = spawn(["run"], tmp_path / "daemon.log", environment)
    yield process
    process.end()


async def crowd_at(place: Place, shop: Daemon) -> Report:
    async with connected(Target(place.url, None)) as provider:
        numbers = place.numbers()
        run = DemoRun(shop, provider, numbers, WINDOW, lambda _: None, place.name, RENTS_AT_ONCE)
        started = time.monotonic()
        return await reported(run, await run.run(), [], started)


async def everything_told(shop: Daemon, daemon: Process) -> dict[str, str]:
    """All that leaves the daemon: its log, its metrics, its events, and each number's timeline."""
    line = daemon.line("activation-worker: admin")
    assert line is not None
    async with aiohttp.ClientSession() as http, http.get(f"{line.split()[2]}/metrics") as answer:
        metrics = await answer.text()
    events = [each async for each in shop.pages("/v1/events", EVENTS)]
    ids = [str(each["id"]) async for each in shop.pages(ACTIVATIONS, EVENTS)]
    lines = [await shop.get(path_of(id_)) for id_ in ids]
    providers = await shop.get("/v1/providers")
    return {
        "log": daemon.log.read_text(errors="replace"),
        "metrics": metrics,
        "events": json.dumps(events),
        "timelines": json.dumps(lines),
        "providers": json.dumps(providers),
    }


async def test_every_number_ends_as_it_must(
    places: list[Place], daemon: Process, database_url: str
) -> None:
    await until(lambda: daemon.line("activation-worker: ready") is not None, daemon)
    line = daemon.line("activation-worker: api")
    assert line is not None

    async with connected(Target(line.split()[-1], TOKEN)) as shop:
        reports = await asyncio.gather(*(crowd_at(place, shop) for place in places))
        told = await everything_told(shop, daemon)

    wrong = {place.name: each.wrong for place, each in zip(places, reports, strict=True)}
    assert {name: why for name, why in wrong.items() if why} == {}
    assert {each.numbers for each in reports} == {NUMBERS}
    # Else a scenario would be missing somewhere.
    assert {len(each.endings) for each in reports} == {len(SCENARIOS)}
    assert all(places[-1].name in text for text in told.values())
    assert [name for name, text in told.items() if KEY in text] == []
    store = PostgresStore(database_url, pool_size=2)
    try:
        findings = await store.books.audit()
    finally:
        await store.close()
    assert [each for each in findings if each.violations] == []
