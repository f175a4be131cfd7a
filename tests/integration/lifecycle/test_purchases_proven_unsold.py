"""A purchase in doubt ends by proof: two whole readings of list and history are without it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.world import GRACE, PRICE, SECOND, SIM, WINDOW, World, order
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.adopt import CARRIED_OUT_WITHIN, CLOCKS_DIFFER
from worker.lifecycle.outcome import ending
from worker.lifecycle.purchase_proof import READINGS_APART
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import (
    ActivePage,
    ActiveRow,
    Ended,
    HistoryPage,
    PastNumber,
    Rented,
)
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import ExposureEnd

LOST = ProviderUnavailable("sim", "timeout")
BOTH = Capabilities(list_page_size=100, history=True)
ROW = ActiveRow(ProviderRef("77"), (), "15550077", "any", "1", 20, "USD")
PAST = PastNumber(ref=ProviderRef("77"), fate=PriceFate.KEPT, phone="15550077")
UNSOLD = (State.REFUNDED, ProviderState.CANCELLED)
IN_DOUBT = (State.REFUNDED, ProviderState.DISPUTED)
#: The default credits by itself, the other one on a claim only: no policy is about what was unsold.
POLICIES = [None, "P1", "P4"]


async def lost(world: World, key: str = "order-1", **other: Any) -> Activation:
    world.provider.will("rent", LOST)
    result = await world.service.rent(order(key, **other))
    assert result.how is PurchaseOutcome.PENDING
    assert result.activation is not None
    return result.activation


async def given_up(world: World, key: str = "order-1", **other: Any) -> Activation:
    """Its customer was credited, and nobody could say whether it was bought."""
    number = await lost(world, key, **other)
    await world.age(number, WINDOW + GRACE + SECOND)
    await world.sweep.tick()
    await world.forget_leases()
    await world.pursue.tick(world.provider)
    assert await world.ended(number) == IN_DOUBT
    return number


async def asked_earlier(world: World, by: timedelta = CARRIED_OUT_WITHIN) -> None:
    await world.admin.execute("UPDATE purchase SET asked_at = asked_at - $1::interval", by)


async def read(world: World, times: int = 1, apart: timedelta = READINGS_APART) -> None:
    """So many readings, each as long after the one before."""
    for _ in range(times):
        await world.repair.tick(world.provider)
        world.skew += apart
        world.elapsed += apart.total_seconds()


def tells(
    world: World, listed: tuple[ActiveRow, ...] = (), past: tuple[PastNumber, ...] = ()
) -> None:
    world.provider.capabilities = BOTH
    world.provider._answers.pop(("list", None), None)
    world.provider._answers.pop(("history", None), None)
    world.provider.will("list", ActivePage(listed, last=True))
    world.provider.will("history", HistoryPage(past, None))


async def in_doubt(world: World) -> int:
    stats = await world.store.books.queue_stats(GRACE)
    return stats.purchases_in_doubt.get(SIM, 0)


@pytest.mark.parametrize("policy", POLICIES)
async def test_two_readings_without_it_end_the_exposure_and_the_dispute(
    world: World, policy: str | None
) -> None:
    number = await given_up(world, policy=policy)
    await asked_earlier(world)
    tells(world)

    await read(world)
    assert await world.ended(number) == IN_DOUBT, "one reading is no proof"
    assert await in_doubt(world) == 1
    await read(world)

    assert await world.ended(number) == UNSOLD
    assert await world.exposure() == [(PRICE, "resolved")]
    assert await world.one("SELECT count(*) FROM provider_dispute WHERE ended_at IS NULL") == 0
    assert await world.money() == (100_000, 0)
    assert await in_doubt(world) == 0
    assert world.reporter.troubles[-1] == "rent.proven_unsold"


async def test_a_customer_who_still_waits_is_credited_at_once(world: World) -> None:
    number = await lost(world)
    await asked_earlier(world)
    tells(world)

    await read(world, 2)

    assert await world.ended(number) == UNSOLD
    assert await world.money() == (100_000, 0)
    assert await world.exposure() == [], "nothing was ever at risk"
    found = await world.number(number)
    assert found.settlement is not None
    assert found.settlement.reason == "provider"


async def test_the_halt_ends_by_itself(world: World) -> None:
    world.their_terms = terms(exposure_limit_minor=2 * PRICE)
    for key in ("order-1", "order-2"):
        await given_up(world, key)
    await asked_earlier(world)
    tells(world)
    assert (await world.service.rent(order("order-3"))).how is PurchaseOutcome.EXPOSURE_LIMIT

    await read(world, 2)

    world.provider._answers.pop(("rent", None))
    world.provider.will("rent", Rented(ProviderRef("78"), "15550078"))
    assert (await world.service.rent(order("order-4"))).how is PurchaseOutcome.RENTED


async def test_nothing_is_read_while_it_may_still_be_carried_out(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world, CARRIED_OUT_WITHIN - READINGS_APART)
    tells(world)

    await read(world)
    assert world.provider.asked("history") == []
    await read(world)
    assert await world.ended(number) == IN_DOUBT, "the reading before that does not count"
    await read(world)

    assert await world.ended(number) == UNSOLD


async def test_two_readings_close_together_are_no_proof(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world)

    await read(world, 3, apart=READINGS_APART / 4)

    assert await world.ended(number) == IN_DOUBT


@pytest.mark.parametrize(
    "row",
    [
        PAST,
        PastNumber(ref=ProviderRef("77"), fate=PriceFate.UNKNOWN),
        PastNumber(ref=ProviderRef("77"), fate=PriceFate.NOT_YET, service="any", country="2"),
    ],
    ids=["kept", "unknown", "another country"],
)
async def test_a_number_that_may_be_the_purchases_is_no_absence(
    world: World, row: PastNumber
) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world, past=(row,))

    await read(world, 4, apart=timedelta(hours=1))

    assert await world.ended(number) == IN_DOUBT
    assert await world.exposure() == [(PRICE, "open")]


async def test_what_strangers_hide_is_read_less_and_less_often(world: World) -> None:
    await given_up(world)
    await asked_earlier(world)
    tells(world, past=(PAST,))

    await read(world, 20)

    assert 1 < len(world.provider.asked("history")) <= 6


@pytest.mark.parametrize(
    "row",
    [
        PastNumber(ref=ProviderRef("77"), fate=PriceFate.GIVEN_BACK),
        PastNumber(ref=ProviderRef("77"), fate=PriceFate.KEPT, service="other"),
    ],
    ids=["given back", "another service"],
)
async def test_a_number_that_cannot_have_cost_it_is_no_hindrance(
    world: World, row: PastNumber
) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world, past=(row,))

    await read(world, 2)

    assert await world.ended(number) == UNSOLD


@pytest.mark.parametrize("where", ["list", "history"])
@pytest.mark.parametrize(("over", "state"), [(-SECOND, UNSOLD), (SECOND, IN_DOUBT)])
async def test_a_number_that_was_over_before_the_purchase_is_no_hindrance(
    world: World, where: str, over: timedelta, state: tuple[State, ProviderState]
) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    asked_at = await world.one("SELECT asked_at FROM purchase")
    rented_by = asked_at - CLOCKS_DIFFER + over
    if where == "list":
        tells(world, listed=(ROW._replace(service=None, rented_by=rented_by),))
    else:
        tells(world, past=(replace(PAST, rented_by=rented_by),))

    await read(world, 2)

    assert await world.ended(number) == state


async def test_a_used_ref_with_another_phone_may_be_the_purchases(world: World) -> None:
    await world.take("77", WINDOW)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    number = await given_up(world)
    await asked_earlier(world)
    tells(world, listed=(ROW._replace(service=None, phone="15559999"),))

    await read(world, 3)

    assert await world.ended(number) == IN_DOUBT


async def test_numbers_of_ours_are_no_hindrance(world: World) -> None:
    await world.take("77", phone="15550077")
    number = await given_up(world)
    await asked_earlier(world)
    tells(world, listed=(ROW,), past=(PAST,))

    await read(world, 2)

    assert await world.ended(number) == UNSOLD


@pytest.mark.parametrize(
    "capabilities", [Capabilities(list_page_size=100), Capabilities(history=True), Capabilities()]
)
async def test_a_provider_without_both_proves_nothing(
    world: World, capabilities: Capabilities
) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world)
    world.provider.capabilities = capabilities

    await read(world, 4)

    assert await world.ended(number) == IN_DOUBT
    assert await world.exposure() == [(PRICE, "open")]


@pytest.mark.parametrize("operation", ["list", "history"])
async def test_a_reading_that_is_not_whole_proves_nothing(world: World, operation: str) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world)
    world.provider._answers[operation, None].clear()
    world.provider.will(operation, LOST)

    await read(world, 4)

    assert await world.ended(number) == IN_DOUBT


async def test_a_history_that_turns_no_pages_proves_nothing(world: World) -> None:
    number = await given_up(world)
    await asked_earlier(world)
    tells(world)
    world.provider._answers["history", None].clear()
    full = HistoryPage((PastNumber(ref=ProviderRef("5"), fate=PriceFate.GIVEN_BACK),), 1)
    world.provider.will("history", full)

    await read(world, 4)

    assert await world.ended(number) == IN_DOUBT


@pytest.mark.parametrize("policy", POLICIES)
async def test_one_that_is_sold_after_all_is_given_back(world: World, policy: str | None) -> None:
    number = await lost(world, policy=policy)
    await asked_earlier(world)
    tells(world)
    await read(world, 2)
    assert await world.ended(number) == UNSOLD
    world.skew = timedelta(0)
    tells(world, listed=(ROW,))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await read(world, 2)

    assert await world.exposure() == [(20, "open")]
    await world.pursue.tick(world.provider)
    assert world.provider.asked("cancel") == ["77"]
    assert await world.ended(number) == UNSOLD
    assert await world.exposure() == [(20, "resolved")]
    assert await world.money() == (100_000, 0), "credited once"


async def test_what_a_person_said_of_it_stays(world: World) -> None:
    number = await given_up(world)
    await world.store.purchases.end_exposures(SIM, [number.id], ExposureEnd.LOSS, "alice")
    await asked_earlier(world)
    tells(world)

    await read(world, 2)

    assert await world.ended(number) == UNSOLD
    assert await world.exposure() == [(PRICE, "loss")]


async def test_one_whose_number_was_found_meanwhile_is_not_ended(world: World) -> None:
    number = await lost(world)
    tells(world, listed=(ROW,))
    await read(world, 2)
    assert (await world.number(number)).ref == "77"

    assert await world.store.settlements.end_unsold([number.id]) == []
    assert await world.store.purchases.prove_unsold([number.id]) == []

    assert await world.ended(number) == (State.WAITING, ProviderState.OPEN)


@pytest.mark.parametrize("policy", POLICIES)
async def test_killed_between_the_end_and_its_settlement_it_is_credited_all_the_same(
    world: World, policy: str | None
) -> None:
    number = await lost(world, policy=policy)
    await asked_earlier(world)
    tells(world)
    await world.store.settlements.end_unsold([number.id])
    assert await world.store.purchases.prove_unsold([number.id]) == [], "not before its settlement"

    await world.age(number, WINDOW + GRACE + SECOND)
    await world.sweep.tick()
    assert await world.ended(number) == UNSOLD, "what is proven stays"
    await world.forget_leases()
    await world.pursue.tick(world.provider)
    await read(world, 2)

    assert await world.ended(number) == UNSOLD
    assert await world.exposure() == [], "nothing was ever at risk"
    assert await world.money() == (100_000, 0)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_proof_that_the_drain_settles_is_credited_all_the_same(
    world: World, policy: str | None
) -> None:
    number = await lost(world, policy=policy)
    await world.store.settlements.end_unsold([number.id])

    assert [len(batch) async for batch in world.drain.now(SIM)] == [1]

    assert await world.ended(number) == UNSOLD
    assert await world.exposure() == []
    assert await world.money() == (100_000, 0)


@pytest.mark.parametrize("policy", POLICIES)
async def test_one_in_doubt_that_the_drain_ends_is_credited_with_its_exposure(
    world: World, policy: str | None
) -> None:
    number = await lost(world, policy=policy)

    assert [len(batch) async for batch in world.drain.now(SIM)] == [1]

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.exposure() == [(PRICE, "open")]
    assert await world.money() == (100_000, 0)


async def test_one_whose_policy_cannot_be_had_is_credited_all_the_same(world: World) -> None:
    number = await lost(world)
    await world.admin.execute("UPDATE activation SET policy = 'P9' WHERE id = $1", number.id)
    await world.age(number, WINDOW + GRACE + SECOND)

    await world.sweep.tick()

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.money() == (100_000, 0)


@pytest.mark.parametrize(
    ("fate", "ended"), [(PriceFate.GIVEN_BACK, "resolved"), (PriceFate.KEPT, "loss")]
)
async def test_one_that_was_credited_and_is_found_sold_is_cancelled_at_its_cost(
    world: World, fate: PriceFate, ended: str
) -> None:
    number = await given_up(world, policy="P1")
    tells(world, listed=(ROW,))
    await read(world, 2)
    assert await world.exposure() == [(20, "open")]
    world.provider.will("cancel", Ended(fate))
    world.provider.will("look", Ended(fate))

    await world.pursue.tick(world.provider)

    assert world.provider.asked("cancel") == ["77"]
    assert (await world.number(number)).state is State.REFUNDED
    assert await world.exposure() == [(20, ended)]
    assert await world.money() == (100_000, 0), "credited once"


async def test_of_one_that_was_closed_our_log_says_that_it_was_never_provided(
    world: World,
) -> None:
    """As its policy closed it when it still decided that: a claim about it is paid."""
    number = await lost(world, policy="P1")
    await world.age(number, WINDOW + GRACE + SECOND)
    await world.store.settlements.mark_expired(SECOND, 1)
    (due,) = await world.store.settlements.past_grace(GRACE, 1)
    closed = ending(due, lambda *_: (State.CLOSED, "timeout"), PriceFate.NOT_YET, act_after=SECOND)
    await world.settle([closed])
    assert await provided(world, number) is None, "nobody knows"
    await asked_earlier(world)
    tells(world)

    await read(world, 2)
    assert await world.ended(number) == (State.CLOSED, ProviderState.CANCELLED)
    assert await provided(world, number) is False

    world.skew = timedelta(0)
    tells(world, listed=(ROW,))
    await read(world, 2)
    assert await provided(world, number) is True, "it was sold after all"


async def provided(world: World, number: Activation) -> bool | None:
    record = await world.store.cases.order_record(number.id)
    assert record is not None
    return None if record.allocation_failed is None else not record.allocation_failed
