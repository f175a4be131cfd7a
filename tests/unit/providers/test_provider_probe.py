"""While a circuit is open one cheap request a second asks, and the first answer ends the outage."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.fakes.turns import at_rest
from tests.unit.providers.adapter_world import NAME, World
from tests.unit.providers.raw_provider import HANG, http, raw_provider, until
from worker.adapters.providers.breaker import FAILURES_TO_OPEN, PROBE_EVERY_S
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import (
    TURN_EVERY_S,
    Probe,
    ProviderContext,
    Transport,
)
from worker.adapters.providers.wire import Endpoint
from worker.domain.ids import ProviderName
from worker.ports.errors import CircuitOpen, ProviderUnavailable, ScheduleUnavailable
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation
from worker.ports.schedule import ProbeTurn

AWAY = [http("", 503)] * FAILURES_TO_OPEN


class Steps:
    """Sleeps that end when the test lets time pass."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asleep: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.asleep.append((self.world.now + seconds, future))
        await future

    async def passes(self, seconds: float) -> None:
        end = self.world.now + seconds
        while due := sorted((at for at, nap in self.asleep if at <= end and not nap.done())):
            self.world.now = due[0]
            for at, nap in self.asleep:
                if at <= due[0] and not nap.done():
                    nap.set_result(None)
            await self.settled()
        self.world.now = end
        await self.settled()

    async def settled(self) -> None:
        """Until the sockets have told what they know."""
        for _ in range(20):
            await at_rest()
            await asyncio.to_thread(lambda: None)


class Turns:
    """`ProbeTurns` as the test says."""

    def __init__(self, turn: Callable[[], ProbeTurn] = lambda: ProbeTurn.ASK) -> None:
        self.turn = turn
        self.open_for: list[timedelta] = []
        self.told = 0

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        assert provider == NAME
        self.open_for.append(open_for)
        return self.turn()

    async def answers_again(self, provider: ProviderName) -> None:
        assert provider == NAME
        self.told += 1


class Lost(Turns):
    """Redis is away."""

    async def probe_turn(self, _provider: ProviderName, _open_for: timedelta) -> ProbeTurn:
        raise ScheduleUnavailable("gone")

    async def answers_again(self, _provider: ProviderName) -> None:
        raise ScheduleUnavailable("gone")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def steps(world: World) -> Steps:
    return Steps(world)


@asynccontextmanager
async def probed(
    url: str, steps: Steps, turns: Turns | None = None, *, max_in_flight: int = 4
) -> AsyncIterator[Transport]:
    world = steps.world
    transport = Transport(
        NAME,
        Endpoint(base_url=url, key_suffix="&key=k"),
        ProviderContext(
            reporter=world.reporter,
            sleep=steps.sleep,
            monotonic=world.monotonic,
            random=world.random,
            pay=world.pay,
            turns=turns or Turns(),
            timeout_s=5.0,
        ),
        max_in_flight=max_in_flight,
        probe=Probe(Operation.BALANCE, "/?balance", Reply.text),
    )
    try:
        yield transport
    finally:
        await transport.close()


def circuit_of(transport: Transport) -> Circuit:
    """As a call, because a property read twice must not be taken for unchanged."""
    return transport.circuit


async def look(transport: Transport) -> str:
    return await transport.call(Operation.LOOK, "/?id=1", Reply.text)


async def lose(transport: Transport) -> None:
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(ProviderUnavailable):
            await look(transport)
    assert transport.circuit is Circuit.OPEN


async def test_one_paid_read_a_second_asks_while_the_circuit_is_open(
    world: World, steps: Steps
) -> None:
    async with raw_provider(http("", 503)) as provider, probed(provider.url, steps) as sut:
        await lose(sut)
        await steps.settled()
        await steps.passes(10 * PROBE_EVERY_S)
        asked = provider.lines[FAILURES_TO_OPEN:]

    assert set(asked) == {"GET /?balance&key=k HTTP/1.1"}
    assert len(asked) == 11
    assert world.paid == len(asked)


@pytest.mark.parametrize(
    "answer", [http("fine"), http("no such key", 401), http("<html>", 404), http("", 302)]
)
async def test_the_first_answer_closes_it_and_wakes_all_who_wait(
    world: World, steps: Steps, answer: bytes
) -> None:
    turns = Turns()
    answers = [*AWAY, http("", 503), answer]
    async with raw_provider(*answers) as provider, probed(provider.url, steps, turns) as sut:
        await lose(sut)
        lanes = [asyncio.ensure_future(sut.reachable()) for _ in range(3)]
        await steps.settled()
        assert not any(lane.done() for lane in lanes)
        with pytest.raises(CircuitOpen):
            await look(sut)

        await steps.passes(PROBE_EVERY_S)

        await asyncio.gather(*lanes)
        assert world.circuits == [True, False]
        assert turns.told == 1


