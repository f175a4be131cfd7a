"""Who kept the price of which number: the provider's history against our books, one by one."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.integration.reconcile.business import COST, Business, business
from tests.integration.store.shop import SIM, Shop
from worker.adapters.store.disputes import RENTALS_MAX
from worker.domain.families import Capabilities
from worker.domain.ids import ActivationId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle import reconcile as reconciling
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import HistoryPage, PastNumber
from worker.simulator.numbers import Status
from worker.simulator.server import utc_now
from worker.simulator.tariff import BuyerOrder


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was rented this second is told and believed: spans are told in whole seconds."""
    monkeypatch.setattr(reconciling, "LAGS", timedelta(seconds=-2))


async def charged_for_nothing(at_work: Business) -> tuple[ActivationId, ProviderRef]:
    """It confirmed a cancel, and its books say that it kept the price."""
    id_, ref = await at_work.rent()
    at_work.receive(ref)
    at_work.simulator.engine.finish(at_work.number(ref), utc_now())
    await at_work.believe_given_back(id_)
    await at_work.time_passes()
    return id_, ref


async def compare(at_work: Business) -> list[ProviderRef]:
    return await at_work.reconcile.history(at_work.provider)


def kept(at_work: Business, ref: ProviderRef, *, back: bool) -> None:
    """The provider changes its mind about the price."""
    at_work.number(ref).status = Status.CANCELLED if back else Status.FINISHED
    at_work.number(ref).sms = () if back else at_work.number(ref).sms


async def disputes(at_work: Business) -> list[tuple[object, ...]]:
    return await at_work.shop.rows(
        "SELECT held, says, amount_minor, currency, ended_at IS NOT NULL FROM provider_dispute"
    )


async def test_a_cancel_that_was_charged_is_disputed_with_its_amount(at_work: Business) -> None:
    id_, ref = await charged_for_nothing(at_work)

    await compare(at_work)

    assert await at_work.provider_state(id_) == "disputed"
    assert await disputes(at_work) == [("cancelled", "charged", COST, "USD", False)]
    assert await at_work.exposure() == [(COST, "open")]
    number = await at_work.shop.number(id_)
    assert number.state.value == "refunded", "the customer keeps his credit"
    report = await at_work.shop.store.purchases.provider_report(SIM, "USD")
    assert report.disputed == {"USD": (1, COST)}
    assert [(one.activation_id, one.ref, one.says) for one in report.disputes] == [
        (id_, ref, "charged")
    ]
    assert at_work.reporter.of("trouble") == [
        ("provider.disputed", SIM, f"1 numbers, {COST} minor units of USD")
    ]


async def test_told_again_it_changes_nothing(at_work: Business) -> None:
    await charged_for_nothing(at_work)
    await compare(at_work)
    await at_work.time_passes()
    before = await at_work.shop.rows("SELECT * FROM activation, provider_dispute, exposure")

    await compare(at_work)

    after = await at_work.shop.rows("SELECT * FROM activation, provider_dispute, exposure")
    assert after == before
    assert at_work.reporter.troubles == ["provider.disputed"]


async def test_a_dispute_ends_when_the_history_agrees_later(at_work: Business) -> None:
    id_, ref = await charged_for_nothing(at_work)
    await compare(at_work)
    await at_work.time_passes()
    kept(at_work, ref, back=True)

    await compare(at_work)

    assert await at_work.provider_state(id_) == "cancelled"
    assert await disputes(at_work) == [("cancelled", "charged", COST, "USD", True)]
    assert await at_work.exposure() == [(COST, "resolved")]
    assert (await at_work.shop.store.purchases.provider_report(SIM, "USD")).disputes == []
    assert at_work.reporter.troubles == ["provider.disputed", "provider.dispute_ended"]


async def test_what_was_settled_once_can_be_disputed_again(at_work: Business) -> None:
    id_, ref = await charged_for_nothing(at_work)
    for back in (False, True, False):
        if back or await disputes(at_work):
            kept(at_work, ref, back=back)
        await compare(at_work)
        await at_work.time_passes()

    assert await at_work.provider_state(id_) == "disputed"
    assert await disputes(at_work) == [("cancelled", "charged", COST, "USD", False)]
    assert await at_work.exposure() == [(COST, "open")]


