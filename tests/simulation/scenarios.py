"""What can happen to a number, each from its rental to its ending, with all endings it may have.

An ending depends on where the process died only where two race, or where a purchase is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pytest

from tests.integration.lifecycle.world import PRICE, SECOND, World, order
from tests.simulation.proof import Ended
from tests.simulation.town import AGO, Life, ended, pursued, pushed, read, read_on, repaired, swept
from worker.domain.activation import ProviderState, State
from worker.lifecycle.adopt import ANSWER_WITHIN, CARRIED_OUT_WITHIN
from worker.lifecycle.purchase_proof import READINGS_APART
from worker.ports.service import PurchaseOrder
from worker.simulator.behaviours import Behaviour

Story: TypeAlias = Callable[[Life], Awaitable[None]]

BULK: Final = 10
GIVEN_BACK: Final = Ended(State.REFUNDED, ProviderState.CANCELLED)
DELIVERED: Final = Ended(State.DELIVERED, ProviderState.FINISHED)
OUR_LOSS: Final = Ended(State.REFUNDED, ProviderState.CHARGED, "loss")
CAUGHT_UP: Final = Ended(State.REFUNDED, ProviderState.CANCELLED, "resolved")
CLOSED: Final = Ended(State.CLOSED, ProviderState.CANCELLED)
NEVER_TOLD: Final = Ended(State.REFUNDED, ProviderState.DISPUTED, "open")


@dataclass(frozen=True, slots=True)
class Scenario:
    story: Story
    may_end: frozenset[Ended]
    has_list: bool = True
    has_history: bool = False
    #: Besides, where a process froze before it bought, and woke when the order was given up.
    may_end_frozen: frozenset[Ended] = frozenset()


async def code_in_time(life: Life) -> None:
    number = await life.taken()
    life.outside.theirs.receive(number, "1234")
    await life.asks(read_on)
    await life.window_passes()
    await life.asks(swept)
    await life.asks(pursued)


async def code_looked_for(life: Life) -> None:
    """There is no list: each number is looked at by itself."""
    number = await life.taken()
    life.outside.theirs.receive(number, "1234")
    await life.asks(read_on)
    await life.window_passes()
    await life.asks(swept)


async def code_pushed_early(life: Life) -> None:
    """The push is there before its number is handed over, and comes once more."""
    number = life.rented()
    life.outside.theirs.receive(number, "1234")
    for _ in range(2):
        await life.asks(pushed(number))
    await life.asks(lambda world: world.service.accept(life.handed))
    await life.asks(read_on)


async def code_late(life: Life) -> None:
    number = await life.taken()
    await life.window_passes()
    life.outside.theirs.receive(number, "1234")
    await life.asks(ended)


async def timeout_cancelled(life: Life) -> None:
    await life.taken()
    await life.window_passes()
    await life.asks(ended)


async def cancel_pressed(life: Life) -> None:
    id_ = await life.id_of(await life.taken())
    await life.asks(lambda world: world.service.cancel(id_))


async def cancel_refused_for_a_code(life: Life) -> None:
    """It came before the press, and nobody had looked."""
    number = await life.taken()
    id_ = await life.id_of(number)
    life.outside.theirs.receive(number, "1234")
    await life.asks(lambda world: world.service.cancel(id_))
    await life.asks(read_on)


async def cancel_meets_a_code(life: Life) -> None:
    """It comes at the instant of the cancel, while somebody else reads the list."""
    id_ = await life.id_of(await life.taken(Behaviour.CANCEL_RACE))

    async def both(world: World) -> object:
        return await asyncio.gather(world.service.cancel(id_), read(world))

    await life.asks(both)


async def provider_down_past_the_grace(life: Life) -> None:
    await life.taken()
    life.outside.theirs.down = True
    await life.window_passes()
    await life.asks(ended)
    await life.grace_passes()
    await life.asks(swept)
    life.outside.theirs.down = False
    await life.passes(SECOND)
    await life.asks(pursued)


async def code_while_the_provider_was_down(life: Life) -> None:
    """In its books it is there all along; we learn of it when the customer is whole already."""
    number = await life.taken()
    life.outside.theirs.down = True
    life.outside.theirs.receive(number, "1234")
    await life.window_passes()
    await life.asks(ended)
    await life.grace_passes()
    await life.asks(swept)
    life.outside.theirs.down = False
    await life.passes(SECOND)
    await life.asks(pursued)


async def provider_cancels(life: Life) -> None:
    number = await life.taken()
    await life.passes(AGO)  # Fresh ones may be missing from any list.
    life.outside.theirs.end(number)
    await life.asks(read_on)


async def finish_after_a_code(life: Life) -> None:
    number = await life.taken()
    id_ = await life.id_of(number)
    life.outside.theirs.receive(number, "1234")
    await life.asks(read_on)
    await life.asks(lambda world: world.service.finish(id_))
    await life.passes(SECOND)
    await life.asks(pursued)


async def purchase(life: Life) -> None:
    """The shop orders until it is answered; then a code comes, and the window ends."""
    wanted = _ordered(life)
    await life.asks(lambda world: world.service.rent(wanted))
    await _looked_for(life)
    for number in life.sold:
        life.outside.theirs.receive(number, "1234")
    await life.asks(read_on)
    await life.window_passes()
    await life.asks(swept)
    await life.asks(pursued)


async def purchase_asked_once(life: Life) -> None:
    """The shop does not order again, and no code comes."""
    wanted = _ordered(life)
    if await life.does(lambda world: world.service.rent(wanted)) is None:
        life.unanswered += 1
    await _looked_for(life)
    await life.window_passes()
    await life.asks(ended)


async def purchase_proven(life: Life) -> None:
    """Its list and its history tell whether it sold the number that nobody got a reply about."""
    wanted = _ordered(life)
    if await life.does(lambda world: world.service.rent(wanted)) is None:
        life.unanswered += 1
    await life.passes(CARRIED_OUT_WITHIN + SECOND)
    for _ in range(3):  # Once to see that it was never answered, twice for the proof.
        await life.asks(repaired)
        await life.passes(READINGS_APART)
    await life.window_passes()
    await life.asks(ended)


async def bulk_told_twice(life: Life) -> None:
    for _ in range(BULK):
        life.rented()
    for _ in range(2):
        await life.asks(lambda world: world.service.accept(life.handed))
    await life.window_passes()
    await life.asks(ended)


async def claim_paid(life: Life) -> None:
    number = await life.taken(policy="P1")
    id_ = await life.id_of(number)
    await life.window_passes()
    for _ in range(2):  # Who died of the first has left a lease behind.
        await life.asks(ended)
        await life.passes(SECOND)

    async def claims(world: World) -> Any:
        return await world.service.cases.open_claim(id_, {"claim_kind": "non_receiving"})

    for _ in range(2):
        await life.asks(claims)
    life.claimed_minor += PRICE


async def _looked_for(life: Life) -> None:
    """Where nobody knows whether it was bought, that is found out long before the window ends."""
    await life.passes(ANSWER_WITHIN + SECOND)
    for _ in range(3):  # An orphan is believed the second time; who dies in between begins anew.
        await life.asks(repaired)


def _ordered(life: Life) -> PurchaseOrder:
    wanted = order(f"{life.account}-order", account=life.account)
    life.orders.append(wanted.idempotency_key)
    return wanted


SCENARIOS: Final = {
    "code_in_time": Scenario(code_in_time, frozenset({DELIVERED})),
    "code_looked_for": Scenario(code_looked_for, frozenset({DELIVERED}), has_list=False),
    "code_pushed_early": Scenario(code_pushed_early, frozenset({DELIVERED}), has_list=False),
    "code_late": Scenario(code_late, frozenset({OUR_LOSS})),
    "timeout_cancelled": Scenario(timeout_cancelled, frozenset({GIVEN_BACK})),
    "cancel_pressed": Scenario(cancel_pressed, frozenset({GIVEN_BACK})),
    "cancel_refused_for_a_code": Scenario(cancel_refused_for_a_code, frozenset({DELIVERED})),
    "cancel_meets_a_code": Scenario(cancel_meets_a_code, frozenset({DELIVERED})),
    "provider_down_past_the_grace": Scenario(provider_down_past_the_grace, frozenset({CAUGHT_UP})),
    "code_while_the_provider_was_down": Scenario(
        code_while_the_provider_was_down, frozenset({OUR_LOSS})
    ),
    "provider_cancels": Scenario(provider_cancels, frozenset({GIVEN_BACK})),
    "finish_after_a_code": Scenario(finish_after_a_code, frozenset({DELIVERED})),
    "purchase": Scenario(
        purchase, frozenset({DELIVERED, NEVER_TOLD}), may_end_frozen=frozenset({GIVEN_BACK})
    ),
    "purchase_asked_once": Scenario(purchase_asked_once, frozenset({GIVEN_BACK, NEVER_TOLD})),
    "purchase_without_a_list": Scenario(
        purchase_asked_once, frozenset({GIVEN_BACK, NEVER_TOLD}), has_list=False
    ),
    "purchase_proven": Scenario(
        purchase_proven, frozenset({GIVEN_BACK, CAUGHT_UP}), has_history=True
    ),
    "bulk_told_twice": Scenario(bulk_told_twice, frozenset({GIVEN_BACK})),
    "claim_paid": Scenario(claim_paid, frozenset({CLOSED})),
}

#: Where a run of the tests breaks fewer: a code, an ending, a press, a purchase, money of a claim.
SOME: Final = {
    "code_in_time",
    "timeout_cancelled",
    "cancel_meets_a_code",
    "purchase_asked_once",
    "claim_paid",
}
SOME_NOW: Final = [
    pytest.param(name, marks=() if name in SOME else pytest.mark.nightly) for name in SCENARIOS
]
