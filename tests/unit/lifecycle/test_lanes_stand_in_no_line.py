"""What many lanes wait for before a call lets all of them go on at once, not one after the other.

A lane in line for a lock is a call slot that idles: with a hundred lanes and one handed on in each
turn of the event loop, a provider has a few calls to answer where it could have a hundred.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from tests.fakes.turns import at_rest
from tests.unit.lifecycle.scripted import (
    SIM,
    OwnTime,
    ScriptedProvider,
    Stub,
    StubStore,
    due,
    terms,
)
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import Budget, unconditional
from worker.lifecycle.cancel import AskAgain, CancelAtProvider, PriceKnown
from worker.lifecycle.lease_fence import CONFIRMED_FOR, LeaseFence
from worker.ports.errors import CircuitOpen
from worker.ports.provider import CancelReply, Ended

LANES = 100


class LetsNoCancelOut(ScriptedProvider):
    """Its breaker refuses before anything is sent, as the real one does."""

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        self.calls.append(("cancel", ref))
        raise CircuitOpen(self.name)


def budget_of(time: OwnTime) -> Budget:
    schedule = Stub(spend=lambda _, wanted, _need: wanted)
    return Budget(cast("Any", schedule), terms(requests_per_second=10_000.0), time.clock())


async def test_all_who_waited_for_one_purchase_are_at_the_provider_at_once() -> None:
    time = OwnTime()
    provider = ScriptedProvider().will("cancel", Ended(PriceFate.GIVEN_BACK))
    cancel = CancelAtProvider(clock=time.clock(), pay=budget_of(time).take)

    found = await asyncio.gather(*(cancel(provider, due(each)) for each in range(LANES)))

    assert found == [PriceKnown(PriceFate.GIVEN_BACK)] * LANES
    assert provider.most_in_flight == LANES


async def test_all_whose_leases_were_confirmed_together_are_at_the_provider_at_once() -> None:
    time = OwnTime()
    leased = [due(each) for each in range(LANES)]
    store = StubStore(still_leased=lambda asked: {number.id for number in asked})
    fence = LeaseFence(settlements=cast("Any", store), clock=time.clock())
    fence.add(leased, time.elapsed)
    time.pass_by(2 * CONFIRMED_FOR)
    provider = ScriptedProvider().will("cancel", Ended(PriceFate.GIVEN_BACK))
    cancel = CancelAtProvider(clock=time.clock(), pay=budget_of(time).take, holds=fence.holds)

    await asyncio.gather(*(cancel(provider, number) for number in leased))

    assert len(store.asked("still_leased")) == 1
    assert provider.most_in_flight == LANES


async def test_of_all_who_wait_only_the_first_pays_for_a_cancel_that_is_not_let_out() -> None:
    time = OwnTime()
    provider = LetsNoCancelOut(SIM)
    budget = budget_of(time)
    paid: list[None] = []

    async def pay(check: Callable[[], None] = unconditional) -> None:
        await budget.take(check)
        paid.append(None)

    cancel = CancelAtProvider(clock=time.clock(), pay=pay)
    calls = [asyncio.ensure_future(cancel(provider, due(each))) for each in range(LANES)]
    await at_rest()

    found = await asyncio.gather(*calls)
    assert all(isinstance(outcome, AskAgain) for outcome in found)
    assert len(paid) == 1
    assert len(provider.asked("cancel")) == 1