async def test_a_delivered_number_that_cost_nothing_is_disputed_too(at_work: Business) -> None:
    id_, ref = await at_work.rent()
    await at_work.deliver(id_, ref)
    at_work.number(ref).move(Status.CANCELLED, utc_now())
    kept(at_work, ref, back=True)
    await at_work.time_passes()

    await compare(at_work)

    assert await at_work.provider_state(id_) == "disputed"
    assert await disputes(at_work) == [("finished", "given_back", COST, "USD", False)]
    assert await at_work.exposure() == [], "nobody lost anything"
    await at_work.time_passes()
    kept(at_work, ref, back=False)
    await compare(at_work)
    assert await at_work.provider_state(id_) == "finished"
    assert await disputes(at_work) == [("finished", "given_back", COST, "USD", True)]


@pytest.mark.parametrize(
    ("back", "state", "exposure"), [(True, "cancelled", "resolved"), (False, "charged", "loss")]
)
async def test_of_a_number_that_was_gone_the_history_tells_the_end(
    at_work: Business, *, back: bool, state: str, exposure: str
) -> None:
    id_, ref = await charged_for_nothing(at_work)
    await at_work.shop.admin.execute("UPDATE activation SET provider_state = 'gone'")
    await at_work.shop.admin.execute(
        "INSERT INTO exposure (activation_id, provider, amount_minor, currency)"
        " SELECT id, provider, cost_minor, cost_currency FROM activation"
    )
    kept(at_work, ref, back=back)

    await compare(at_work)

    assert await at_work.provider_state(id_) == state
    assert await at_work.exposure() == [(COST, exposure)]
    assert await disputes(at_work) == []


async def test_what_both_say_alike_is_left_alone(at_work: Business) -> None:
    given_back, delivered, live = [await at_work.rent() for _ in range(3)]
    await at_work.give_back(*given_back)
    await at_work.deliver(*delivered)
    at_work.simulator.engine.finish(at_work.number(delivered[1]), utc_now())
    await at_work.time_passes()

    assert await compare(at_work) == []

    states = [await at_work.provider_state(one[0]) for one in (given_back, delivered, live)]
    assert states == ["cancelled", "finished", "open"]
    assert at_work.reporter.troubles == []


async def test_a_history_may_lag_behind_an_ending(
    at_work: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "LAGS", timedelta(minutes=10))
    id_, ref = await at_work.rent()
    at_work.receive(ref)
    await at_work.believe_given_back(id_)

    await compare(at_work)

    assert await at_work.provider_state(id_) == "cancelled"


async def told(at_work: Business, *rows: PastNumber) -> None:
    await at_work.shop.store.purchases.compare_history(SIM, rows, ended_for=timedelta(seconds=-2))


async def test_a_ref_that_is_told_twice_in_two_ways_says_nothing(at_work: Business) -> None:
    id_, ref = await charged_for_nothing(at_work)
    back, charged = (
        PastNumber(ref=ref, fate=fate) for fate in (PriceFate.GIVEN_BACK, PriceFate.KEPT)
    )

    for rows in ([back, charged], [charged, back]):
        await told(at_work, *rows)
    assert await at_work.provider_state(id_) == "cancelled"

    await told(at_work, charged, charged)
    assert await at_work.provider_state(id_) == "disputed"


