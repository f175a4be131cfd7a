"""Calls that hang although the provider answers again: they are given up, and may be sent again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.fakes.turns import give_way
from tests.unit.providers.adapter_world import NAME, World
from tests.unit.providers.raw_provider import HANG, http, raw_provider, until
from tests.unit.providers.test_provider_probe import Turns
from worker.adapters.providers.patience import QUIET_SHARE, USUAL_TIMES, Patience
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import OwnTurns, Probe, Transport
from worker.adapters.providers.wire import Endpoint
from worker.ports.errors import CallOvertaken, ProviderUnavailable
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation
from worker.ports.schedule import ProbeTurns

TIMEOUT_S = 2.0
ANSWERED = "/?look=balance"  #: What the provider answers while it hangs on everything else.


@pytest.fixture
def world() -> World:
    return World()


@asynccontextmanager
async def probed(
    url: str, world: World, turns: ProbeTurns | None = None, *, reads_once: bool = False
) -> AsyncIterator[Transport]:
    transport = Transport(
        NAME,
        Endpoint(base_url=url),
        replace(world.context(TIMEOUT_S), turns=turns or OwnTurns()),
        max_in_flight=4,
        probe=Probe(Operation.BALANCE, "/?balance", Reply.text),
        reads_once=reads_once,
    )
    try:
        yield transport
    finally:
        await transport.close()


async def call(transport: Transport, operation: Operation) -> str:
    return await transport.call(operation, "/?id=1", Reply.text)


async def test_looks_that_hang_are_overtaken_as_soon_as_the_provider_answers_others(
    world: World,
) -> None:
    """All connections hang: the question goes out on one of its own."""
    loop = asyncio.get_running_loop()
    async with (
        raw_provider(*[HANG] * 4, http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        began = loop.time()
        ends = await asyncio.gather(
            *(call(sut, Operation.LOOK) for _ in range(4)), return_exceptions=True
        )
        took = loop.time() - began
        again = await call(sut, Operation.LOOK)

    assert [type(end) for end in ends] == [CallOvertaken] * 4
    assert took < TIMEOUT_S * 0.75
    assert again == "fine"
    assert sut.circuit is Circuit.CLOSED


async def test_a_purchase_that_hangs_is_never_given_up_for_others(world: World) -> None:
    async with (
        raw_provider(HANG, HANG, http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        buying = asyncio.ensure_future(call(sut, Operation.RENT))
        with pytest.raises(CallOvertaken):
            await call(sut, Operation.CANCEL)
        assert not buying.done()

        with pytest.raises(ProviderUnavailable) as raised:
            await buying

    assert not isinstance(raised.value, CallOvertaken)
    assert sum("/?id=1" in line for line in provider.lines) == 2


@pytest.mark.parametrize("reading", [Operation.LOOK, Operation.LIST])
async def test_a_reading_that_may_charge_is_never_given_up_for_others(
    world: World, reading: Operation
) -> None:
    async with (
        raw_provider(HANG, http("fine")) as provider,
        probed(provider.url, world, reads_once=True) as sut,
    ):
        with pytest.raises(ProviderUnavailable) as raised:
            await call(sut, reading)

    assert not isinstance(raised.value, CallOvertaken)


async def test_what_hangs_again_gets_all_of_its_time(world: World) -> None:
    """A provider whose looks take long, and whose balance does not, must not lose every look."""
    hanging_looks = [HANG, http("balance"), HANG]
    async with (
        raw_provider(*hanging_looks) as provider,
        probed(provider.url, world) as sut,
    ):
        with pytest.raises(CallOvertaken):
            await call(sut, Operation.LOOK)
        with pytest.raises(ProviderUnavailable) as raised:
            await call(sut, Operation.LOOK)

    assert not isinstance(raised.value, CallOvertaken)
    assert len(provider.lines) == 3, "and it is not asked for its balance again"


@pytest.mark.parametrize("probe", [http("", 503), HANG])
async def test_a_probe_that_failed_tells_no_other_process_of_an_answer(
    world: World, probe: bytes
) -> None:
    turns = Turns()
    async with (
        raw_provider(HANG, probe) as provider,
        probed(provider.url, world, turns) as sut,
    ):
        with pytest.raises(ProviderUnavailable):
            await call(sut, Operation.LOOK)
        await until(lambda: len(world.requests) == 2)

    assert turns.told == 0


async def in_time_for(listing: "asyncio.Task[str]", sut: Transport) -> BaseException | None:
    """Look again and again, each of which is answered, until the list is over; how it ended."""
    while not listing.done():
        assert await sut.call(Operation.LOOK, ANSWERED, Reply.text) == "fine"
        await asyncio.wait({listing}, timeout=TIMEOUT_S / 40)
    return listing.exception()


async def list_beside_looks(sut: Transport) -> tuple[BaseException | None, float]:
    """How a list ends that hangs while looks are answered, and after how long."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    listing = asyncio.create_task(call(sut, Operation.LIST))
    await give_way()  # It is sent before the looks.
    return await in_time_for(listing, sut), loop.time() - began


