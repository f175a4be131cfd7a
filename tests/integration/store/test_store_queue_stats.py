"""What the gauges show, and who leads while Redis is away."""

from datetime import timedelta

import pytest

from tests.integration.store.shop import (
    ALICE,
    DEADLINE,
    GRACE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    ending,
    external,
)
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.provider_figures import ADDED_UP_EVERY, SERVICES
from worker.domain.activation import State
from worker.domain.ids import ProviderName
from worker.ports.provider import Balance
from worker.ports.store.books import QueueStats

OTHER = ProviderName("other")


async def test_an_empty_database_counts_nothing(shop: Shop) -> None:
    assert await shop.store.books.queue_stats(GRACE) == QueueStats({}, 0, timedelta(0), {}, 0, {})


async def test_live_numbers_are_counted_by_provider(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1")
    await shop.rent("2")
    await shop.rent("1", provider=OTHER)

    queue_stats = await shop.store.books.queue_stats(GRACE, now=RENTED)

    assert queue_stats.live == {SIM: 2, OTHER: 1}
    assert (queue_stats.overdue, queue_stats.oldest_overdue) == (0, timedelta(0))


async def test_overdue_starts_after_the_grace_and_lateness_after_the_deadline(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1")

    async def late(now: timedelta) -> tuple[int, timedelta]:
        queue_stats = await shop.store.books.queue_stats(GRACE, now=DEADLINE + now)
        return queue_stats.overdue, queue_stats.oldest_overdue

    assert await late(timedelta(0)) == (0, timedelta(0))
    assert await late(TICK) == (0, TICK)
    assert await late(GRACE) == (0, GRACE)
    assert await late(GRACE + TICK) == (1, GRACE + TICK)


async def test_a_number_in_review_is_live_but_not_overdue(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle(
        [ending(id_, outcome=State.IN_REVIEW, reason="policy")], now=DEADLINE
    )

    queue_stats = await shop.store.books.queue_stats(GRACE, now=DEADLINE + timedelta(days=1))

    assert (queue_stats.live, queue_stats.overdue) == ({SIM: 1}, 0)


async def test_open_exposure_is_summed_by_provider_and_currency(shop: Shop) -> None:
    await shop.open()
    ids = [await shop.rent("1"), await shop.rent("2", cost_minor=7, cost_currency="EUR")]
    await shop.expire()
    await shop.store.settlements.settle(
        [after_grace(id_) for id_ in ids], now=DEADLINE + GRACE + TICK
    )

    queue_stats = await shop.store.books.queue_stats(GRACE, now=DEADLINE + 2 * GRACE)

    assert queue_stats.exposure_minor == {(SIM, "USD"): PRICE, (SIM, "EUR"): 7}


async def test_events_are_pending_until_they_are_sent(shop: Shop) -> None:
    await shop.open()
    await shop.rent()
    await shop.code("1", "1234", RENTED)
    assert (await shop.store.books.queue_stats(GRACE)).events_pending == 1

    (event,) = await shop.store.outbox.lease_events(1, GRACE, "here")
    await shop.store.outbox.events_sent({event.id: 200})

    assert (await shop.store.books.queue_stats(GRACE)).events_pending == 0


async def test_no_event_is_owed_where_no_endpoint_is_configured_any_more(shop: Shop) -> None:
    await shop.open()
    await shop.rent()
    await shop.code("1", "1234", RENTED)
    quiet = PostgresStore(shop.url, events_wanted=False)

    queue_stats = await quiet.books.queue_stats(GRACE)
    await quiet.close()

    assert (queue_stats.events_pending, queue_stats.oldest_event) == (0, timedelta(0))
    assert (await shop.store.books.queue_stats(GRACE)).events_pending == 1


async def test_the_cancel_ratio_is_of_what_ended_in_the_last_hour(shop: Shop) -> None:
    await shop.store.books.open_account(ALICE, "USD")
    await shop.store.activations.accept([external(ref) for ref in "123"], now=RENTED)
    await shop.code("1", "1234", DEADLINE)
    first, second = (due.id for due in await shop.expire())
    (coded,) = await shop.store.settlements.due_deliveries(10, now=DEADLINE + TICK)
    await shop.refund(first, DEADLINE + TICK)
    await shop.refund(second, DEADLINE + TICK)
    await shop.store.settlements.settle([delivery(coded.id)], now=DEADLINE + timedelta(minutes=30))

    async def ratio(now: timedelta) -> dict[ProviderName, float]:
        return dict((await shop.store.books.queue_stats(GRACE, now=DEADLINE + now)).cancel_ratio)

    assert await ratio(timedelta(minutes=31)) == {SIM: 2 / 3}
    assert await ratio(timedelta(minutes=80)) == {SIM: 0}
    assert await ratio(timedelta(minutes=91)) == {}


async def test_endings_are_counted_by_service_and_those_of_the_least_sold_together(
    shop: Shop,
) -> None:
    await shop.store.books.open_account(ALICE, "USD")
    sold = {f"s{number:02}": 1 for number in range(SERVICES + 2)} | {"s00": 3, "s01": 2}
    services = [service for service, count in sold.items() for _ in range(count)]
    numbers = [external(f"{n}", service=service) for n, service in enumerate(services)]
    await shop.store.activations.accept(numbers, now=RENTED)
    await shop.code("0", "1234", RENTED)
    for due in await shop.expire():
        await shop.refund(due.id)
    (coded,) = await shop.store.settlements.due_deliveries(10, now=DEADLINE + TICK)
    await shop.store.settlements.settle([delivery(coded.id)], now=DEADLINE + TICK)

    async def ended(now: timedelta) -> dict[tuple[str, str], int]:
        stats = await shop.store.books.queue_stats(GRACE, now=DEADLINE + now)
        return {key[1:]: count for key, count in stats.service_endings.items() if count}

    counted = await ended(TICK)
    assert counted["s00", "delivered"] == 1
    assert counted["s00", "refunded"] == 2
    assert counted["s01", "refunded"] == 2
    assert counted["other", "refunded"] == 2
    assert len({service for service, _ in counted}) == SERVICES + 1
    assert sum(counted.values()) == len(services)

    await shop.admin.execute("UPDATE provider_figure SET closed = 1 WHERE service = 's00'")
    assert await ended(ADDED_UP_EVERY) == counted, "not added up again within a minute"
    counted["s00", "closed"] = 1
    assert await ended(TICK + ADDED_UP_EVERY) == counted
    assert await ended(timedelta(days=1)) == counted
    assert await ended(timedelta(days=2)) == {}


async def test_one_process_leads_a_topic_and_others_lead_others(shop: Shop) -> None:
    rival = PostgresStore(shop.url)

    assert await shop.store.leadership.leads("sweep")
    assert await shop.store.leadership.leads("sweep")
    assert not await rival.leadership.leads("sweep")
    assert await rival.leadership.leads("audit")
    assert not await shop.store.leadership.leads("audit")

    await shop.store.close()
    assert await rival.leadership.leads("sweep")
    await rival.close()


@pytest.mark.usefixtures("no_pooler")
async def test_a_leader_whose_connection_was_lost_has_to_win_again(shop: Shop) -> None:
    rival = PostgresStore(shop.url)
    assert await shop.store.leadership.leads("sweep")
    await kill_advisory_lock_holder(shop)

    assert await rival.leadership.leads("sweep")

    assert not await shop.store.leadership.leads("sweep")
    await rival.close()
    assert await shop.store.leadership.leads("sweep")


@pytest.mark.usefixtures("no_pooler")
async def test_a_leader_whose_connection_was_lost_leads_on_when_nobody_else_came(
    shop: Shop,
) -> None:
    assert await shop.store.leadership.leads("sweep")
    await kill_advisory_lock_holder(shop)

    assert await shop.store.leadership.leads("sweep")
    assert await shop.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1


async def kill_advisory_lock_holder(shop: Shop) -> None:
    """End the backend, and wait until it is gone: 10 s at most."""
    assert await shop.one(
        "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_locks"
        " WHERE locktype = 'advisory'"
        "   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


async def test_the_oldest_event_is_as_old_as_what_it_tells(shop: Shop) -> None:
    await shop.open()
    await shop.rent()
    await shop.code("1", "1234", RENTED)
    (event,) = await shop.store.outbox.lease_events(1, GRACE, "here")

    queue_stats = await shop.store.books.queue_stats(GRACE, now=event.at + timedelta(minutes=9))
    await shop.store.outbox.events_sent({event.id: 200})

    assert queue_stats.oldest_event == timedelta(minutes=9)
    assert (await shop.store.books.queue_stats(GRACE)).oldest_event == timedelta(0)


async def test_a_number_in_review_waits_for_a_person_from_its_deadline_on(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle(
        [ending(id_, outcome=State.IN_REVIEW, reason="policy")], now=DEADLINE
    )

    later = DEADLINE + timedelta(days=1)
    queue_stats = await shop.store.books.queue_stats(GRACE, now=later)

    assert queue_stats.reviews_waiting == {"activation": 1}
    assert queue_stats.oldest_review == timedelta(days=1)
    assert queue_stats.reviews_late == 0


async def test_of_each_provider_the_newest_reading_counts(shop: Shop) -> None:
    counted = await shop.store.purchases.count_provider(SIM, "USD")
    for minor in (900, 700):
        await shop.store.purchases.keep_reading(SIM, Balance(minor, "USD"), counted)
    await shop.store.purchases.keep_reading(OTHER, Balance(50, "EUR"), counted)

    queue_stats = await shop.store.books.queue_stats(GRACE)

    assert queue_stats.balance_minor == {(SIM, "USD"): 700, (OTHER, "EUR"): 50}


async def test_transactions_are_timed_and_connections_counted(shop: Shop) -> None:
    took: list[float] = []
    store = PostgresStore(shop.url, took=took.append)
    assert store.connections()["work"] == (0, 0)

    await store.ping()

    assert len(took) == 1
    assert took[0] > 0
    assert store.connections()["work"] == (0, 1)
    await store.close()