@pytest.mark.parametrize(
    ("told_at", "rented", "disputed"),
    [
        (timedelta(0), timedelta(0), True),
        (timedelta(hours=14), timedelta(0), True),  # Another zone is no other number.
        (timedelta(days=-3), timedelta(0), False),
        (timedelta(days=3), timedelta(0), False),
        (None, timedelta(days=29), True),
        (None, timedelta(days=32), False),
    ],
)
async def test_a_ref_that_is_used_again_is_another_number(
    at_work: Business, told_at: timedelta | None, rented: timedelta, *, disputed: bool
) -> None:
    id_, ref = await charged_for_nothing(at_work)
    await at_work.shop.rows("UPDATE activation SET rented_at = rented_at - $1::interval", rented)
    at = None if told_at is None else utc_now() + told_at

    await told(at_work, PastNumber(ref=ref, fate=PriceFate.KEPT, rented_at=at))

    assert (await at_work.provider_state(id_) == "disputed") is disputed


async def test_the_balance_is_not_missed_for_what_is_disputed(at_work: Business) -> None:
    await at_work.reconcile.money(at_work.provider)
    await charged_for_nothing(at_work)

    await at_work.reconcile.tick(at_work.provider)
    await at_work.reconcile.tick(at_work.provider)

    assert await at_work.differences() == []
    assert at_work.reporter.troubles == ["provider.disputed"]


async def test_what_was_missed_in_the_balance_is_not_found_again_once_it_is_disputed(
    at_work: Business,
) -> None:
    await at_work.reconcile.money(at_work.provider)
    await charged_for_nothing(at_work)
    await at_work.reconcile.money(at_work.provider)
    missed = await at_work.differences()

    for _ in range(2):
        await at_work.reconcile.tick(at_work.provider)

    assert missed == [-COST]
    assert await at_work.differences() == missed


async def test_an_old_dispute_is_read_again_where_it_was_rented(at_work: Business) -> None:
    id_, ref = await charged_for_nothing(at_work)
    await compare(at_work)
    await at_work.time_passes()
    at = utc_now() - timedelta(days=9)
    at_work.number(ref).created_at = at
    await at_work.shop.admin.execute(
        "UPDATE activation SET rented_at = $1, deadline_at = $1::timestamptz", at
    )
    kept(at_work, ref, back=True)

    await compare(at_work)

    assert await at_work.provider_state(id_) == "cancelled"


async def test_old_disputes_that_never_end_do_not_hide_a_newer_one(at_work: Business) -> None:
    for _ in range(RENTALS_MAX + 1):
        await at_work.rent()
    await at_work.shop.rows(
        "UPDATE activation SET rented_at = aged.at FROM (SELECT id,"
        " now() - interval '20 days' + row_number() OVER () * interval '3 hours' AS at"
        " FROM activation) AS aged WHERE aged.id = activation.id"
    )
    await at_work.shop.rows(
        "INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)"
        " SELECT id, provider, 'cancelled', 'charged', 1, 'USD' FROM activation"
    )
    newest = await at_work.shop.one("SELECT max(rented_at) FROM activation")

    read = [
        await at_work.shop.store.purchases.disputed_since(
            SIM, reconciling.OLDEST, reconciling.FRESH
        )
        for _ in range(40)
    ]

    assert all(len(each) == RENTALS_MAX and each == sorted(each) for each in read)
    assert any(newest in each for each in read)


async def test_numbers_of_nobody_are_told_where_they_cost_money(at_work: Business) -> None:
    order = BuyerOrder(service="timeout", country="0")
    live, charged, back = at_work.simulator.engine.rent_many(order, None, 3, utc_now())
    charged.status, back.status = Status.FINISHED, Status.CANCELLED

    assert await compare(at_work) == [str(live.id), str(charged.id)]


async def test_a_history_that_fails_halfway_disputes_what_it_told(at_work: Business) -> None:
    id_, _ = await charged_for_nothing(at_work)
    told = at_work.provider.history
    asked: list[int] = []

    class Failing:
        name = at_work.provider.name
        capabilities = Capabilities(history=True)
        circuit = at_work.provider.circuit

        async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
            asked.append(skip)
            if skip:
                raise ProviderUnavailable("sim", "down")
            return await told(since, until, skip)

    await at_work.reconcile.history(Failing())  # type: ignore[arg-type] # only what is used

    assert asked == [0, 1]
    assert await at_work.provider_state(id_) == "disputed"


