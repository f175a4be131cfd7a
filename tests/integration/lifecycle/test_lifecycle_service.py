"""What shops may ask for: cancel, finish, resend, in every state, twice, and at the wrong time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.lifecycle.world import PRICE, SECOND, SIM, WINDOW, World, handed_over, turns
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderUnavailable, ScheduleUnavailable, StoreUnavailable
from worker.ports.provider import Circuit, CodesArrived, Ended, Refusal, Refused, Sms
from worker.ports.schedule import Need
from worker.ports.service import ActionOutcome, Push
from worker.ports.store.activations import Activation

ALL = 100_000
NOBODY = ActivationId(UUID(int=0))
CODE = (Sms("1234"),)


async def waiting(world: World) -> Activation:
    return await world.take()


async def received(world: World) -> Activation:
    number = await world.take()
    await world.record("1", "1234")
    return number


async def delivered(world: World) -> Activation:
    number = await received(world)
    await world.store.activations.ask_finish(number.id)
    await world.sweep.tick()
    return number


async def refunded(world: World) -> Activation:
    number = await world.take_expired()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    world.provider.calls.clear()
    return number


async def closed(world: World) -> Activation:
    number = await world.take_expired(policy="P1")
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    world.provider.calls.clear()
    return number


async def in_review(world: World) -> Activation:
    number = await world.take_forgotten()
    await world.admin.execute("UPDATE activation SET policy = 'yesterday'")
    await world.sweep.tick()
    return number


Given = Callable[[World], Awaitable[Activation]]


# --- cancel


async def test_cancel_ends_a_waiting_number_at_once(world: World) -> None:
    number = await waiting(world)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    result = await world.service.cancel(number.id)

    assert result.how is ActionOutcome.DONE
    assert result.activation is not None
    assert result.activation.state is State.REFUNDED
    assert await world.money() == (ALL, 0)


@pytest.mark.parametrize(
    ("given", "how"),
    [
        (received, ActionOutcome.CODE_RECEIVED),
        (delivered, ActionOutcome.CODE_RECEIVED),
        (refunded, ActionOutcome.DONE),
        (closed, ActionOutcome.DONE),
        (in_review, ActionOutcome.DONE),
    ],
)
async def test_cancel_in_any_other_state_is_only_logged(
    world: World, given: Given, how: ActionOutcome
) -> None:
    number = await given(world)
    before = await world.number(number)

    result = await world.service.cancel(number.id)

    assert result.how is how
    after = await world.number(number)
    assert replace(after, timeline=before.timeline) == before
    assert [line.what for line in after.timeline[len(before.timeline) :]] == ["cancel_pressed"]
    assert world.provider.calls == []


async def test_cancel_of_nothing_is_unknown(world: World) -> None:
    assert (await world.service.cancel(NOBODY)).how is ActionOutcome.UNKNOWN


async def test_cancel_twice_at_once_is_one_ending(world: World) -> None:
    number = await waiting(world)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    results = await asyncio.gather(*(world.service.cancel(number.id) for _ in range(4)))

    assert {result.how for result in results} <= {ActionOutcome.DONE, ActionOutcome.PENDING}
    assert ActionOutcome.DONE in {result.how for result in results}
    assert len(world.provider.asked("cancel")) == 1
    assert await world.money() == (ALL, 0)


async def test_cancel_that_the_provider_does_not_answer_is_pending(world: World) -> None:
    number = await waiting(world)
    world.provider.will("cancel", ProviderUnavailable("sim", "timeout"))

    result = await world.service.cancel(number.id)

    assert result.how is ActionOutcome.PENDING
    assert await world.ended(number) == (State.EXPIRING, ProviderState.CANCELLING)


async def test_cancel_while_the_provider_is_away_is_pending_and_asks_nobody(world: World) -> None:
    number = await waiting(world)
    world.provider.circuit = Circuit.OPEN

    assert (await world.service.cancel(number.id)).how is ActionOutcome.PENDING

    assert world.provider.calls == []
    world.provider.circuit = Circuit.CLOSED
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    assert await world.end_all() == 1
    assert await world.money() == (ALL, 0)


async def test_cancel_before_the_provider_allows_one_is_pending(world: World) -> None:
    number = await waiting(world)
    await world.admin.execute(
        "UPDATE activation SET cancel_not_before = now() + interval '2 minutes'"
    )

    assert (await world.service.cancel(number.id)).how is ActionOutcome.PENDING
    assert await world.end_all() == 0

    assert world.provider.calls == []
    await world.forget_leases()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    assert await world.end_all() == 1


async def test_cancel_that_meets_a_code_shows_it(world: World) -> None:
    number = await waiting(world)
    world.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=CODE))

    result = await world.service.cancel(number.id)

    assert result.how is ActionOutcome.CODE_RECEIVED
    assert (await world.number(number)).state is State.RECEIVED


async def test_cancel_of_a_provider_that_is_not_configured_any_more_is_pending(
    world: World,
) -> None:
    number = await waiting(world)
    await world.admin.execute("SET session_replication_role = replica")
    await world.admin.execute("UPDATE activation SET provider = 'gone'")
    await world.admin.execute("UPDATE live SET at_provider = 'gone'")

    assert (await world.service.cancel(number.id)).how is ActionOutcome.PENDING


async def test_a_cancel_that_fails_behind_the_caller_stands_and_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await waiting(world)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database: gone")

    with monkeypatch.context() as patched:
        patched.setattr(world.store.settlements, "settle", away)
        result = await world.service.cancel(number.id)

    assert result.how is ActionOutcome.PENDING
    assert world.reporter.of("trouble") == [("job.failed", None, "cancel: StoreUnavailable")]
    await world.forget_leases()
    world.provider.will("look", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    assert await world.money() == (ALL, 0)


async def test_a_caller_who_waits_too_long_is_answered_and_the_cancel_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.press_cancel.PATIENCE", timedelta(0))
    number = await waiting(world)
    answer = asyncio.Event()

    async def slow(_: object) -> Ended:
        await answer.wait()
        return Ended(PriceFate.GIVEN_BACK)

    world.provider.will("cancel", slow)
    assert (await world.service.cancel(number.id)).how is ActionOutcome.PENDING
    answer.set()
    await asyncio.gather(*world.service.pressing._running)

    assert (await world.number(number)).state is State.REFUNDED


async def test_a_caller_who_hangs_up_does_not_cut_the_cancel(world: World) -> None:
    number = await waiting(world)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(_: object) -> Ended:
        asked.set()
        await answer.wait()
        return Ended(PriceFate.GIVEN_BACK)

    world.provider.will("cancel", slow)
    caller = asyncio.ensure_future(world.service.cancel(number.id))
    await asyncio.wait_for(asked.wait(), 10)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    answer.set()
    await asyncio.gather(*world.service.pressing._running)

    assert (await world.number(number)).state is State.REFUNDED


# --- finish


async def test_finish_delivers_a_number_with_a_code(world: World) -> None:
    number = await received(world)

    result = await world.service.finish(number.id)
    again = await world.service.finish(number.id)

    assert (result.how, again.how) == (ActionOutcome.DONE, ActionOutcome.DONE)
    assert await world.ended(number) == (State.DELIVERED, ProviderState.FINISHING)
    assert await world.money() == (ALL - PRICE, 0)


@pytest.mark.parametrize("given", [waiting, refunded, closed, in_review])
async def test_finish_without_a_code_changes_nothing(world: World, given: Given) -> None:
    number = await given(world)
    before = await world.number(number)

    assert (await world.service.finish(number.id)).how is ActionOutcome.NO_CODE

    assert await world.number(number) == before


async def test_finish_of_nothing_is_unknown(world: World) -> None:
    assert (await world.service.finish(NOBODY)).how is ActionOutcome.UNKNOWN


# --- resend


@pytest.mark.parametrize(
    ("said", "how"), [(True, ActionOutcome.DONE), (False, ActionOutcome.NOT_OFFERED)]
)
async def test_resend_is_what_the_provider_says(
    world: World, said: bool, how: ActionOutcome
) -> None:
    number = await received(world)
    world.provider.will("ask_again", said)

    assert (await world.service.resend(number.id)).how is how


async def test_resend_that_is_not_answered_is_told(world: World) -> None:
    number = await received(world)
    world.provider.will("ask_again", ProviderUnavailable("sim", "timeout"))

    assert (await world.service.resend(number.id)).how is ActionOutcome.PROVIDER_UNAVAILABLE


async def test_resend_has_its_turn_before_looks_since_a_customer_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await received(world)
    world.provider.will("ask_again", True)  # noqa: FBT003 - what the provider says
    needs: list[Need] = []
    spend = type(world.schedule).spend

    async def noted(self: Any, name: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        needs.append(need)
        return await spend(self, name, wanted, need)

    monkeypatch.setattr(type(world.schedule), "spend", noted)

    assert (await world.service.resend(number.id)).how is ActionOutcome.DONE
    assert needs == [Need.PRESSED]


async def test_resend_is_paid_from_the_rate_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.service.PATIENCE", timedelta(milliseconds=20))
    world.budget = 0.001
    number = await received(world)
    world.provider.will("ask_again", True)  # noqa: FBT003 - what the provider says
    assert await world.schedule.spend(SIM, 1) == 1, "one request in a thousand seconds"

    assert (await world.service.resend(number.id)).how is ActionOutcome.PROVIDER_UNAVAILABLE

    assert world.provider.asked("ask_again") == []


@pytest.mark.parametrize(
    ("given", "how"),
    [
        (waiting, ActionOutcome.NO_CODE),
        (delivered, ActionOutcome.ENDED),
        (refunded, ActionOutcome.ENDED),
        (closed, ActionOutcome.ENDED),
        (in_review, ActionOutcome.ENDED),
    ],
)
async def test_resend_in_any_other_state_asks_nobody(
    world: World, given: Given, how: ActionOutcome
) -> None:
    number = await given(world)

    assert (await world.service.resend(number.id)).how is how

    assert world.provider.asked("ask_again") == []


async def test_resend_after_the_window_asks_nobody(world: World) -> None:
    number = await received(world)
    await world.age(number, WINDOW + SECOND)

    assert (await world.service.resend(number.id)).how is ActionOutcome.ENDED


async def test_resend_where_it_is_not_offered_asks_nobody(world: World) -> None:
    number = await received(world)
    world.provider.capabilities = Capabilities(resend=False)

    assert (await world.service.resend(number.id)).how is ActionOutcome.NOT_OFFERED


async def test_resend_of_nothing_is_unknown(world: World) -> None:
    assert (await world.service.resend(NOBODY)).how is ActionOutcome.UNKNOWN


# --- push


def push(ref: str, content: str = "1") -> Push:
    return Push(ProviderRef(ref), None, None, content)


async def test_a_push_is_a_reason_to_look_now_and_no_code(world: World) -> None:
    number = await waiting(world)
    world.provider.will("look", CodesArrived(CODE))

    await world.service.push(SIM, [push("1")])
    assert (await world.number(number)).state is State.WAITING
    await world.watch.tick(world.provider, turns(1))

    assert (await world.number(number)).state is State.RECEIVED


async def test_a_push_before_the_number_was_handed_over_has_it_looked_at_then(
    world: World,
) -> None:
    world.provider.capabilities = Capabilities(push=True)
    world.provider.will("look", CodesArrived(CODE))
    await world.service.push(SIM, [push("1"), push("1"), push("2", "2")])

    number = await waiting(world)
    await world.watch.tick(world.provider, turns(1))

    assert (await world.number(number)).state is State.RECEIVED


async def test_the_same_push_again_is_no_new_reason(world: World) -> None:
    number = await waiting(world)
    world.provider.will("look", CodesArrived(CODE))
    await world.service.push(SIM, [push("1")])
    await world.watch.tick(world.provider, turns(1))
    await world.service.push(SIM, [push("1")])

    await world.watch.tick(world.provider, turns(1))

    assert len(world.provider.asked("look")) == 1
    assert (await world.number(number)).state is State.RECEIVED


async def test_pushes_that_come_at_once_are_kept_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    keep = world.store.purchases.keep_pushes

    async def counting(provider: ProviderName, pushes: Sequence[Push]) -> list[ProviderRef]:
        kept.append(len(pushes))
        return await keep(provider, pushes)

    monkeypatch.setattr(world.store.purchases, "keep_pushes", counting)
    await asyncio.gather(*(world.service.push(SIM, [push(str(n), str(n))]) for n in range(20)))

    assert kept == [20]
    assert await world.one("SELECT count(*) FROM push") == 20


async def test_a_push_without_a_schedule_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(world)

    async def away(*_: object) -> None:
        raise ScheduleUnavailable

    monkeypatch.setattr(world.schedule, "hint", away)
    await world.service.push(SIM, [push("1")])

    assert await world.one("SELECT count(*) FROM push") == 1


# --- accept


async def test_what_cannot_be_taken_says_why_and_the_rest_is_taken(world: World) -> None:
    results = await world.service.accept(
        [
            handed_over("1", provider=ProviderName("nobody")),
            handed_over("2", policy="yesterday"),
            handed_over("3"),
        ]
    )

    assert [result.how.value for result in results] == ["unknown_provider", "unknown_policy", "new"]
    assert world.reporter.of("accepted") == [(SIM, 1)]


async def test_more_than_a_batch_is_taken_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.accept.BATCH", 3)

    results = await world.service.accept([handed_over(str(number)) for number in range(8)])

    assert [r.activation.ref for r in results if r.activation] == [str(n) for n in range(8)]
    assert await world.schedule.size(SIM) == 8


async def test_a_number_is_kept_although_no_schedule_can_be_reached(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> int:
        raise ScheduleUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(world.schedule, "add", away)
        await world.take()
    assert world.reporter.troubles == ["schedule.unavailable"]

    assert await world.repair.reschedule(SIM) == 1
    assert await world.schedule.size(SIM) == 1


async def test_the_same_number_again_is_neither_counted_nor_scheduled_again(world: World) -> None:
    number = await world.take()

    (again,) = await world.service.accept([handed_over("1", rented_at=number.rented_at)])

    assert again.how.value == "same"
    assert world.reporter.of("accepted") == [(SIM, 1)]
    assert await world.schedule.size(SIM) == 1
