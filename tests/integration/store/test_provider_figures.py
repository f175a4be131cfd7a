"""Figures of providers: counted once per batch with the endings, and never by a scan."""

from datetime import timedelta
from typing import Any

from tests.integration.store.shop import ALICE, DEADLINE, RENTED, SIM, TICK, Shop, delivery, ending
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ProviderName
from worker.ports.provider import Balance
from worker.ports.store.books import ProviderFigures, ProviderStop
from worker.ports.store.purchases import StopKind
from worker.ports.store.said import StaffNote

END = DEADLINE + TICK
NOW = END + timedelta(minutes=1)


async def _end_five(shop: Shop) -> None:
    """Two delivered, after 7 and 30 s, two refunded, one closed, one still live."""
    await shop.open()
    ids = [await shop.rent(ref, service="wa", country="de") for ref in ("1", "2", "3")]
    ids += [await shop.rent(ref, service="tg", country="us") for ref in ("4", "5", "6")]
    await shop.code("1", "111111", RENTED + timedelta(seconds=7))
    await shop.code("2", "222222", RENTED + timedelta(seconds=30))
    await shop.expire()
    endings = [
        delivery(ids[0]),
        delivery(ids[1]),
        ending(ids[2]),
        ending(ids[3], provider_state=ProviderState.CANCELLING, act_after=TICK),
        ending(ids[4], outcome=State.CLOSED, provider_state=ProviderState.GONE),
    ]
    settled = await shop.store.settlements.settle(endings, now=END)
    assert len(settled.settled) == 5


async def _day(shop: Shop, **at: Any) -> ProviderFigures:
    standings = await shop.store.books.provider_standings([SIM], **at)
    return standings[SIM].day


async def test_a_day_of_a_provider_is_what_became_of_its_numbers(shop: Shop) -> None:
    await _end_five(shop)

    day = await _day(shop, now=NOW)

    assert (day.rented, day.live, day.delivered, day.refunded, day.closed) == (6, 1, 2, 2, 1)
    assert (day.success_ratio, day.cancel_ratio) == (0.4, 0.4)
    assert day.code_seconds_median is not None
    assert 6 <= day.code_seconds_median <= 40
    tomorrow = await _day(shop, now=NOW + timedelta(days=1))
    assert (tomorrow.delivered, tomorrow.code_seconds_median) == (0, None)


async def test_a_week_of_its_services_adds_up_to_the_same(shop: Shop) -> None:
    await _end_five(shop)

    tg, wa = await shop.store.books.provider_services(SIM, now=NOW + timedelta(days=6))

    assert (tg.service, tg.country, tg.rented, tg.refunded, tg.closed) == ("tg", "us", 3, 1, 1)
    assert (wa.service, wa.country, wa.delivered, wa.refunded) == ("wa", "de", 2, 1)
    assert await shop.store.books.provider_services(ProviderName("other")) == []


async def test_what_numbers_cost_is_counted_in_one_currency(shop: Shop) -> None:
    await shop.open()
    ids = [await shop.rent(ref, service="wa", country="de") for ref in "1234"]
    prices = ((30, "USD"), (50, "USD"), (900, "RUB"), (None, None))
    for id_, (cost, currency) in zip(ids, prices, strict=True):
        await shop.admin.execute(
            "UPDATE activation SET cost_minor = $2, cost_currency = $3 WHERE id = $1",
            id_, cost, currency,
        )  # fmt: skip
    await shop.expire()
    # A provider that counted in roubles and then in dollars.
    for each in (ids[2:], ids[:2]):
        await shop.store.settlements.settle([ending(id_) for id_ in each], now=END)

    in_dollars, in_roubles, elsewhere = [
        await shop.store.books.service_figures({SIM: currency}, service, "de", now=NOW)
        for currency, service in (("USD", "wa"), ("RUB", "wa"), ("USD", "tg"))
    ]

    assert (in_dollars[SIM].ended, in_dollars[SIM].cost_minor_mean) == (4, 40)
    assert in_roubles[SIM].cost_minor_mean is None
    assert elsewhere == {}