async def test_a_list_that_hangs_is_given_up_while_looks_are_answered(world: World) -> None:
    """No answer to anything else tells of the codes on its page."""
    async with (
        raw_provider(HANG, http("fine"), balance=http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        end, took = await list_beside_looks(sut)
        again = await call(sut, Operation.LIST)

    assert isinstance(end, CallOvertaken)
    assert QUIET_SHARE * TIMEOUT_S <= took < TIMEOUT_S * 0.75
    assert again == "fine"
    assert sut.circuit is Circuit.CLOSED
    assert not any("/?balance" in line for line in provider.lines)


async def test_a_list_that_hangs_again_gets_all_of_its_time_beside_answers(world: World) -> None:
    async with (
        raw_provider(HANG, balance=http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        first, _ = await list_beside_looks(sut)
        second, took = await list_beside_looks(sut)

    assert isinstance(first, CallOvertaken)
    assert not isinstance(second, CallOvertaken)
    assert took >= TIMEOUT_S * 0.9


async def test_lists_that_are_usually_slow_are_waited_for_longer(world: World) -> None:
    """Four times what they took lately, not a fifth of the timeout."""
    async with (
        raw_provider(HANG, balance=http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        sut._patiences.answered(Operation.LIST, TIMEOUT_S / 5)
        end, took = await list_beside_looks(sut)

    assert isinstance(end, CallOvertaken)
    assert took >= USUAL_TIMES * TIMEOUT_S / 5


async def test_a_look_that_hangs_is_not_given_up_while_others_are_answered(world: World) -> None:
    async with (
        raw_provider(HANG, balance=http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        hanging = asyncio.create_task(call(sut, Operation.LOOK))
        await give_way()
        end = await in_time_for(hanging, sut)

    assert isinstance(end, ProviderUnavailable)
    assert not isinstance(end, CallOvertaken)


@pytest.mark.parametrize(
    "hangs", [Operation.CANCEL, Operation.RENT, Operation.FINISH, Operation.RENTAL_OPEN]
)
@pytest.mark.parametrize("reads", [Operation.LOOK, Operation.LIST, Operation.RENTAL_READ])
async def test_codes_are_read_however_many_other_calls_hang(
    world: World, hangs: Operation, reads: Operation
) -> None:
    async with (
        raw_provider(HANG, balance=http("fine")) as provider,
        probed(provider.url, world) as sut,
    ):
        others = [asyncio.create_task(call(sut, hangs)) for _ in range(8)]
        await until(lambda: len(provider.lines) == 3)

        assert await sut.call(reads, ANSWERED, Reply.text) == "fine"
        assert not any(each.done() for each in others)

        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def test_a_slow_provider_is_given_more_time_than_a_fast_one() -> None:
    patience = Patience(timeout_s=10.0)
    assert patience.is_over(QUIET_SHARE * 10.0)

    patience.answered(1.0)

    assert not patience.is_over(USUAL_TIMES * 1.0 - 0.1)
    for _ in range(1_000):
        patience.answered(0.1)
    assert patience.is_over(QUIET_SHARE * 10.0)
