"""Numbers of another host's policy: a worker that runs judges them by that, or leaves them be."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import (
    GRACE,
    SECOND,
    SIM,
    WINDOW,
    World,
    utc_now,
)
from tests.integration.store.shop import intake
from worker.adapters.store.postgres import PostgresStore
from worker.bootstrap import open_worker
from worker.domain.activation import State
from worker.domain.policy import Profile, override
from worker.domain.policy.language.loading import profile_of
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended
from worker.ports.store.activations import AcceptOutcome, Activation
from worker.settings import load_settings

NEWER = override(POLICIES["P1"], {"auto_credit_mode": "automatic"})
PAST_GRACE = WINDOW + GRACE + SECOND


@pytest.fixture
async def newer(world: World, database_url: str) -> AsyncIterator[PostgresStore]:
    """A second host, which came up later, with a newer P1: it credits what the older one closes."""
    await world.start()
    store = PostgresStore(database_url, policies={**POLICIES, "P1": NEWER})
    yield store
    await store.close()


async def accepted(
    store: PostgresStore, ref: str, age: timedelta = PAST_GRACE, version: str = NEWER.version
) -> Activation:
    under = {"policy": "P1", "policy_version": version}
    (result,) = await store.activations.accept([intake(ref, rented_at=utc_now() - age, **under)])
    assert result.how is AcceptOutcome.NEW
    assert result.activation is not None
    return result.activation


async def keep(world: World, version: str, content: Mapping[str, object]) -> None:
    await world.admin.execute(
        "INSERT INTO policy_version (name, version, content) VALUES ('P1', $1, $2)",
        version,
        json.dumps(content),
    )


def policies_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions this host reads from now on, in order."""
    read: list[str] = []

    def counted(name: str, content: Mapping[str, object]) -> Profile:
        read.append(name)
        return profile_of(name, content)

    monkeypatch.setattr("worker.lifecycle.policy_book.profile_of", counted)
    return read


async def test_a_cancelled_number_keeps_the_policy_another_host_accepted_it_under(
    world: World, newer: PostgresStore
) -> None:
    number = await accepted(newer, "1", WINDOW + SECOND / 10)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert (await world.number(number)).state is State.REFUNDED


async def test_an_overdue_number_keeps_the_policy_another_host_accepted_it_under(
    world: World, newer: PostgresStore
) -> None:
    number = await accepted(newer, "1")

    await world.sweep.tick()

    assert (await world.number(number)).state is State.REFUNDED


async def test_a_number_its_provider_ended_keeps_the_policy_of_its_host(
    world: World, newer: PostgresStore
) -> None:
    number = await accepted(newer, "1", timedelta(0))

    await world.look.ended([number.id])

    assert (await world.number(number)).state is State.REFUNDED


async def test_a_number_that_is_given_up_keeps_the_policy_of_its_host(
    world: World, newer: PostgresStore
) -> None:
    number = await accepted(newer, "1", timedelta(0))

    assert [len(batch) async for batch in world.drain.now(SIM)] == [1]

    assert (await world.number(number)).state is State.REFUNDED


async def test_numbers_of_a_policy_this_host_has_end_by_that_one(
    world: World, newer: PostgresStore
) -> None:
    older = await accepted(world.store, "1", version=POLICIES["P1"].version)
    await accepted(newer, "2")

    await world.sweep.tick()

    assert (await world.number(older)).state is State.CLOSED


async def test_a_policy_of_another_host_is_read_once(
    world: World, newer: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = policies_read(monkeypatch)
    for ref in range(3):
        await accepted(newer, str(ref))
        assert await world.sweep.tick() == 1

    assert read == ["P1"]


async def test_the_policy_kept_nowhere_is_a_humans_to_decide(world: World) -> None:
    await world.start()
    number = await accepted(world.store, "1", version="lost")

    await world.sweep.tick()

    assert (await world.number(number)).state is State.IN_REVIEW
    assert ("policy.missing", SIM, "P1 lost") in world.reporter.of("trouble")


@pytest.mark.parametrize("content", [{"of_the_future": 1}, {"sms_window_s": "soon"}, ["a list"]])
async def test_a_policy_this_version_cannot_read_is_a_humans_to_decide_and_read_once(
    world: World, monkeypatch: pytest.MonkeyPatch, content: Mapping[str, object]
) -> None:
    await world.start()
    await keep(world, "tomorrow", content)
    read = policies_read(monkeypatch)
    number = await accepted(world.store, "1", version="tomorrow")
    other = await world.take_forgotten("2")

    await world.sweep.tick()

    assert (await world.number(number)).state is State.IN_REVIEW
    assert (await world.number(other)).state is State.REFUNDED
    assert ("policy.missing", SIM, "P1 tomorrow") in world.reporter.of("trouble")
    await accepted(world.store, "3", version="tomorrow")
    await world.sweep.tick()
    assert read == ["P1"]


async def test_a_policy_this_version_cannot_read_stops_no_start_and_no_list_of_reviews(
    world: World,
) -> None:
    await keep(world, "tomorrow", {"of_the_future": 1})
    await world.start()
    number = await accepted(world.store, "1", version="tomorrow")
    await world.sweep.tick()

    (review,) = await world.store.cases.reviews(await world.policies.every_version(), limit=10)

    assert review.id == number.id
    (why,) = world.policies.unreadable.values()
    assert world.policies.unreadable.keys() == {("P1", "tomorrow")}
    assert why.startswith("P1: of_the_future: there is no such key")


async def test_a_worker_starts_with_a_policy_of_newer_code_and_tells_of_it(
    world: World, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await keep(world, "tomorrow", {"of_the_future": 1})
    config = tmp_path / "worker.toml"
    config.write_text(f'[database]\nurl = "{database_url}"\n')

    async with open_worker(load_settings(config, environ={})) as worker:
        assert worker.parts.policies.kept == {}

    assert "policy.unreadable" in (written := capsys.readouterr().err)
    assert "tomorrow of P1: of_the_future: there is no such key" in written


async def test_a_policy_whose_commit_a_failover_may_have_lost_is_stored_again(world: World) -> None:
    policies, version = world.store.policies, POLICIES["default"].version
    kept = "SELECT count(*) FROM policy_version WHERE name = 'default'"
    await policies.keep("default", version)
    assert await world.one(kept) == 1
    await world.admin.execute("DELETE FROM policy_version")

    world.store.db.doubt()
    await policies.keep("default", version)

    assert await world.one(kept) == 1
