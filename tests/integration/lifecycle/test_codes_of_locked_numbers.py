"""One number's row stays locked: its code waits for it, and no other number's code does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from tests.integration.lifecycle.test_lifecycle_lists import page, row
from tests.integration.lifecycle.world import SECOND, SIM, WINDOW, World, turns
from worker.domain.activation import CodeFate, State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.locked_codes import LOCKED_FOR
from worker.ports.errors import RowLocked
from worker.ports.provider import CodesArrived, Ended, Refusal, Refused, Sms
from worker.ports.store.activations import Activation, SeenSms

LOCK = "SELECT FROM activation WHERE id = $1 FOR NO KEY UPDATE"
ENDS_AT = (
    "UPDATE activation SET deadline_at = $2, ending_at = $2::timestamptz + interval '1 microsecond'"
    " WHERE id = $1"
)
CODE = (Sms("1111"),)
SMS = SeenSms(SIM, ProviderRef("1"), "1111", None)


@pytest.fixture
def listed(world: World) -> World:
    world.provider.capabilities = Capabilities(list_page_size=100)
    return world


@pytest.fixture
async def holder(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def locked(holder: asyncpg.Connection, number: Activation) -> AsyncIterator[None]:
    async with holder.transaction():
        await holder.execute(LOCK, number.id)
        yield


async def codes(world: World, number: Activation) -> list[str]:
    return [code.code for code in (await world.number(number)).codes]


async def test_a_locked_number_holds_back_no_other_code_of_its_page(
    listed: World, holder: asyncpg.Connection
) -> None:
    first, other = await listed.take("1"), await listed.take("2")
    listed.provider.will("list", page(row("1", "1111"), row("2", "2222")))

    async with locked(holder, first):
        await listed.read_list()
        assert await codes(listed, other) == ["2222"]
        await listed.look.record_locked()
    assert await codes(listed, first) == []
    await listed.look.record_locked()
    await listed.read_list()

    assert await codes(listed, first) == ["1111"]
    assert len(listed.reporter.of("code")) == 2, "each is recorded once"


async def test_the_next_list_records_a_code_whose_number_was_locked(
    listed: World, holder: asyncpg.Connection
) -> None:
    """As where no backstop runs."""
    number = await listed.take()
    listed.provider.will("list", page(row("1", "1111")))
    async with locked(holder, number):
        await listed.read_list()

    await listed.read_list()
    await listed.read_list()

    assert await codes(listed, number) == ["1111"]
    assert len(listed.reporter.of("code")) == 1


async def its_row_is_free(world: World) -> None:
    await world.look.record_locked()


async def its_ending_is_due(world: World) -> None:
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=CODE))
    await world.end_all()


@pytest.mark.parametrize("then", [its_row_is_free, its_ending_is_due])
async def test_a_lock_that_outlasts_the_deadline_makes_no_code_late(
    listed: World, holder: asyncpg.Connection, then: Callable[[World], Awaitable[None]]
) -> None:
    number = await listed.take()
    listed.provider.will("list", page(row("1", "1111")))
    async with locked(holder, number):
        await listed.read_list()
        ((seen_at, _),) = listed.look.locked_codes.by_time([SMS]).items()
        await holder.execute(ENDS_AT, number.id, seen_at)

    await then(listed)
    await listed.look.record_locked()

    found = await listed.number(number)
    assert (found.state, [code.code for code in found.codes]) == (State.RECEIVED, ["1111"])
    assert next(fate for _, fate, *_ in listed.reporter.of("code")) is CodeFate.SHOWN


async def test_the_code_of_a_locked_number_is_never_that_of_the_next_one_with_its_ref(
    listed: World, holder: asyncpg.Connection
) -> None:
    number = await listed.take()
    listed.provider.will("list", page(row("1", "1111")))
    async with locked(holder, number):
        await listed.read_list()
    listed.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await listed.store.activations.press_cancel(number.id)
    await listed.end_all()
    assert (await listed.number(number)).state is State.REFUNDED
    another = await listed.take(age=-SECOND)

    await listed.look.record_locked()

    assert await codes(listed, another) == []


async def test_a_locked_number_ends_no_tick_and_no_look_waits_for_it(
    world: World, holder: asyncpg.Connection
) -> None:
    number, other = await world.take("1"), await world.take("2")
    world.provider.will("look", CodesArrived(CODE))
    world.skew = world.their_terms.poll

    async with locked(holder, number):
        await world.watch.tick(world.provider, turns(3))
        assert await codes(world, other) == ["1111"]
    await world.look.record_locked()

    assert await codes(world, number) == ["1111"]
    assert await world.schedule.size(SIM) == 2


async def test_a_number_that_ended_with_its_code_is_looked_at_again_while_it_is_locked(
    world: World, holder: asyncpg.Connection
) -> None:
    """Only this process knows of the code that waits."""
    number = await world.take()
    world.provider.will("look", Ended(PriceFate.KEPT, CODE))
    async with locked(holder, number):
        world.skew = world.their_terms.poll
        await world.watch.tick(world.provider, turns(3))
    assert await world.schedule.size(SIM) == 1

    world.skew += WINDOW / 2
    await world.watch.tick(world.provider, turns(3))

    assert await codes(world, number) == ["1111"]
    assert await world.schedule.size(SIM) == 0


async def test_a_code_that_waits_for_long_is_left_to_the_looks(
    listed: World, holder: asyncpg.Connection
) -> None:
    number = await listed.take()
    listed.provider.will("list", page(row("1", "1111")))
    async with locked(holder, number):
        await listed.read_list()
        listed.elapsed += LOCKED_FOR.total_seconds()
        await listed.look.record_locked()
    await listed.look.record_locked()
    assert await codes(listed, number) == []

    await listed.read_list()

    assert await codes(listed, number) == ["1111"]


async def test_a_code_that_meets_another_locked_row_waits_alone_and_is_recorded_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await world.take(str(ref)) for ref in range(3)]
    record = world.store.activations.record_free_codes

    async def stays_locked(seen: list[SeenSms], **other: Any) -> Any:
        if any(sms.ref == "1" for sms in seen):
            raise RowLocked("database: a row stays locked")
        return await record(seen, **other)

    monkeypatch.setattr(world.store.activations, "record_free_codes", stays_locked)
    await world.look.codes([SeenSms(SIM, ProviderRef(str(r)), "1111", None) for r in range(3)])

    assert [await codes(world, number) for number in numbers] == [["1111"], [], ["1111"]]
    assert world.reporter.troubles == []

    monkeypatch.undo()
    await world.look.record_locked()
    assert await codes(world, numbers[1]) == ["1111"]