async def test_what_was_disputed_before_it_was_cut_off_is_told(at_work: Business) -> None:
    id_, _ = await charged_for_nothing(at_work)
    told = at_work.provider.history

    class CutOff:
        name = at_work.provider.name
        capabilities = Capabilities(history=True)
        circuit = at_work.provider.circuit

        async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
            if skip:
                raise asyncio.CancelledError  # The job has run for longer than any may.
            return await told(since, until, skip)

    with pytest.raises(asyncio.CancelledError):
        await at_work.reconcile.history(CutOff())  # type: ignore[arg-type] # only what is used
    await compare(at_work)

    assert await at_work.provider_state(id_) == "disputed"
    assert at_work.reporter.troubles == ["provider.disputed"], "the next run finds no news"


async def test_pages_that_do_not_turn_are_read_once(at_work: Business) -> None:
    row = PastNumber(ref=ProviderRef("7"), fate=PriceFate.KEPT)
    asked: list[int] = []

    class Stuck:
        name = at_work.provider.name
        capabilities = Capabilities(history=True)
        circuit = at_work.provider.circuit

        async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
            assert until - since == reconciling.FRESH - reconciling.LAGS
            asked.append(skip)
            return HistoryPage([row], skip + 1)

    await at_work.reconcile.history(Stuck())  # type: ignore[arg-type] # only what is used

    assert asked == [0, 1]


async def test_a_long_history_is_read_on_where_it_was_left(at_work: Business) -> None:
    asked: list[int] = []
    slow = [reconciling.COMPARE_FOR.total_seconds() + 1]
    passed = [0.0]
    clock = replace(at_work.reconcile.clock, monotonic=lambda: passed[0])
    reconcile = replace(at_work.reconcile, clock=clock)

    class Long:
        name = at_work.provider.name
        capabilities = Capabilities(history=True)
        circuit = at_work.provider.circuit

        async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
            assert since < until
            asked.append(skip)
            passed[0] += slow.pop() if slow else 0
            row = PastNumber(ref=ProviderRef(str(skip)), fate=PriceFate.UNKNOWN)
            return HistoryPage([row], skip + 1 if skip < 2 else None)

    await reconcile.history(Long())  # type: ignore[arg-type] # only what is used
    assert asked == [0]
    await reconcile.history(Long())  # type: ignore[arg-type] # only what is used

    assert asked == [0, 1, 2]


async def test_an_old_dispute_that_is_far_to_seek_does_not_cost_the_last_day_its_turn(
    at_work: Business,
) -> None:
    id_, _ = await charged_for_nothing(at_work)
    await compare(at_work)
    await at_work.shop.rows(
        "UPDATE activation SET rented_at = rented_at - interval '9 days' WHERE id = $1", id_
    )
    passed = [0.0]
    clock = replace(at_work.reconcile.clock, monotonic=lambda: passed[0])
    reconcile = replace(at_work.reconcile, clock=clock)
    asked: list[tuple[bool, int]] = []

    class Long:
        name = at_work.provider.name
        capabilities = Capabilities(history=True)
        circuit = at_work.provider.circuit

        async def history(self, since: datetime, _until: datetime, skip: int) -> HistoryPage:
            old = utc_now() - since > 2 * reconciling.FRESH
            asked.append((old, skip))
            passed[0] += old * (reconciling.COMPARE_FOR.total_seconds() + 1)
            row = PastNumber(ref=ProviderRef(str(skip)), fate=PriceFate.UNKNOWN)
            return HistoryPage([row], skip + 1 if old else None)

    for _ in range(3):
        await reconcile.history(Long())  # type: ignore[arg-type] # only what is used

    assert asked == [(False, 0), (True, 0), (False, 0), (True, 1), (False, 0), (True, 2)]


async def test_a_provider_without_a_history_is_not_asked_for_one(shop: Shop) -> None:
    async with business(shop, dialect="smsbower") as at_work:
        id_, _ = await charged_for_nothing(at_work)

        assert await compare(at_work) == []

        assert await at_work.provider_state(id_) == "cancelled"
