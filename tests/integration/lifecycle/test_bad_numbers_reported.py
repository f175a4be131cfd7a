"""A number reported as bad is over at its provider, and its customer is settled at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.lifecycle.world import PRICE, SIM, World, turns
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ActivationId
from worker.domain.price_fate import PriceFate
from worker.lifecycle.cancel import UNKNOWN_READS
from worker.ports.errors import ProviderUnavailable, ScheduleUnavailable, StoreUnavailable
from worker.ports.provider import CodesArrived, Ended, Refusal, Refused, Sms
from worker.ports.service import ActionOutcome
from worker.ports.store.activations import Activation
from worker.ports.store.said import StaffNote

ALL = 100_000
SAID = StaffNote("the site says it is banned", "ann (shop)")
BACK = Ended(PriceFate.GIVEN_BACK)


@pytest.fixture(autouse=True)
def takes_reports(world: World) -> None:
    world.provider.capabilities = Capabilities(report=True)


async def reported(world: World, number: Activation) -> ActionOutcome:
    return (await world.service.report(number.id, SAID)).how


async def test_a_bad_number_is_given_back_and_who_said_so_stands_in_its_timeline(
    world: World,
) -> None:
    number = await world.take()
    world.provider.will("report", BACK)

    result = await world.service.report(number.id, SAID)

    assert result.how is ActionOutcome.DONE
    assert result.activation is not None
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert result.activation.settlement is not None
    assert result.activation.settlement.reason == "provider"
    assert await world.money() == (ALL, 0)
    assert await world.exposure() == []
    (line,) = [line for line in result.activation.timeline if line.what == "reported"]
    assert (line.detail["note"], line.detail["by"]) == SAID


async def test_where_nobody_knows_who_has_the_price_it_is_an_exposure_until_that_is_known(
    world: World,
) -> None:
    number = await world.take()
    world.provider.will("report", Ended())
    world.provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", Ended())

    assert await reported(world, number) is ActionOutcome.DONE

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.exposure() == [(PRICE, "open")]
    for _ in range(UNKNOWN_READS):
        await world.forget_leases()
        await world.pursue.tick(world.provider)
    assert await world.ended(number) == (State.REFUNDED, ProviderState.GONE)
    assert await world.exposure() == [(PRICE, "open")]
    assert world.reporter.troubles == ["provider.number_gone"]


async def test_a_code_that_the_refusal_brings_is_shown_though_no_look_would_find_it(
    world: World,
) -> None:
    number = await world.take()
    world.provider.will("report", Refused(Refusal.CODE_ARRIVED, sms=(Sms("1234"),)))

    result = await world.service.report(number.id, SAID)

    assert result.how is ActionOutcome.REPORT_REFUSED
    assert result.activation is not None
    assert [code.code for code in result.activation.codes] == ["1234"]
    assert result.activation.state is State.RECEIVED


async def test_the_same_again_is_the_same_and_asks_nobody(world: World) -> None:
    number = await world.take()
    world.provider.will("report", BACK)

    hows = [await reported(world, number) for _ in range(3)]

    assert hows == [ActionOutcome.DONE] * 3
    assert len(world.provider.asked("report")) == 1


@pytest.mark.parametrize(
    ("port", "step"), [("settlements", "provider_ended"), ("activations", "tell")]
)
async def test_a_report_that_was_cut_off_is_ended_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch, port: str, step: str
) -> None:
    number = await world.take()
    world.provider.will("report", BACK)

    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as cut_off:
        cut_off.setattr(type(getattr(world.store, port)), step, away)
        with pytest.raises(StoreUnavailable):
            await reported(world, number)
    how = await reported(world, number)

    assert how in {ActionOutcome.DONE, ActionOutcome.ENDED}
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await world.money() == (ALL, 0)


async def test_a_report_that_is_told_but_not_ended_is_asked_for_again(world: World) -> None:
    number = await world.take()
    await world.store.activations.tell(number.id, "reported", SAID)
    world.provider.will("report", Refused(Refusal.UNCLEAR), BACK)

    hows = [await reported(world, number) for _ in range(2)]

    assert hows == [ActionOutcome.REPORT_REFUSED, ActionOutcome.DONE]
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)


async def test_two_at_once_are_one_report(world: World) -> None:
    number = await world.take()
    world.provider.will("report", BACK, Refused(Refusal.UNCLEAR))

    hows = await asyncio.gather(*(reported(world, number) for _ in range(2)))

    assert ActionOutcome.DONE in hows
    assert await world.money() == (ALL, 0)
    assert (await world.number(number)).state is State.REFUNDED


@pytest.mark.parametrize("why", [Refusal.EARLY, Refusal.UNCLEAR, Refusal.NOT_CANCELLABLE])
async def test_what_the_provider_does_not_take_changes_nothing(world: World, why: Refusal) -> None:
    number = await world.take()
    before = await world.number(number)
    world.provider.will("report", Refused(why))

    assert await reported(world, number) is ActionOutcome.REPORT_REFUSED

    assert await world.number(number) == before


async def test_a_code_that_came_meanwhile_is_looked_for_at_once(world: World) -> None:
    number = await world.take()
    world.provider.will("report", Refused(Refusal.CODE_ARRIVED))
    world.provider.will("look", CodesArrived((Sms("1234"),)))

    assert await reported(world, number) is ActionOutcome.REPORT_REFUSED
    await world.watch.tick(world.provider, turns(1))

    assert (await world.number(number)).state is State.RECEIVED


async def test_a_refusal_without_a_schedule_is_told_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ScheduleUnavailable("away")

    monkeypatch.setattr(type(world.schedule), "hint", away)
    number = await world.take()
    world.provider.will("report", Refused(Refusal.CODE_ARRIVED))

    assert await reported(world, number) is ActionOutcome.REPORT_REFUSED


async def test_a_report_that_is_not_answered_is_told(world: World) -> None:
    number = await world.take()
    world.provider.will("report", ProviderUnavailable("sim", "timeout"))

    assert await reported(world, number) is ActionOutcome.PROVIDER_UNAVAILABLE
    assert (await world.number(number)).state is State.WAITING


async def test_a_report_is_paid_from_the_rate_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.report_bad.PATIENCE", timedelta(milliseconds=20))
    world.budget = 0.001
    number = await world.take()
    assert await world.schedule.spend(SIM, 1) == 1, "one request in a thousand seconds"

    assert await reported(world, number) is ActionOutcome.PROVIDER_UNAVAILABLE
    assert world.provider.asked("report") == []


async def waiting(world: World) -> Activation:
    return await world.take()


async def received(world: World) -> Activation:
    number = await world.take()
    await world.record("1", "1234")
    return number


async def refunded(world: World) -> Activation:
    number = await world.take_expired()
    world.provider.will("cancel", BACK)
    await world.end_all()
    return number


@pytest.mark.parametrize(
    ("given", "takes", "how"),
    [
        (waiting, False, ActionOutcome.NOT_OFFERED),
        (received, True, ActionOutcome.CODE_RECEIVED),
        (refunded, True, ActionOutcome.ENDED),
    ],
)
async def test_in_any_other_case_nobody_is_asked(
    world: World,
    given: Callable[[World], Awaitable[Activation]],
    takes: bool,
    how: ActionOutcome,
) -> None:
    number = await given(world)
    world.provider.capabilities = Capabilities(report=takes)

    assert await reported(world, number) is how
    assert world.provider.asked("report") == []


async def test_a_report_of_nothing_is_unknown(world: World) -> None:
    result = await world.service.report(ActivationId(UUID(int=0)), SAID)

    assert result.how is ActionOutcome.UNKNOWN
