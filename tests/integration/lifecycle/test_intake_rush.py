"""Many callers hand over a number each at once: few transactions, and one bad call costs itself."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.fakes.turns import until
from tests.integration.lifecycle.world import SIM, World, handed_over
from tests.integration.store.shop import ALICE, BOB
from worker.domain.ids import ProviderName, ProviderRef
from worker.entrypoints.job_handlers import PATIENT_MOST, TakeHandedOver
from worker.jobs import JOBS_AT_ONCE
from worker.ports.errors import RowLocked, StoreUnavailable
from worker.ports.handover import EnqueuedJob
from worker.ports.reporter import JobResult
from worker.ports.store.activations import AcceptOutcome, AcceptResult, CompleteIntake

CALLERS = 200
TRANSACTIONS_MAX = 5
ON_TIME = 2.0  #: Seconds.


def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many numbers each question to the store is about, as they are asked."""
    batches: list[int] = []
    accept = world.store.activations.accept

    async def asked(
        intakes: Sequence[CompleteIntake], *, patient: bool = True
    ) -> list[AcceptResult]:
        batches.append(len(intakes))
        return await accept(intakes, patient=patient)

    monkeypatch.setattr(world.store.activations, "accept", asked)
    return batches


async def test_many_callers_share_transactions_and_each_number_is_held_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = counted(world, monkeypatch)
    handed = [handed_over(str(number)) for number in range(CALLERS)]
    results = await asyncio.gather(*(world.service.accept([one]) for one in [*handed, *handed]))

    assert len(batches) <= TRANSACTIONS_MAX
    outcomes = [result.how for (result,) in results]
    assert outcomes.count(AcceptOutcome.NEW) == outcomes.count(AcceptOutcome.SAME) == CALLERS
    assert await world.admin.fetchval("SELECT count(*) FROM activation") == CALLERS
    assert (
        await world.admin.fetchval("SELECT count(*) FROM transfer WHERE key LIKE 'hold:%'")
        == CALLERS
    )


async def test_a_number_that_is_stored_is_watched_though_the_database_is_lost_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_: ProviderName, __: Sequence[ProviderRef]) -> set[ProviderRef]:
        raise StoreUnavailable

    monkeypatch.setattr(world.store.purchases, "pushed_refs", lost)
    monkeypatch.setattr(world.accept, "pushes", lambda _: True)

    (result,) = await world.service.accept([handed_over()])

    assert result.how is AcceptOutcome.NEW
    assert await world.schedule.size(SIM) == 1


async def test_a_number_of_a_locked_account_holds_up_nobody_elses(world: World) -> None:
    await world.store.books.open_account(BOB, "USD")
    await world.store.books.top_up(BOB, "first", 100_000)
    async with world.admin.transaction():
        await world.admin.execute("SELECT FROM balance WHERE account = $1 FOR UPDATE", ALICE)
        waits = asyncio.ensure_future(world.service.accept([handed_over("1")]))

        (theirs,) = await world.service.accept([handed_over("2", account=BOB)])

        assert theirs.how is AcceptOutcome.NEW
        assert not waits.done()
    (result,) = await waits
    assert result.how is AcceptOutcome.NEW


async def test_callers_that_wait_for_one_account_share_transactions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = counted(world, monkeypatch)
    async with world.admin.transaction():
        await world.admin.execute("SELECT FROM balance WHERE account = $1 FOR UPDATE", ALICE)
        handed = [handed_over(str(number)) for number in range(CALLERS)]
        waiting = [asyncio.ensure_future(world.service.accept([one])) for one in handed]
        await until(lambda: sum(batches) == 2 * CALLERS)  # Once without waiting, and once with.
    results = await asyncio.gather(*waiting)

    assert [result.how for (result,) in results] == [AcceptOutcome.NEW] * CALLERS
    assert len(batches) <= TRANSACTIONS_MAX
    assert not world.accept._waiting


async def test_jobs_of_a_locked_account_leave_places_for_those_of_others(world: World) -> None:
    take = TakeHandedOver(world.service)
    body = {"provider": SIM, "account": ALICE, "phone": "15550001", "price_minor": 1}
    body |= {"service": "any", "country": "1"}
    async with world.admin.transaction():
        await world.admin.execute("SELECT FROM balance WHERE account = $1 FOR UPDATE", ALICE)
        jobs = [
            asyncio.ensure_future(take(job(at), [{**body, "provider_ref": str(at)}]))
            for at in range(JOBS_AT_ONCE)
        ]
        beyond = asyncio.gather(*jobs[PATIENT_MOST:], return_exceptions=True)
        async with asyncio.timeout(ON_TIME):
            told = {type(end) for end in await beyond}
        assert not any(job.done() for job in jobs[:PATIENT_MOST])

    assert told == {RowLocked}
    assert set(await asyncio.gather(*jobs[:PATIENT_MOST])) == {JobResult.DONE}
    again = await asyncio.gather(
        *(take(job(at), [{**body, "provider_ref": str(at)}]) for at in range(JOBS_AT_ONCE))
    )
    assert again == [JobResult.DONE] * JOBS_AT_ONCE


def job(number: int) -> EnqueuedJob:
    return EnqueuedJob(str(number), "1")
