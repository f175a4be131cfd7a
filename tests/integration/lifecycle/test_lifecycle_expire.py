"""The end of a window, reply by reply: state, money and what the provider is still owed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.world import PRICE, SECOND, SIM, WINDOW, World, turns, utc_now
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderName
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import Budget, unconditional
from worker.lifecycle.provider_return import TRIED_EVERY
from worker.ports.errors import CircuitOpen, ProviderUnavailable, StoreUnavailable
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
from worker.ports.schedule import Need

ALL = 100_000
CODE = (Sms("1234"),)


async def test_a_confirmed_cancel_gives_the_money_back_at_once(world: World) -> None:
    number = await world.take_expired()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await world.end_all() == 1

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await world.money() == (ALL, 0)
    assert await world.exposure() == []


async def test_a_number_whose_window_runs_is_left_alone(world: World) -> None:
    number = await world.take(age=WINDOW - SECOND)

    assert await world.end_all() == 0

    assert await world.ended(number) == (State.WAITING, ProviderState.OPEN)
    assert world.provider.calls == []


async def test_a_code_that_arrived_in_time_but_was_never_seen_is_late(world: World) -> None:
    number = await world.take_expired()
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=CODE))

    await world.end_all()

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CHARGED)
    assert (await world.number(number)).codes == ()
    assert await world.money() == (ALL, 0)
    assert await world.exposure() == [(PRICE, "loss")]
    assert [fate for _, fate, _ in world.reporter.of("code")] == [CodeFate.LATE]


async def test_a_code_that_refuses_a_pressed_cancel_is_shown(world: World) -> None:
    number = await world.take()
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED)).will("look", CodesArrived(CODE))
    await world.store.activations.press_cancel(number.id)

    await world.end_all()

    found = await world.number(number)
    assert (found.state, found.provider_state) == (State.RECEIVED, ProviderState.OPEN)
    assert [code.code for code in found.codes] == ["1234"]
    assert await world.money() == (ALL - PRICE, PRICE)
    assert await world.exposure() == []


@pytest.mark.parametrize(
    ("policy", "state", "money", "exposed"),
    [
        ("default", State.REFUNDED, (ALL, 0), [(PRICE, "loss")]),
        ("P1", State.CLOSED, (ALL - PRICE, 0), []),
    ],
)
async def test_a_price_the_provider_keeps_is_ours_only_where_the_customer_has_it_back(
    world: World, policy: str, state: State, money: tuple[int, int], exposed: list[Any]
) -> None:
    number = await world.take_expired(policy=policy)
    world.provider.will("cancel", Refused(Refusal.NOT_CANCELLABLE)).will(
        "look", Ended(PriceFate.KEPT)
    )

    await world.end_all()

    assert await world.ended(number) == (state, ProviderState.CHARGED)
    assert await world.money() == money
    assert await world.exposure() == exposed


async def test_what_was_pressed_goes_first_also_where_a_tick_leased_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.take()
    paid: list[Need] = []
    spend = world.schedule.spend

    async def told(provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        paid.append(need)
        return await spend(provider, wanted, need)

    monkeypatch.setattr(world.schedule, "spend", told)
    world.provider.will("cancel", *[Ended(PriceFate.GIVEN_BACK)] * 2)
    await world.take_expired("2")
    await world.end_all()
    await world.store.activations.press_cancel(number.id)
    await world.end_all()

    assert paid == [Need.DUE, Need.PRESSED]


async def test_a_policy_nobody_has_leaves_the_ending_to_a_human(world: World) -> None:
    number = await world.take_expired()
    await world.admin.execute("UPDATE activation SET policy = 'yesterday'")
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert await world.ended(number) == (State.IN_REVIEW, ProviderState.CANCELLED)
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_a_number_unknown_twice_is_gone_and_told(world: World) -> None:
    number = await world.take_expired()
    world.provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", NotKnown())

    await world.end_all()
    assert (await world.number(number)).state is State.EXPIRING
    await world.forget_leases()
    await world.end_all()

    assert await world.ended(number) == (State.REFUNDED, ProviderState.GONE)
    assert world.reporter.troubles == ["provider.number_gone"]


async def test_a_cancel_whose_answer_was_lost_is_sent_again_and_read_where_it_is_refused(
    world: World,
) -> None:
    """The first one took effect: the second is refused, and the status says that we have it."""
    number = await world.take_expired()
    lost = ProviderUnavailable("sim", "timeout")
    world.provider.will("cancel", lost, Refused(Refusal.UNCLEAR)).will(
        "look", Ended(PriceFate.GIVEN_BACK)
    )

    await world.end_all()
    assert await world.ended(number) == (State.EXPIRING, ProviderState.CANCELLING)
    assert await world.end_all() == 0  # It backs off.
    await world.forget_leases()
    await world.end_all()

    assert [operation for operation, _ in world.provider.calls] == ["cancel", "cancel", "look"]
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await world.money() == (ALL, 0)
    assert await world.exposure() == []


async def test_a_cancel_that_never_arrived_costs_one_more_call(world: World) -> None:
    number = await world.take_expired()
    lost = ProviderUnavailable("sim", "refused", sent=False)
    world.provider.will("cancel", lost, Ended(PriceFate.GIVEN_BACK))

    await world.end_all()
    await world.forget_leases()
    await world.end_all()

    assert [operation for operation, _ in world.provider.calls] == ["cancel", "cancel"]
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)


async def test_where_a_call_can_change_more_than_it_says_the_status_is_read_first(
    world: World,
) -> None:
    number = await world.take_expired()
    world.provider.capabilities = Capabilities(look_changes_things=True)
    world.provider.will("cancel", ProviderUnavailable("sim", "timeout")).will(
        "look", Ended(PriceFate.GIVEN_BACK)
    )

    await world.end_all()
    await world.forget_leases()
    await world.end_all()

    assert [operation for operation, _ in world.provider.calls] == ["cancel", "look"]
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)


async def test_too_early_is_remembered_as_not_before(world: World) -> None:
    number = await world.take_expired()
    world.provider.will("cancel", Refused(Refusal.EARLY, retry_after=timedelta(hours=1)))

    await world.end_all()

    not_before = await world.one("SELECT cancel_not_before FROM activation")
    assert not_before > utc_now() + timedelta(minutes=59)
    assert (await world.number(number)).state is State.EXPIRING


async def test_thousands_are_leased_in_batches_and_all_ended(world: World) -> None:
    world.their_terms = terms(requests_per_second=100_000.0, max_in_flight=50)
    for number in range(25):
        await world.take_expired(f"{number:03}")
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    done = await world.end_all()

    assert done == 25
    assert world.provider.most_in_flight <= 50
    assert await world.one("SELECT count(*) FROM activation WHERE NOT settled") == 0
    assert len(world.provider.asked("cancel")) == 25


async def test_more_is_leased_while_calls_run_so_that_none_idles(world: World) -> None:
    world.their_terms = terms(requests_per_second=2.0)  # Four at once.
    for number in range(11):
        await world.take_expired(str(number))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.expire.tick(world.provider, turns(100))

    assert await world.one("SELECT count(*) FROM activation WHERE settled") == 11


async def test_calls_stay_within_what_may_be_in_flight(world: World) -> None:
    world.their_terms = terms(requests_per_second=100_000.0, max_in_flight=3)
    for number in range(10):
        await world.take_expired(str(number))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert world.provider.most_in_flight <= 3


async def test_a_provider_that_is_away_costs_no_lease(world: World) -> None:
    await world.take_expired()
    world.provider.circuit = Circuit.OPEN

    assert await world.end_all() == 0

    assert await world.one("SELECT attempts FROM activation") == 0


async def test_cancels_that_are_left_alone_cost_no_request_of_the_rate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider answers others: its circuit is closed, and only cancels are not let out."""
    world.their_terms = terms(max_in_flight=4)
    for number in range(60):
        await world.take_expired(str(number))
    paid: list[None] = []
    take = Budget.take

    async def counted(budget: Budget, check: Callable[[], None] = unconditional) -> None:
        await take(budget, check)
        paid.append(None)

    monkeypatch.setattr(Budget, "take", counted)
    refused = CircuitOpen(SIM, retry_after=2 * SECOND)
    world.provider.will("cancel", refused)

    await world.end_all()
    await world.end_all()
    assert len(paid) <= 4, "not even within the next second"
    leases = await world.one("SELECT sum(attempts) FROM activation")

    world.elapsed += TRIED_EVERY.total_seconds()
    await world.end_all()
    assert len(paid) <= 8
    assert await world.one("SELECT sum(attempts) FROM activation") <= leases + 8

    world.elapsed += TRIED_EVERY.total_seconds()
    world.provider._answers["cancel", None].clear()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.forget_leases()
    await world.end_all()
    assert await world.one("SELECT count(*) FROM activation WHERE NOT settled") == 0


