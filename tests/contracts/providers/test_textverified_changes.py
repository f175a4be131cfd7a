"""TextVerified changes one thing at a time: purchases, cancels and reports wait for each other."""

import asyncio
from typing import Any

import pytest

from worker.domain.price_fate import PriceFate
from worker.ports.errors import CircuitOpen, ProviderUnavailable
from worker.ports.provider import Circuit, Ended, Waiting
from worker.testing.simulated_provider import Simulated, request, simulated

SOON_S = 0.3  #: When a change gives up the wait for its turn, in the test of that.
OTHERS_S = 4.0  #: Another patience, for an account that is not the patient one.


def textverified(**settings: Any) -> Any:
    return simulated("textverified", "classic", **settings)


async def rented(it: Simulated, count: int) -> list[Any]:
    return [(await it.rented()).ref for _ in range(count)]


async def test_many_numbers_that_are_ended_at_once_are_cancelled_without_a_429() -> None:
    async with textverified() as it:
        refs = await rented(it, 12)

        replies = await asyncio.gather(*(it.provider.cancel(ref) for ref in refs))

        assert replies == [Ended(PriceFate.GIVEN_BACK)] * 12
        assert "rate_limited" not in it.world.results


async def test_two_changes_at_once_are_too_many_for_the_provider() -> None:
    async with textverified(timeout_s=OTHERS_S, knobs={"change_seconds": 0.2}) as it:
        one, two = await rented(it, 2)

        replies = await asyncio.gather(  # Of two processes: neither waits for the other.
            it.provider.cancel(one), it.patient.cancel(two), return_exceptions=True
        )

        assert [type(reply) for reply in replies].count(Ended) == 1
        assert it.world.results.count("rate_limited") == 1


async def test_a_purchase_waits_for_one_other_change_at_most() -> None:
    async with textverified() as it:
        refs = await rented(it, 6)
        it.world.requests.clear()

        await asyncio.gather(*(it.patient.cancel(ref) for ref in refs), it.patient.rent(request()))

        changes = [name for name, _ in it.world.requests if name in {"rent", "cancel"}]
        assert changes[:3] == ["cancel", "rent", "cancel"]


async def test_a_429_to_a_change_holds_back_changes_and_no_look() -> None:
    async with textverified() as it:
        it.world.dice = 0.5
        ref, other = await rented(it, 2)
        await it.fault("rate-limited", operations=["cancel"], retry_after_seconds=20)
        with pytest.raises(ProviderUnavailable) as limited:
            await it.provider.cancel(ref)
        await it.heal()

        assert not limited.value.sent
        assert it.provider.circuit is Circuit.CLOSED
        assert await it.provider.look(ref) == Waiting()
        assert len((await it.provider.list_active(0)).rows) == 2
        it.pass_time(24)  # By chance, a quarter longer than it was told.
        with pytest.raises(CircuitOpen) as early:
            await it.provider.cancel(other)
        assert early.value.retry_after is not None
        it.pass_time(early.value.retry_after.total_seconds())
        assert await it.provider.cancel(other) == Ended(PriceFate.GIVEN_BACK)


async def test_a_change_whose_turn_does_not_come_was_certainly_not_sent() -> None:
    async with textverified(timeout_s=SOON_S) as it:
        refs = await rented(it, 5)
        await it.fault("hang", operations=["cancel"])

        errors = await asyncio.gather(
            *(it.provider.cancel(ref) for ref in refs), return_exceptions=True
        )

        sent = [each.sent for each in errors if isinstance(each, ProviderUnavailable)]
        assert len(sent) == 5
        assert False in sent
        assert (await it.summary())["requests"]["cancel"] == sent.count(True)
