"""What needs no provider: deliveries, forgotten deadlines, and credits after the grace."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.world import GRACE, PRICE, SECOND, WINDOW, World, turns
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.price_fate import PriceFate
from worker.lifecycle.settle import BATCH
from worker.lifecycle.sweep import BEHIND
from worker.ports.errors import ProviderUnavailable, StoreUnavailable
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

ALL = 100_000
CODE = (Sms("1234"),)


async def test_a_number_with_a_code_is_delivered_when_its_window_is_over(world: World) -> None:
    number = await world.take()
    await world.record("1", "1234")
    assert await world.sweep.tick() == 0
    await world.age(number, WINDOW + SECOND)

    assert await world.sweep.tick() == 1

    assert await world.ended(number) == (State.DELIVERED, ProviderState.FINISHING)
    assert await world.money() == (ALL - PRICE, 0)


async def test_a_forgotten_deadline_is_marked_and_its_grace_still_runs(world: World) -> None:
    number = await world.take(age=WINDOW + BEHIND + SECOND)

    assert await world.sweep.tick() == 0

    assert (await world.number(number)).state is State.EXPIRING
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_a_deadline_just_over_is_left_to_those_who_ask_the_provider(world: World) -> None:
    number = await world.take_expired()

    await world.sweep.tick()

    assert (await world.number(number)).state is State.WAITING


async def test_after_the_grace_the_customer_is_whole_whatever_the_provider_does(
    world: World,
) -> None:
    number = await world.take_forgotten()

    assert await world.sweep.tick() == 1

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.money() == (ALL, 0)
    assert await world.exposure() == [(PRICE, "open")]
    assert world.reporter.of("trouble") == [("credit.after_grace", None, "1")]


async def test_the_grace_is_over_only_after_its_last_instant(world: World) -> None:
    await world.take(age=WINDOW + GRACE - SECOND)

    assert await world.sweep.tick() == 0


async def test_a_lease_for_a_cancel_does_not_keep_the_customer_waiting(world: World) -> None:
    """Whoever holds the lease may be dead; whoever settles first wins."""
    number = await world.take_forgotten()
    world.provider.will("cancel", ProviderUnavailable("sim", "timeout"))
    await world.end_all()

    assert await world.sweep.tick() == 1

    assert (await world.number(number)).state is State.REFUNDED


async def test_an_answer_after_the_credit_changes_no_money(world: World) -> None:
    number = await world.take_forgotten()

    async def swept(_: object) -> Ended:
        await world.sweep.tick()
        return Ended(PriceFate.GIVEN_BACK)

    world.provider.will("cancel", swept)
    await world.end_all()

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.money() == (ALL, 0)
    assert await world.one("SELECT count(*) FROM settlement") == 1


async def test_a_purchase_nobody_found_is_credited_and_a_human_asks(world: World) -> None:
    number = await world.take_forgotten()
    await world.admin.execute("UPDATE activation SET provider_ref = NULL")

    assert await world.sweep.tick() == 1
    await world.forget_leases()
    assert await world.pursue.tick(world.provider) == 1

    assert await world.ended(number) == (State.REFUNDED, ProviderState.DISPUTED)
    assert world.provider.calls == []


async def test_more_than_one_batch_is_swept_in_one_tick(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("worker.lifecycle.sweep.BATCH", "worker.lifecycle.settle.BATCH"):
        monkeypatch.setattr(name, 3)
    assert BATCH > 3
    for number in range(7):
        await world.take_forgotten(f"g{number}")
        await world.take(f"d{number}", age=timedelta(0))
        await world.record(f"d{number}", "1234")
    await world.admin.execute(
        "UPDATE activation SET deadline_at = now(), ending_at = now() WHERE state = 'received'"
    )

    assert await world.sweep.tick() == 14

    assert await world.money() == (ALL - 7 * PRICE, 0)


# --- what is pursued after that


async def credited(world: World, **other: Any) -> None:
    await world.take_forgotten(**other)
    await world.sweep.tick()
    await world.forget_leases()


async def test_a_confirmed_cancel_resolves_the_exposure(world: World) -> None:
    await credited(world)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await world.pursue.tick(world.provider) == 1

    assert await world.one("SELECT provider_state FROM activation") == "cancelled"
    assert await world.exposure() == [(PRICE, "resolved")]
    assert len(world.reporter.of("resolved")) == 1


async def test_a_kept_price_becomes_our_loss_and_its_code_is_late(world: World) -> None:
    await credited(world)
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=CODE))

    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == "charged"
    assert await world.exposure() == [(PRICE, "loss")]
    assert [fate for _, fate, _ in world.reporter.of("code")] == [CodeFate.LATE]
    assert await world.money() == (ALL, 0)


async def test_a_number_gone_after_the_credit_stays_exposed(world: World) -> None:
    await credited(world)
    world.provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", NotKnown())

    await world.pursue.tick(world.provider)
    await world.forget_leases()
    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == "gone"
    assert await world.exposure() == [(PRICE, "open")]
    assert "provider.number_gone" in world.reporter.troubles


async def test_no_answer_is_asked_again_later_and_read_where_that_is_refused(world: World) -> None:
    await credited(world)
    away = ProviderUnavailable("sim", "HTTP 500")
    world.provider.will("cancel", away, Refused(Refusal.UNCLEAR)).will(
        "look", Ended(PriceFate.GIVEN_BACK)
    )

    await world.pursue.tick(world.provider)
    assert await world.pursue.tick(world.provider) == 0
    await world.forget_leases()
    await world.pursue.tick(world.provider)

    assert [operation for operation, _ in world.provider.calls] == ["cancel", "cancel", "look"]
    assert await world.exposure() == [(PRICE, "resolved")]


async def delivered(world: World, **other: Any) -> None:
    number = await world.take(**other)
    await world.record("1", "1234")
    await world.store.activations.ask_finish(number.id)
    await world.sweep.tick()


@pytest.mark.parametrize(
    ("seen", "state"),
    [(Ended(PriceFate.KEPT), "finished"), (Ended(PriceFate.GIVEN_BACK), "cancelled")],
)
async def test_a_delivered_number_is_finished(world: World, seen: Ended, state: str) -> None:
    await delivered(world)
    world.provider.will("finish", seen)

    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == state
    assert await world.one("SELECT pursue_at FROM activation") is None


@pytest.mark.parametrize(
    "seen", [CodesArrived(CODE), Waiting(), NotKnown(), ProviderUnavailable("sim", "HTTP 500")]
)
async def test_a_finish_that_was_not_confirmed_is_asked_again(world: World, seen: object) -> None:
    await delivered(world)
    world.provider.will("finish", seen)

    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == "finishing"
    assert await world.one("SELECT pursue_at > now() FROM activation")


async def test_a_finished_number_that_is_forgotten_is_finished(world: World) -> None:
    await delivered(world)
    world.provider.will("finish", NotKnown())

    await world.pursue.tick(world.provider)
    await world.forget_leases()
    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == "finished"


async def test_a_number_that_outlived_its_time_at_the_provider_is_not_finished_for_ever(
    world: World,
) -> None:
    """Many refuse a finish once they ended the number by themselves, and still tell its code."""
    await delivered(world, age=WINDOW - SECOND)
    await world.admin.execute("UPDATE activation SET rented_at = rented_at - interval '2 seconds'")
    world.provider.will("finish", CodesArrived(CODE))

    await world.pursue.tick(world.provider)

    assert await world.one("SELECT provider_state FROM activation") == "finished"


async def test_a_provider_that_is_away_is_not_pursued(world: World) -> None:
    await credited(world)
    world.provider.circuit = Circuit.OPEN

    assert await world.pursue.tick(world.provider) == 0


async def test_a_number_in_review_is_pursued_too(world: World) -> None:
    await world.take_forgotten()
    await world.admin.execute("UPDATE activation SET policy = 'yesterday'")
    await world.sweep.tick()
    await world.forget_leases()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await world.pursue.tick(world.provider) == 1

    assert await world.one("SELECT state || provider_state FROM activation") == "in_reviewcancelled"
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_once_both_axes_are_final_the_provider_is_asked_nothing_more(world: World) -> None:
    await world.take_expired()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    world.provider.calls.clear()
    await world.forget_leases()

    await world.end_all()
    await world.sweep.tick()
    await world.pursue.tick(world.provider)
    await world.watch.tick(world.provider, turns(3))

    assert world.provider.calls == []


async def test_nothing_more_is_pursued_once_nothing_can_be_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.their_terms = terms(max_in_flight=1)
    for number in range(30):
        await world.take_forgotten(str(number))
    await world.sweep.tick()
    await world.forget_leases()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    monkeypatch.setattr(world.store.settlements, "resolve", away)
    with pytest.raises(StoreUnavailable):
        await world.pursue.tick(world.provider)

    assert len(world.provider.asked("cancel")) < 30


async def test_a_pursuit_that_is_cut_off_keeps_what_it_learnt(world: World) -> None:
    world.their_terms = terms(max_in_flight=1)
    for number in range(3):
        await world.take_forgotten(str(number))
    await world.sweep.tick()
    await world.forget_leases()
    hanging = asyncio.Event()

    async def hangs(_: object) -> None:
        hanging.set()
        await asyncio.Event().wait()

    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK), hangs)
    tick = asyncio.ensure_future(world.pursue.tick(world.provider))
    await asyncio.wait_for(hanging.wait(), 10)
    tick.cancel()
    await asyncio.gather(tick, return_exceptions=True)

    cancelled = "SELECT count(*) FROM activation WHERE provider_state = 'cancelled'"
    assert await world.one(cancelled) == 1
    assert await world.one("SELECT count(*) FROM activation WHERE pursue_at <= now()") == 2
