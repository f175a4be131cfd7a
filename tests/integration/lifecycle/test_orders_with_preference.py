"""Several providers are asked in the order that is preferred, and the answer says why."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from tests.integration.lifecycle.world import SIM, World, order
from tests.unit.lifecycle.scripted import ScriptedProvider, terms
from worker.adapters.store.provider_figures import STEPS
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import NoRent, Rented
from worker.ports.service import Preference, PurchaseOrder, PurchaseOutcome
from worker.ports.store.purchases import StopKind

QUICK, CHEAP = ProviderName("quick"), ProviderName("cheap")
NAMED = (SIM, QUICK, CHEAP)


class Week(NamedTuple):
    """What the books say of a provider's seven days."""

    delivered: int
    refunded: int
    code_step: int  #: How long its codes took.
    cost_minor: int


#: Each is the best at one thing, and none of the three is the first that is named.
WEEKS = {
    SIM: Week(delivered=95, refunded=5, code_step=20, cost_minor=40),
    QUICK: Week(delivered=60, refunded=40, code_step=2, cost_minor=50),
    CHEAP: Week(delivered=40, refunded=60, code_step=15, cost_minor=9),
}


async def counted(world: World, provider: ProviderName, week: Week, currency: str = "USD") -> None:
    waits = [0] * (len(STEPS) + 1)
    waits[week.code_step] = week.delivered
    ended = week.delivered + week.refunded
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    await world.admin.execute(
        "INSERT INTO provider_figure VALUES ($1, 'any', '1', $2, 0, $3, $4, 0, $4, $5, $6, $7, $8)",
        provider, today, week.delivered, week.refunded, waits, ended * week.cost_minor, ended,
        currency,
    )  # fmt: skip


@pytest.fixture
async def market(world: World) -> World:
    """Three that sell, and what became of their numbers."""
    for name in NAMED:
        provider = world.provider if name == SIM else ScriptedProvider(name)
        provider.will("rent", Rented(ProviderRef(f"{name}-1"), "15550077"))
        if name != SIM:
            world.others[name] = provider
            world.terms[name] = terms(name=name)
        await counted(world, name, WEEKS[name])
    return world


def wanted(prefer: Preference, *named: ProviderName, **other: Any) -> PurchaseOrder:
    first, *others = named or (CHEAP, SIM, QUICK)
    return order(provider=first, otherwise=tuple(others), prefer=prefer, **other)


@pytest.mark.parametrize(
    ("prefer", "first", "why"),
    [
        (Preference.ORDER, CHEAP, "sold the number"),
        (Preference.SUCCESS, SIM, "sold the number; 95 of 100 numbers got a code in seven days"),
        (
            Preference.SPEED,
            QUICK,
            "sold the number; half of its codes came within 2.5 s in seven days",
        ),
        (
            Preference.PRICE,
            CHEAP,
            "sold the number; its numbers cost 0.09 USD on average in seven days",
        ),
    ],
)
async def test_the_one_that_the_books_call_the_best_is_asked_first(
    market: World, prefer: Preference, first: ProviderName, why: str
) -> None:
    named = (SIM, QUICK, CHEAP) if prefer is Preference.PRICE else (CHEAP, SIM, QUICK)

    result = await market.rent(wanted(prefer, *named))

    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert (result.activation.provider, result.tried) == (first, ((first, why),))


async def test_who_does_not_sell_is_passed_over_and_the_answer_tells_of_each(market: World) -> None:
    await market.store.purchases.drain(SIM, StopKind.PAUSE)
    market.others[QUICK]._answers["rent", None].clear()
    market.others[QUICK].will("rent", NoRent.NO_NUMBERS)

    result = await market.rent(wanted(Preference.SUCCESS))

    assert [(each.provider, each.why.partition(";")[0]) for each in result.tried] == [
        (SIM, "not asked: stopped by staff, or not to be reached"),
        (QUICK, "has no numbers"),
        (CHEAP, "sold the number"),
    ]
    assert market.provider.asked("rent") == []


async def test_a_repeat_takes_the_same_way_whatever_the_figures_say_since(market: World) -> None:
    market.provider._answers["rent", None].clear()
    market.provider.will("rent", NoRent.NO_NUMBERS)
    first = await market.rent(wanted(Preference.SUCCESS))
    await market.admin.execute("DELETE FROM provider_figure")
    for name, week in zip(NAMED, (WEEKS[CHEAP], WEEKS[QUICK], WEEKS[SIM]), strict=True):
        await counted(market, name, week)

    again = await market.rent(wanted(Preference.SUCCESS))

    assert (first.how, again.how) == (PurchaseOutcome.RENTED, PurchaseOutcome.SAME)
    assert first.activation is not None
    assert again.activation is not None
    assert first.activation.id == again.activation.id
    assert [each.provider for each in first.tried] == [SIM, QUICK]
    assert again.tried == first.tried
    for other in (wanted(Preference.SPEED), wanted(Preference.SUCCESS, SIM, CHEAP, QUICK)):
        assert (await market.rent(other)).how is PurchaseOutcome.OTHER_CONTENT


async def test_a_repeat_by_other_figures_asks_nobody_twice_and_nobody_never(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order was cut off after its first provider; by now the figures name another one first."""
    for provider in (market.provider, market.others[QUICK], market.others[CHEAP]):
        provider._answers["rent", None].clear()
        provider.will("rent", NoRent.NO_NUMBERS)
    store = type(market.store.purchases)
    begin, begun = store.begin_purchase, []

    async def once(*args: Any, **more: Any) -> Any:
        begun.append(args)
        if len(begun) == 2:
            raise StoreUnavailable("gone")
        return await begin(*args, **more)

    monkeypatch.setattr(store, "begin_purchase", once)
    with pytest.raises(StoreUnavailable):
        await market.rent(wanted(Preference.SUCCESS))
    await market.admin.execute("DELETE FROM provider_figure")
    for name, week in zip((QUICK, SIM, CHEAP), WEEKS.values(), strict=True):
        await counted(market, name, week)

    again = await market.rent(wanted(Preference.SUCCESS))

    assert again.how is PurchaseOutcome.NO_NUMBERS
    assert [each.provider for each in again.tried] == [SIM, QUICK, CHEAP]
    assert len(market.provider.asked("rent")) == 1


async def test_a_limit_leaves_out_who_counts_in_another_currency_and_says_so(market: World) -> None:
    market.terms[QUICK] = terms(name=QUICK, currency="EUR")

    result = await market.rent(wanted(Preference.SPEED, max_cost_minor=60))

    assert result.how is PurchaseOutcome.RENTED
    assert [each.provider for each in result.tried] == [CHEAP, QUICK]
    assert result.tried[-1].why == "not asked: it counts in another currency than max_cost_minor"


async def test_prices_in_another_currency_are_not_compared(market: World) -> None:
    await market.admin.execute("DELETE FROM provider_figure WHERE provider = 'cheap'")
    await counted(market, CHEAP, WEEKS[CHEAP], currency="RUB")
    market.terms[CHEAP] = terms(name=CHEAP, currency="RUB")

    result = await market.rent(wanted(Preference.PRICE, SIM, QUICK, CHEAP))

    assert [each.provider for each in result.tried] == [SIM]
