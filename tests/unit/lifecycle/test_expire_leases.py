"""Leasing ahead: no lane idles, no number is leased twice, and none without a ref is looked at."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import until
from tests.unit.lifecycle.scripted import (
    DEADLINE,
    RENTED,
    SIM,
    OwnTime,
    ScriptedProvider,
    Stub,
    StubStore,
    due,
    no_flags,
    policy_book,
    terms,
)
from worker.domain.activation import ProviderState, State
from worker.domain.ids import AccountId
from worker.domain.price_fate import PriceFate
from worker.lifecycle.accept import Accept
from worker.lifecycle.expire import Expire
from worker.lifecycle.outcome import PolicyOutcomes
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.settle import Settle
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.errors import StoreUnavailable
from worker.ports.instances import InstanceId
from worker.ports.provider import Circuit, Ended, Refusal, Refused, Sms
from worker.ports.store.activations import Activation
from worker.ports.store.settlements import DueNumber, Settlements


class Leases:
    """An expire step over a store that hands out what is left of *many* numbers."""

    def __init__(self, many: int, rate: float, max_in_flight: int) -> None:
        self.left = [due(number) for number in range(1, many + 1)]
        self.store = StubStore(
            lease_cancels=self.lease,
            still_leased=lambda asked: {number.id for number in asked},
            settle=lambda _: Settlements([], []),
            postpone=None,
            resolve=(),
        )
        self.provider = ScriptedProvider().will("cancel", Ended(PriceFate.GIVEN_BACK))
        self.reporter = RecordingReporter()
        store = cast("Any", self.store)
        self.expire = Expire(
            settlements=store,
            activations=store,
            schedule=cast("Any", Stub(spend=lambda _, wanted, _need: wanted)),
            reporter=self.reporter,
            settle=Settle(settlements=store, reporter=self.reporter),
            rules=PolicyOutcomes(policy_book(), self.reporter, no_flags),
            clock=OwnTime().clock(),
            terms={SIM: terms(requests_per_second=rate, max_in_flight=max_in_flight)},
        )

    def lease(self, _: Any, limit: int, *__: Any) -> list[DueNumber]:
        leased, self.left = self.left[:limit], self.left[limit:]
        return leased

    def limits(self) -> list[int]:
        return [limit for _, limit, _ in self.store.asked("lease_cancels")]


async def test_every_number_is_asked_about_once_however_many_hands_claim() -> None:
    leases = Leases(many=97, rate=5.0, max_in_flight=8)

    await leases.expire.tick(leases.provider, lambda: True)

    assert sorted(map(int, leases.provider.asked("cancel"))) == list(range(1, 98))
    assert set(leases.limits()) == {10}


async def test_no_more_is_leased_than_the_rate_allows_soon() -> None:
    leases = Leases(many=5000, rate=1_000_000.0, max_in_flight=100)

    await leases.expire.tick(leases.provider, lambda: len(leases.left) > 3000)

    assert leases.limits()[0] == 200
    assert set(leases.limits()[1:]) == {1000}


async def test_a_slow_rate_still_leases_one() -> None:
    leases = Leases(many=2, rate=0.1, max_in_flight=5)

    await leases.expire.tick(leases.provider, lambda: True)

    assert set(leases.limits()) == {1}
    assert len(leases.provider.asked("cancel")) == 2


async def test_once_the_provider_is_away_nothing_more_is_leased() -> None:
    leases = Leases(many=50, rate=5.0, max_in_flight=1)

    async def last(_: object) -> Ended:
        leases.provider.circuit = Circuit.OPEN
        return Ended(PriceFate.GIVEN_BACK)

    leases.provider._answers["cancel", None].clear()
    leases.provider.will("cancel", last)
    await leases.expire.tick(leases.provider, lambda: True)

    assert leases.limits() == [2, 10]
    assert len(leases.provider.asked("cancel")) == 1
    postponed = [each for (some,) in leases.store.asked("postpone") for each in some]
    assert [each.delay for each in postponed] == [timedelta(0)] * 11, "due when it is back"


async def test_a_number_given_back_while_its_account_is_locked_is_cancelled_once() -> None:
    leases = Leases(many=1, rate=50.0, max_in_flight=8)
    leases.store.answers["settle"] = lambda ends: Settlements([], [], [each.id for each in ends])
    await leases.expire.tick(leases.provider, lambda: True)
    leases.store.answers["settle"] = lambda _: Settlements([], [])
    leases.left = [due(1), due(2)]

    await leases.expire.tick(leases.provider, lambda: True)

    assert [ref for _, ref in leases.provider.calls] == ["1", "2"]
    *_, last = leases.store.asked("settle")
    assert {each.provider_state for each in last[0]} == {ProviderState.CANCELLED}


async def test_what_a_lease_took_that_was_cut_off_is_handed_back() -> None:
    leases = Leases(many=50, rate=5.0, max_in_flight=1)
    tick = asyncio.ensure_future(leases.expire.tick(leases.provider, lambda: True))
    await until(lambda: leases.limits() == [2, 10])

    tick.cancel()
    await asyncio.gather(tick, return_exceptions=True)

    back = [one.id for (batch,) in leases.store.asked("postpone") for one in batch]
    ended = [one.id for (batch, *_) in leases.store.asked("settle") for one in batch]
    assert sorted(back + ended) == [due(number).id for number in range(1, 13)]


async def test_ending_one_number_now_leases_no_other() -> None:
    leases = Leases(many=50, rate=5.0, max_in_flight=8)
    leases.store.answers["lease_cancels_of"] = [due(99)]

    await leases.expire.end_now(leases.provider, [due(99).id])

    assert leases.provider.asked("cancel") == ["99"]
    assert leases.limits() == []


async def test_ending_one_number_that_is_anothers_asks_nobody() -> None:
    leases = Leases(many=0, rate=5.0, max_in_flight=8)
    leases.store.answers["lease_cancels_of"] = []

    await leases.expire.end_now(leases.provider, [due().id])
    leases.provider.circuit = Circuit.OPEN
    await leases.expire.end_now(leases.provider, [due().id])

    assert leases.provider.calls == []
    assert len(leases.store.asked("lease_cancels_of")) == 1


async def test_a_purchase_without_a_number_is_put_on_no_schedule() -> None:
    schedule = Stub(add=1)
    accept = Accept(
        activations=cast("Any", StubStore()),
        purchases=cast("Any", StubStore()),
        schedule=cast("Any", schedule),
        unscheduled=Unscheduled(schedule=cast("Any", schedule), reporter=RecordingReporter()),
        reporter=RecordingReporter(),
        clock=OwnTime().clock(),
        terms={SIM: terms()},
        listed=lambda _: False,
        pushes=lambda _: False,
        policies=policy_book(),
        default_policy="default",
        default_window=DEADLINE - RENTED,
    )
    nameless = Activation(
        id=due().id,
        provider=SIM,
        ref=None,
        account=AccountId("alice"),
        phone=None,
        service="any",
        country="1",
        price_minor=25,
        currency="USD",
        policy="default",
        state=State.WAITING,
        provider_state=ProviderState.OPEN,
        rented_at=RENTED,
        deadline_at=DEADLINE,
    )

    await accept.watch([nameless])

    assert schedule.calls == []


async def test_a_tick_of_two_workers_shares_the_numbers() -> None:
    leases = Leases(many=60, rate=5.0, max_in_flight=4)

    done = await asyncio.gather(
        leases.expire.tick(leases.provider, lambda: True),
        leases.expire.tick(leases.provider, lambda: True),
    )

    assert len(leases.provider.asked("cancel")) == 60
    assert min(done) > 0


async def test_a_provider_that_came_back_gets_the_backlog_at_full_width_at_once() -> None:
    leases = Leases(many=500, rate=100.0, max_in_flight=8)
    leases.provider.circuit = Circuit.OPEN
    assert await leases.expire.tick(leases.provider, lambda: True) == 0
    leases.provider.circuit = Circuit.CLOSED

    await leases.expire.tick(leases.provider, lambda: True)

    assert leases.limits()[0] == 16
    assert set(leases.limits()[1:]) <= {16, 200}
    assert leases.left == []


async def test_where_nothing_can_be_kept_no_other_is_asked_about() -> None:
    leases = Leases(many=50, rate=5.0, max_in_flight=1)
    leases.provider._answers["cancel", None].clear()
    leases.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=(Sms("1234"),)))
    leases.store.answers["record_codes"] = StoreUnavailable("away")

    with pytest.raises(ExceptionGroup):
        await leases.expire.tick(leases.provider, lambda: True)

    assert leases.provider.asked("cancel") == ["1"]
    assert leases.reporter.of("quarantined") == [], "it is not this number's fault"


async def test_who_was_taken_for_dead_goes_on_with_nothing_that_it_held() -> None:
    leases = Leases(many=8, rate=1_000_000.0, max_in_flight=4)
    before, after = InstanceId(UUID(int=1)), InstanceId(UUID(int=2))
    asked = leases.provider.asked
    expire = replace(leases.expire, holder=lambda: after if asked("cancel") else before)
    times = iter([True])

    await expire.tick(leases.provider, lambda: next(times, False))

    handed_back = [id_ for (ended,) in leases.store.asked("postpone") for id_, *_ in ended]
    assert 0 < len(asked("cancel")) <= 4, "those that were under way"
    assert len(handed_back) == 8 - len(asked("cancel"))


async def test_where_nothing_can_be_kept_no_other_is_pursued() -> None:
    reporter = RecordingReporter()
    store = StubStore(
        lease_pursuits=[due(number) for number in range(1, 9)],
        record_codes=StoreUnavailable("away"),
        postpone=None,
        resolve=(),
    )
    provider = ScriptedProvider().will("cancel", Refused(Refusal.CODE_ARRIVED, sms=(Sms("1"),)))
    pursue = Pursue(
        settlements=cast("Any", store),
        activations=cast("Any", store),
        schedule=cast("Any", Stub(spend=lambda _, wanted, _need: wanted)),
        reporter=reporter,
        settle=Settle(settlements=cast("Any", store), reporter=reporter),
        clock=OwnTime().clock(),
        terms={SIM: terms(max_in_flight=2)},
    )

    with pytest.raises(ExceptionGroup):
        await pursue.tick(provider)

    assert provider.asked("cancel") == ["1"]
    assert reporter.of("quarantined") == []