async def test_a_batch_writes_a_few_rows_however_many_numbers_it_ends(shop: Shop) -> None:
    await shop.open()
    ids = await shop.rent_many(300)
    await shop.expire()

    await shop.store.settlements.settle([ending(id_) for id_ in ids], now=END)

    assert await shop.one("SELECT count(*) FROM provider_figure") == 2
    assert (await _day(shop, now=NOW)).refunded == 300


async def test_an_ending_that_is_repeated_is_counted_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    await shop.refund(id_)
    await shop.refund(id_)

    assert (await _day(shop, now=NOW)).ended == 1


async def test_endings_of_one_hour_add_up_also_where_codes_came_only_later(shop: Shop) -> None:
    await shop.open()
    refunded, received = await shop.rent("1"), await shop.rent("2")
    await shop.code("2", "222222", RENTED + timedelta(seconds=30))
    await shop.expire()

    await shop.refund(refunded)
    await shop.store.settlements.settle([delivery(received)], now=END)

    day = await _day(shop, now=NOW)
    assert (day.delivered, day.refunded) == (1, 1)
    assert day.code_seconds_median is not None


async def test_a_pause_says_who_and_why_and_is_over_when_rentals_are_taken_again(
    shop: Shop,
) -> None:
    purchases, books = shop.store.purchases, shop.store.books
    since = await purchases.drain(SIM, StopKind.PAUSE, StaffNote("too many bans", "desk"))

    stopped = (await books.provider_standings([SIM]))[SIM].stop
    assert stopped == ProviderStop("pause", since, "too many bans", "desk")
    assert set(await purchases.drained()) == {SIM}

    assert await purchases.resume(SIM, StaffNote("better again", "desk"))
    assert not await purchases.resume(SIM)
    assert (await books.provider_standings([SIM]))[SIM].stop is None
    kept = await shop.admin.fetch("SELECT what, note, by FROM provider_change ORDER BY id")
    assert [tuple(row) for row in kept] == [
        ("pause", "too many bans", "desk"),
        ("resume", "better again", "desk"),
    ]


async def test_a_pause_does_not_end_that_a_provider_is_left(shop: Shop) -> None:
    await shop.store.purchases.drain(SIM, StopKind.PAUSE, StaffNote("bans", "desk"))
    since = await shop.store.purchases.drain(SIM, StopKind.DRAIN, StaffNote("we leave", "boss"))
    again = await shop.store.purchases.drain(SIM, StopKind.PAUSE, StaffNote("bans", "desk"))

    stopped = (await shop.store.books.provider_standings([SIM]))[SIM].stop
    assert stopped == ProviderStop("drain", since, "we leave", "boss")
    assert again == since


async def test_the_newest_balance_is_shown_with_its_age_and_is_a_gauge(shop: Shop) -> None:
    counted = await shop.store.purchases.count_provider(SIM, "USD")
    await shop.store.purchases.keep_reading(SIM, Balance(5_000, "USD"), counted)
    counted = await shop.store.purchases.count_provider(SIM, "USD")
    await shop.store.purchases.keep_reading(SIM, Balance(4_200, "USD"), counted)

    standing = (await shop.store.books.provider_standings([SIM]))[SIM]
    stats = await shop.store.books.queue_stats(timedelta(seconds=60))

    assert standing.balance is not None
    assert standing.balance[:2] == (4_200, "USD")
    assert stats.balance_minor == {(SIM, "USD"): 4_200}


async def test_figures_older_than_a_week_are_deleted(shop: Shop) -> None:
    await _end_five(shop)  # In January 2026: long ago, for the database's own clock.
    assert await shop.one("SELECT count(*) FROM provider_figure") > 0

    await shop.store.purchases.forget_figures()

    assert await shop.one("SELECT count(*) FROM provider_figure") == 0
    assert (await shop.number((await shop.store.activations.activations())[0].id)).account == ALICE