async def test_the_time_until_work_is_answered_again_is_told_once(
    world: World, steps: Steps
) -> None:
    async with (
        raw_provider(*AWAY, http("fine")) as provider,
        probed(provider.url, steps) as sut,
    ):
        await lose(sut)
        await sut.reachable()
        world.now += 0.3
        await look(sut)
        await look(sut)

    assert world.returns == pytest.approx([0.3])


async def test_another_process_had_an_answer(world: World, steps: Steps) -> None:
    turns = Turns(lambda: ProbeTurn.BACK if world.now > 1001 else ProbeTurn.WAIT)
    async with raw_provider(http("", 503)) as provider, probed(provider.url, steps, turns) as sut:
        await lose(sut)
        await steps.settled()
        await steps.passes(1.0)
        assert circuit_of(sut) is Circuit.OPEN

        await steps.passes(TURN_EVERY_S)

        assert circuit_of(sut) is Circuit.CLOSED
        assert len(provider.lines) == FAILURES_TO_OPEN
        assert turns.open_for[-1] == timedelta(seconds=1 + TURN_EVERY_S)
        assert turns.told == 0


async def test_without_redis_a_process_asks_for_itself(steps: Steps) -> None:
    async with (
        raw_provider(*AWAY, http("", 503), http("fine")) as provider,
        probed(provider.url, steps, Lost()) as sut,
    ):
        await lose(sut)
        await steps.settled()
        await steps.passes(PROBE_EVERY_S)

        assert circuit_of(sut) is Circuit.CLOSED


@pytest.mark.parametrize("max_in_flight", [1, 4])
async def test_a_probe_that_hangs_does_not_hold_up_the_next(
    steps: Steps, max_in_flight: int
) -> None:
    """However few other calls may be in flight."""
    async with (
        raw_provider(*AWAY, HANG, HANG, http("fine")) as provider,
        probed(provider.url, steps, max_in_flight=max_in_flight) as sut,
    ):
        await lose(sut)
        await steps.settled()

        await steps.passes(2 * PROBE_EVERY_S)

        await until(lambda: circuit_of(sut) is Circuit.CLOSED)


async def test_an_outage_after_the_return_is_asked_about_within_the_same_second(
    steps: Steps,
) -> None:
    both = [*AWAY, http("fine"), http("fine"), *AWAY, http("fine")]
    async with raw_provider(*both) as provider, probed(provider.url, steps) as sut:
        await lose(sut)
        await sut.reachable()
        await sut.call(Operation.LOOK, "/?id=1", Reply.text)
        await lose(sut)
        await steps.settled()
        assert circuit_of(sut) is Circuit.OPEN

        await steps.passes(PROBE_EVERY_S)

        assert circuit_of(sut) is Circuit.CLOSED


async def test_an_outage_after_a_single_answer_to_a_probe_opens_the_circuit_again(
    steps: Steps,
) -> None:
    flicker = [*AWAY, http("fine"), *([http("", 503)] * 100)]
    async with raw_provider(*flicker) as provider, probed(provider.url, steps) as sut:
        await lose(sut)
        await sut.reachable()
        await steps.passes(PROBE_EVERY_S)

        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ProviderUnavailable):
                await look(sut)
        await until(lambda: circuit_of(sut) is Circuit.OPEN)

        assert len(provider.lines) == 2 * FAILURES_TO_OPEN + 2


async def test_a_provider_that_answers_its_balance_and_nothing_else_gets_one_look_a_second(
    steps: Steps,
) -> None:
    async with (
        raw_provider(http("", 503), balance=http("fine")) as provider,
        probed(provider.url, steps) as sut,
    ):
        await lose(sut)
        await sut.reachable()

        for turn in range(FAILURES_TO_OPEN + 40):
            await steps.passes(0.0 if turn < FAILURES_TO_OPEN else 0.25)
            with pytest.raises(ProviderUnavailable):
                await sut.call(Operation.LOOK, "/?id=1", Reply.text)

        looks = sum("id=1" in line for line in provider.lines)
        assert looks <= 2 * FAILURES_TO_OPEN + 11
        assert len(provider.lines) - looks <= 1 + 11, "and one probe"
        assert circuit_of(sut) is Circuit.CLOSED


async def test_a_429_that_answers_a_probe_keeps_its_own_time(world: World, steps: Steps) -> None:
    limited = http("", 429, "Retry-After: 30")
    async with (
        raw_provider(*AWAY, limited, http("fine")) as provider,
        probed(provider.url, steps) as sut,
    ):
        await lose(sut)
        waiting = asyncio.ensure_future(sut.reachable())
        await steps.settled()
        await steps.passes(29.0)
        assert not waiting.done()
        assert len(provider.lines) == FAILURES_TO_OPEN + 1

        await steps.passes(1.0)

        await waiting
        assert world.circuits == [True, False]
