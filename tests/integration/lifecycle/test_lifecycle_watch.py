"""While the window runs: looks, and codes shown once, to the one they belong to."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.lifecycle.world import PRICE, SECOND, SIM, WINDOW, World, live, refs, turns
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import CallOvertaken, ProviderUnavailable, StoreUnavailable, UnknownReply
from worker.ports.provider import (
    Circuit,
    CodesArrived,
    Ended,
    NotKnown,
    Refusal,
    Refused,
    Sms,
    Waiting,
)
from worker.ports.store.activations import LiveNumber, SeenSms

ALL = 100_000
CODE = (Sms("1234", "Your code is 1234"),)


async def look_now(world: World, *numbers: LiveNumber) -> None:
    for number in numbers:
        await world.schedule.hint(SIM, number)
    await world.watch.tick(world.provider, turns(len(numbers)))


async def test_a_code_is_shown_and_told_once(world: World) -> None:
    number = await world.take()
    world.provider.will("look", CodesArrived(CODE))

    await look_now(world, live(number))
    await look_now(world, live(number))

    found = await world.number(number)
    assert found.state is State.RECEIVED
    assert [(code.code, code.text) for code in found.codes] == [("1234", "Your code is 1234")]
    assert await world.one("SELECT count(*) FROM event") == 1
    assert await world.money() == (ALL - PRICE, PRICE)
    assert len(world.reporter.of("code")) == 1


async def test_a_number_with_a_code_is_still_looked_at_for_more(world: World) -> None:
    number = await world.take()
    world.provider.will("look", CodesArrived(CODE), CodesArrived((*CODE, Sms("5678"))))

    await look_now(world, live(number))
    await look_now(world, live(number))

    assert [code.code for code in (await world.number(number)).codes] == ["1234", "5678"]
    assert await world.schedule.size(SIM) == 1


@pytest.mark.parametrize("seen", [Waiting(), NotKnown(), ProviderUnavailable("sim", "HTTP 500")])
async def test_nothing_new_is_looked_at_again(world: World, seen: object) -> None:
    number = await world.take()
    world.provider.will("look", seen)

    await look_now(world, live(number))

    assert await world.ended(number) == (State.WAITING, ProviderState.OPEN)
    assert await world.schedule.size(SIM) == 1
    assert world.reporter.troubles == []


async def test_a_number_that_was_ended_is_not_looked_at_until_its_deadline(world: World) -> None:
    number = await world.take()
    world.provider.will("look", NotKnown()).will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.service.cancel(number.id)
    await world.end_all()
    assert (await world.number(number)).state is State.REFUNDED

    await look_now(world, live(number))

    assert await world.schedule.size(SIM) == 0


async def test_an_unreadable_answer_is_told_and_changes_nothing(world: World) -> None:
    number = await world.take()
    world.provider.will("look", UnknownReply("sim", "HTML"))

    await look_now(world, live(number))

    assert world.reporter.of("trouble") == [("provider.look_failed", SIM, "UnknownReply")]
    assert await world.schedule.size(SIM) == 1


async def test_a_number_whose_look_was_overtaken_is_looked_at_again_at_once(world: World) -> None:
    number = await world.take()
    world.provider.will("look", CallOvertaken("sim", "overtaken"))
    world.provider.will("look", CodesArrived((Sms("1234"),)))

    await look_now(world, live(number))
    await world.watch.tick(world.provider, turns(1))

    assert [code.code for code in (await world.number(number)).codes] == ["1234"]


async def test_a_named_pause_is_kept(world: World) -> None:
    number = await world.take()
    pause = ProviderUnavailable("sim", "429", retry_after=timedelta(minutes=5))
    world.provider.will("look", pause)

    await look_now(world, live(number))
    await world.watch.tick(world.provider, turns(1))

    assert len(world.provider.asked("look")) == 1
    assert await world.schedule.size(SIM) == 1


async def test_a_number_the_provider_ended_by_itself_is_credited_at_once(world: World) -> None:
    number = await world.take()
    world.provider.will("look", Ended(PriceFate.GIVEN_BACK))

    await look_now(world, live(number))

    found = await world.number(number)
    assert (found.state, found.provider_state) == (State.REFUNDED, ProviderState.CANCELLED)
    assert found.settlement is not None
    assert found.settlement.reason == "provider"
    assert await world.money() == (ALL, 0)
    assert await world.schedule.size(SIM) == 0


async def test_a_cancelled_number_whose_code_was_shown_stays_the_customers(world: World) -> None:
    number = await world.take()
    await world.record("1", "1234")
    world.provider.will("look", Ended(PriceFate.GIVEN_BACK))

    await look_now(world, live(number))

    assert (await world.number(number)).state is State.RECEIVED


async def test_a_finished_number_shows_what_it_had_and_is_not_looked_at_again(
    world: World,
) -> None:
    number = await world.take()
    world.provider.will("look", Ended(PriceFate.KEPT, CODE))

    await look_now(world, live(number))

    assert (await world.number(number)).state is State.RECEIVED
    assert await world.schedule.size(SIM) == 0


async def test_whose_deadline_passes_while_he_waits_in_line_is_not_looked_at(
    world: World,
) -> None:
    world.their_terms = terms(max_in_flight=1)
    first, second = await world.take("1"), await world.take("2")

    async def slow(_: object) -> Waiting:
        world.skew = WINDOW + SECOND
        return Waiting()

    world.provider.will("look", slow)
    for number in (first, second):
        await world.schedule.hint(SIM, live(number))
    await world.watch.tick(world.provider, turns(1))

    assert len(world.provider.asked("look")) == 1
    assert await world.schedule.size(SIM) == 0, "the endings find out"


async def test_after_the_deadline_nobody_looks(world: World) -> None:
    number = await world.take_expired()

    await look_now(world, live(number))

    assert world.provider.calls == []
    assert await world.schedule.size(SIM) == 0


async def test_a_code_the_database_could_not_take_is_found_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.take()
    world.provider.will("look", CodesArrived(CODE))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    with monkeypatch.context() as patched:
        patched.setattr(world.store.activations, "record_free_codes", away)
        with pytest.raises(ExceptionGroup):
            await look_now(world, live(number))
    world.schedule.clear()  # The lease of the look that failed.
    await world.repair.reschedule(SIM)
    await look_now(world, live(number))

    assert (await world.number(number)).state is State.RECEIVED


async def test_a_database_that_goes_away_in_one_look_costs_no_number_its_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await world.take(str(number)) for number in range(4)]

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    world.provider.will("look", never).will("look", CodesArrived(CODE), of="0")
    monkeypatch.setattr(world.store.activations, "record_free_codes", away)
    for number in numbers:
        await world.schedule.hint(SIM, live(number))
    with pytest.raises(ExceptionGroup):
        await world.watch.tick(world.provider, turns(1))

    again = await world.schedule.lease(SIM, 10, SECOND)
    assert refs([leased.number for leased in again.numbers]) == ["0", "1", "2", "3"]


async def test_what_nobody_came_to_is_due_again_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.their_terms = terms(max_in_flight=1)
    numbers = [await world.take(str(number)) for number in range(3)]
    for number in numbers:
        await world.schedule.hint(SIM, live(number))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    world.provider.will("look", CodesArrived(CODE))
    monkeypatch.setattr(world.store.activations, "record_free_codes", away)

    with pytest.raises(ExceptionGroup):
        await world.watch.tick(world.provider, turns(1))

    assert len(world.provider.asked("look")) == 1
    again = await world.schedule.lease(SIM, 10, SECOND)
    assert refs([leased.number for leased in again.numbers]) == ["0", "1", "2"]


async def test_a_full_lease_is_followed_by_the_next_without_a_nap(world: World) -> None:
    world.their_terms = terms(requests_per_second=2.0)
    for number in range(4):
        await world.schedule.hint(SIM, live(await world.take(str(number))))
    world.provider.will("look", Waiting())

    await world.watch.tick(world.provider, turns(2))

    assert len(world.provider.asked("look")) == 4


async def test_nothing_told_to_ops_names_a_phone_or_a_code(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    phone, code = "15558887777", "CANARY-4321"
    world.provider.will("look", CodesArrived((Sms(code, f"Your code is {code}"),)))
    world.provider.will("look", UnknownReply("sim", "HTML"), of="2")
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=(Sms(f"late {code}"),)))
    await look_now(world, live(await world.take("1", phone=phone)))
    await look_now(world, live(await world.take("2", phone=phone)))
    await world.take_expired("3", phone=phone)
    await world.take_forgotten("4", phone=phone)
    await world.end_all()
    await world.sweep.tick()

    told = repr(world.reporter.told) + caplog.text

    assert len(world.reporter.told) > 5
    assert phone not in told
    assert code not in told


async def test_while_the_provider_is_away_nobody_looks(world: World) -> None:
    number = await world.take()
    world.provider.circuit = Circuit.OPEN

    await look_now(world, live(number))

    assert world.provider.calls == []
    assert await world.schedule.size(SIM) == 1


async def test_a_code_under_a_reused_ref_goes_to_the_newest_rental(world: World) -> None:
    old = await world.take(age=WINDOW + SECOND)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    new = await world.take(age=SECOND)

    await world.record("1", "1234")

    assert (await world.number(old)).codes == ()
    assert [code.code for code in (await world.number(new)).codes] == ["1234"]


async def test_what_a_process_remembers_of_codes_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.look.SEEN_MAX", 3)
    await world.take()
    for code in range(10):
        await world.look.codes([SeenSms(SIM, ProviderRef("1"), str(code), None)])

    assert len(world.look.seen_codes._hashes) == 3
    fates = [fate for _, fate, _ in world.reporter.of("code")]
    assert fates == [CodeFate.SHOWN] + [CodeFate.MORE] * 9