async def test_a_stretch_that_is_over_leases_nothing_more(world: World) -> None:
    await world.take_expired()

    assert await world.expire.tick(world.provider, turns(0)) == 0


async def test_cut_off_in_the_middle_what_was_confirmed_is_kept_and_the_rest_handed_back(
    world: World,
) -> None:
    world.their_terms = terms(max_in_flight=2)
    numbers = [await world.take_expired(str(number)) for number in range(5)]
    hanging = asyncio.Event()

    async def hangs(_: object) -> None:
        hanging.set()
        await asyncio.Event().wait()

    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    world.provider.will("cancel", hangs, of="3")
    tick = asyncio.ensure_future(world.end_all())
    await asyncio.wait_for(hanging.wait(), 10)
    tick.cancel()
    await asyncio.gather(tick, return_exceptions=True)

    states = [(await world.number(number)).state for number in numbers]
    assert states[:3] == [State.REFUNDED] * 3
    due = await world.one("SELECT bool_and(lease_until <= now()) FROM activation WHERE NOT settled")
    assert due, "what was cut off is due again at once"


async def test_a_number_that_always_fails_costs_the_others_nothing(world: World) -> None:
    poison, *others = [await world.take_expired(str(number)) for number in range(4)]
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK)).will(
        "cancel", KeyError("a bug of ours"), of="0"
    )

    began = await world.one("SELECT clock_timestamp()")
    await world.end_all()

    assert [(await world.number(one)).state for one in others] == [State.REFUNDED] * 3
    assert (await world.number(poison)).state is State.EXPIRING
    ((number, why),) = world.reporter.of("quarantined")
    assert number == poison.id
    assert why.startswith("expire: KeyError at ")
    again = await world.one("SELECT lease_until FROM activation WHERE id = $1", poison.id)
    assert again > began, "it is tried again, and not at once"


