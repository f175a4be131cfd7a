"""A purchase whose reply was lost is found in the list or the history: watched, or given back."""

from datetime import timedelta

import pytest

from tests.integration.lifecycle.world import GRACE, PRICE, SECOND, SIM, WINDOW, World, order
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import (
    ActivePage,
    ActiveRow,
    Balance,
    CodesArrived,
    Ended,
    HistoryPage,
    PastNumber,
    Refusal,
    Refused,
    Sms,
    Waiting,
)
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import ExposureEnd

COST = 20
LOST = ProviderUnavailable("sim", "timeout")
ROW = ActiveRow(ProviderRef("77"), (), "15550077", "any", "1", COST, "USD")


async def lost(world: World) -> Activation:
    """Bought without our knowing; its window is 20 minutes."""
    world.provider.will("rent", LOST)
    result = await world.service.rent(order(max_cost_minor=25))
    assert result.how is PurchaseOutcome.PENDING
    assert result.activation is not None
    return result.activation


async def given_up(world: World) -> Activation:
    """Its customer was credited, and nobody could say whether it was bought."""
    number = await lost(world)
    await world.age(number, WINDOW + GRACE + SECOND)
    await world.sweep.tick()
    await world.forget_leases()
    await world.pursue.tick(world.provider)
    assert await world.ended(number) == (State.REFUNDED, ProviderState.DISPUTED)
    return number


def lists(world: World, row: ActiveRow) -> None:
    world.provider.capabilities = Capabilities(list_page_size=100)
    world.provider.will("list", ActivePage([row], last=True))


def remembers(world: World, fate: PriceFate, **told: object) -> None:
    row = PastNumber(
        **{
            "ref": ProviderRef("77"),
            "fate": fate,
            "phone": "15550077",
            "service": "any",
            "country": "1",
            "cost_minor": COST,
            "currency": "USD",
            **told,
        }  # type: ignore[arg-type] # told by name
    )
    world.provider.capabilities = Capabilities(history=True)
    world.provider.will("history", HistoryPage([row], None))
    world.provider.will("balance", Balance(100, "USD"))


async def disputes(world: World) -> int:
    return int(await world.one("SELECT count(*) FROM provider_dispute WHERE ended_at IS NULL") or 0)


async def test_an_orphan_of_a_settled_customer_is_cancelled(world: World) -> None:
    number = await given_up(world)
    assert await disputes(world) == 1
    lists(world, ROW)
    world.provider.will("look", Waiting()).will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.repair.tick(world.provider)
    await world.repair.tick(world.provider)

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await disputes(world) == 0
    assert await world.exposure() == [(COST, "open")], "what it cost, not what it was sold for"
    await world.pursue.tick(world.provider)
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await world.exposure() == [(COST, "resolved")]
    assert world.provider.asked("cancel") == ["77"]
    assert await world.money() == (100_000, 0)


async def test_one_that_earned_its_price_is_our_loss_of_what_it_cost(world: World) -> None:
    number = await given_up(world)
    lists(world, ROW)
    refused = Refused(Refusal.UNCLEAR)
    world.provider.will("cancel", refused).will("look", CodesArrived((Sms("1234"),)))

    for _ in range(2):
        await world.repair.tick(world.provider)
    await world.pursue.tick(world.provider)

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CHARGED)
    assert await world.exposure() == [(COST, "loss")]
    found = {finding.invariant: finding.offenders for finding in await world.store.books.audit()}
    assert not found["exposure_where_charged"]
    assert (await world.number(number)).codes == (), "shown to nobody"


@pytest.mark.parametrize(
    "row",
    [ROW._replace(country="2"), ROW._replace(cost_minor=26), ROW._replace(service=None)],
    ids=["country", "cost", "no service"],
)
async def test_a_number_that_may_be_a_strangers_is_left_alone(world: World, row: ActiveRow) -> None:
    number = await given_up(world)
    lists(world, row)

    for _ in range(3):
        await world.repair.tick(world.provider)

    assert await world.ended(number) == (State.REFUNDED, ProviderState.DISPUTED)


async def test_the_history_gives_a_waiting_purchase_its_number(world: World) -> None:
    number = await lost(world)
    remembers(world, PriceFate.NOT_YET)

    assert await world.reconcile.tick(world.provider) == 0

    found = await world.number(number)
    assert (found.ref, found.phone, found.state) == ("77", "15550077", State.WAITING)
    assert await world.schedule.size(SIM) == 1
    assert world.reporter.troubles == ["rent.outcome_unknown", "rent.adopted"]


async def test_the_history_tells_what_became_of_a_purchase_that_was_given_up(world: World) -> None:
    number = await given_up(world)
    remembers(world, PriceFate.GIVEN_BACK)
    world.provider.will("cancel", Refused(Refusal.UNCLEAR)).will(
        "look", Ended(PriceFate.GIVEN_BACK)
    )

    await world.reconcile.tick(world.provider)
    await world.pursue.tick(world.provider)

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert await world.exposure() == [(COST, "resolved")]


@pytest.mark.parametrize(
    "told", [{"service": None}, {"country": "2"}, {"rented_at": "yesterday"}], ids=str
)
async def test_the_history_of_a_stranger_is_nobodys(world: World, told: dict[str, object]) -> None:
    number = await lost(world)
    if "rented_at" in told:
        told = {"rented_at": number.rented_at - timedelta(days=1)}
    remembers(world, PriceFate.KEPT, **told)

    assert await world.reconcile.tick(world.provider) == 1

    assert (await world.number(number)).ref is None
    assert "provider.unknown_numbers" in world.reporter.troubles
    assert (await world.money())[1] == PRICE, "its customer still waits"


async def test_one_that_a_person_had_written_off_is_at_risk_again_until_it_is_given_back(
    world: World,
) -> None:
    number = await given_up(world)
    await world.store.purchases.end_exposures(SIM, [number.id], ExposureEnd.LOSS, "alice")
    lists(world, ROW)
    world.provider.will("look", Waiting()).will("cancel", Ended(PriceFate.GIVEN_BACK))

    for _ in range(2):
        await world.repair.tick(world.provider)

    assert await world.exposure() == [(COST, "open")]
    await world.pursue.tick(world.provider)
    assert await world.exposure() == [(COST, "resolved")]