async def test_nothing_more_is_sent_once_nothing_can_be_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel whose outcome cannot be stored is only a request wasted."""
    world.their_terms = terms(max_in_flight=1)
    for number in range(50):
        await world.take_expired(str(number))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    monkeypatch.setattr(world.store.settlements, "settle", away)
    with pytest.raises(StoreUnavailable):
        await world.end_all()

    assert len(world.provider.asked("cancel")) < 50
    monkeypatch.undo()
    await world.forget_leases()
    world.provider.will("look", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    assert await world.money() == (ALL, 0)


async def test_a_number_the_database_refuses_does_not_hold_up_the_others(
    broken_world: World,
) -> None:
    world = broken_world
    poison = await world.take_expired("0")
    for number in range(1, 6):
        await world.take_expired(str(number))
    await world.admin.execute(
        "INSERT INTO settlement (activation_id, outcome, amount_minor, reason)"
        " VALUES ($1, 'refunded', 25, 'forged')",
        poison.id,
    )
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert (await world.number(poison)).state is State.EXPIRING
    assert await world.one("SELECT count(*) FROM activation WHERE settled") == 5
    assert world.reporter.of("quarantined") == [(poison.id, "settle.refused")]


async def test_two_workers_on_the_same_numbers_end_each_once(world: World) -> None:
    for number in range(20):
        await world.take_expired(f"{number:02}")
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    done = await asyncio.gather(world.end_all(), world.end_all(), world.end_all())

    assert sum(done) == 20
    assert sorted(world.provider.asked("cancel")) == [f"{number:02}" for number in range(20)]
    assert await world.money() == (ALL, 0)


async def test_a_code_recorded_by_somebody_else_meanwhile_wins(world: World) -> None:
    number = await world.take()
    await world.store.activations.press_cancel(number.id)

    async def pushed(_: object) -> Refused:
        await world.record("1", "1234")
        return Refused(Refusal.CODE_ARRIVED, sms=CODE)

    world.provider.will("cancel", pushed)
    await world.end_all()

    assert (await world.number(number)).state is State.RECEIVED
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_a_cancel_confirmed_after_a_code_was_shown_takes_it_from_nobody(
    world: World,
) -> None:
    number = await world.take()
    await world.store.activations.press_cancel(number.id)

    async def pushed(_: object) -> Ended:
        await world.record("1", "1234")
        return Ended(PriceFate.GIVEN_BACK)

    world.provider.will("cancel", pushed)
    await world.end_all()

    assert (await world.number(number)).state is State.RECEIVED


async def test_a_host_clock_that_is_wrong_ends_nothing_early(world: World) -> None:
    await world.take(age=WINDOW - 60 * SECOND)
    world.skew = timedelta(minutes=5)

    assert await world.end_all() == 0
    assert await world.sweep.tick() == 0


async def test_a_host_clock_that_is_late_ends_everything_in_time(world: World) -> None:
    number = await world.take_expired()
    world.skew = -timedelta(minutes=5)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.end_all()

    assert (await world.number(number)).state is State.REFUNDED


async def test_a_refused_number_that_waits_is_not_asked_in_a_busy_loop(world: World) -> None:
    await world.take_expired()
    world.provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", Waiting())

    for _ in range(5):
        await world.end_all()

    assert len(world.provider.asked("cancel")) == 1
