"""What was kept long enough is forgotten; what somebody may still ask for is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.integration.store.old_books import (
    ALL_OVER,
    CASE,
    NOT_AT_REST,
    UNTIL,
    grow_old,
    violated,
)
from tests.integration.store.shop import (
    ALICE,
    DEADLINE,
    RENTED,
    SIM,
    TICK,
    Shop,
    changed,
    delivery,
    ending,
    intake,
    sms,
)
from tests.integration.store.test_store_audit import lives
from tests.unit.lifecycle.scripted import OwnTime
from worker.adapters.store.periods import Periods
from worker.adapters.store.postgres import PostgresStore
from worker.domain.ids import ActivationId, ProviderRef
from worker.lifecycle.retention import PUSHES_KEPT, Retention, RetentionTimes
from worker.ports.provider import ActiveRow
from worker.ports.service import Push
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.outbox import EventFilter

DAYS = timedelta(days=30)
DUE = RENTED + DAYS + TICK


async def settled(shop: Shop, ref: str = "1") -> ActivationId:
    id_ = await shop.rent(ref)
    await shop.store.activations.record_codes([sms(ref, "1234", "Code 1234")], now=RENTED)
    await shop.store.settlements.settle([delivery(id_)], now=DEADLINE + TICK)
    await shop.admin.execute(
        "UPDATE activation SET pursue_at = NULL, provider_state = 'finished' WHERE id = $1", id_
    )
    return id_


@pytest.mark.parametrize("why", ["a case is open", "its claim window is open"])
async def test_texts_and_phones_stay_while(broken_shop: Shop, why: str) -> None:
    shop = broken_shop
    await shop.open()
    id_ = await settled(shop)
    if why == "a case is open":
        await shop.admin.execute(CASE, id_, "waiting")
    else:
        await shop.admin.execute(NOT_AT_REST["a date of it is to come"], id_)

    assert await shop.store.activations.forget_texts(DAYS, 10, now=DUE) == 0
    assert await shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 0

    await shop.admin.execute("DELETE FROM case_; DELETE FROM timer")
    assert await shop.store.activations.forget_texts(DAYS, 10, now=DUE) == 1
    assert await shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 1


@pytest.mark.parametrize("why", NOT_AT_REST)
async def test_a_phone_stays_while(broken_shop: Shop, why: str) -> None:
    await broken_shop.open()
    await broken_shop.admin.execute(NOT_AT_REST[why], await settled(broken_shop))

    assert await broken_shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 0


async def test_a_phone_is_forgotten_after_its_time_and_the_number_is_the_same(shop: Shop) -> None:
    await shop.open()
    id_ = await settled(shop)

    assert await shop.store.activations.forget_phones(DAYS, 10, now=RENTED + DAYS) == 0
    assert await shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 1
    assert await shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 0

    assert (await shop.number(id_)).phone is None
    again, other = await shop.store.activations.accept(
        [intake("1"), changed(intake("1"), price_minor=7)], now=RENTED
    )
    assert (again.how, other.how) == (AcceptOutcome.SAME, AcceptOutcome.OTHER_CONTENT)


async def test_a_ref_whose_phone_was_forgotten_is_taken_in_again_as_another_rental(
    shop: Shop,
) -> None:
    await shop.open()
    old = await settled(shop)
    told = changed(intake("1"), rented_at=None)
    (again,) = await shop.store.activations.accept([told], now=DUE)
    assert (again.how, again.activation and again.activation.id) == (AcceptOutcome.SAME, old)
    await shop.store.activations.forget_phones(DAYS, 10, now=DUE)

    other = changed(told, phone="15559999")
    (new,) = await shop.store.activations.accept([other], now=DUE)
    (repeated,) = await shop.store.activations.accept([other], now=DUE + TICK)

    assert (new.how, repeated.how) == (AcceptOutcome.NEW, AcceptOutcome.SAME)
    assert new.activation is not None
    assert new.activation.id != old


@pytest.mark.parametrize("phone", ["15559999", None])
async def test_a_list_tells_nothing_of_a_number_whose_phone_was_forgotten(
    shop: Shop, phone: str | None
) -> None:
    await shop.open()
    id_ = await shop.rent("1")
    await shop.expire()
    await shop.store.settlements.settle([ending(id_)], now=DEADLINE + TICK)
    await shop.store.activations.forget_phones(DAYS, 10, now=DUE)
    purchases = shop.store.purchases
    row = ActiveRow(ProviderRef("1"), phone=phone)

    reopened = await purchases.reopen_listed(SIM, [row], ended_for=timedelta(0))

    assert reopened == (0, 0)
    assert await purchases.unknown_rows(SIM, [row]) == [row]
    of_then = ActiveRow(ProviderRef("1"), phone=phone, rented_at=RENTED)
    assert await purchases.unknown_rows(SIM, [of_then]) == []


GIVEN_BACK = """
INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
VALUES ('claim:x', 'alice', $1, 'house:revenue', 'available:alice', 25, 'USD')
"""
NOT_GIVEN_BACK = """
SET session_replication_role = replica;
DELETE FROM transfer WHERE key = 'claim:x';
SET session_replication_role = origin;
"""
RENTAL = """
INSERT INTO rental (id, provider, provider_ref, account, phone, service, country, price_minor,
                    currency, charge, policy, policy_version, rented_at, ends_at, ended_at)
SELECT gen_random_uuid(), 'sim', ref, 'alice', '15550001', 'any', '0', 0, 'USD', 'external',
       'default', '1', $1::timestamptz - interval '1 day', $1, ended
  FROM (VALUES ('over', $1::timestamptz), ('on', NULL)) r (ref, ended);
"""
MESSAGE = """
INSERT INTO rental_message (rental_id, content_hash, code, text, seen_at)
SELECT id, 'h', '1234', 'Code 1234', $1 FROM rental WHERE provider_ref = 'over'
"""


async def test_those_of_long_rentals_go_too(broken_shop: Shop) -> None:
    await broken_shop.open()
    await broken_shop.admin.execute(RENTAL, RENTED)
    await broken_shop.admin.execute(MESSAGE, RENTED)

    assert await broken_shop.store.activations.forget_texts(DAYS, 10, now=DUE) == 1
    assert await broken_shop.store.activations.forget_phones(DAYS, 10, now=DUE) == 1

    rentals = await broken_shop.rows("SELECT provider_ref, phone FROM rental ORDER BY 1")
    assert rentals == [("on", "15550001"), ("over", "")]
    assert await broken_shop.rows("SELECT code, text FROM rental_message") == [("1234", None)]


async def test_the_oldest_events_go_up_to_the_first_that_waits_or_is_young(shop: Shop) -> None:
    await shop.open()
    for ref in ("1", "2", "3"):
        await settled(shop, ref)
    outbox = shop.store.outbox
    await shop.admin.execute("UPDATE event SET state = 'sent' WHERE seq <> 4")
    assert await outbox.forgotten_to() == 0

    assert await outbox.forget_events(DAYS, 2, now=DEADLINE + DAYS + 2 * TICK) == 2
    assert await outbox.forgotten_to() == 2
    assert await violated(shop) == {}
    assert await outbox.forget_events(DAYS, 10, now=DEADLINE + DAYS + 2 * TICK) == 1
    assert await outbox.forget_events(DAYS, 10, now=DEADLINE + DAYS + 2 * TICK) == 0

    kept = await outbox.newest_events(EventFilter(), before=None, limit=10)
    assert [row.seq for row in kept.items] == [6, 5, 4]
    await shop.admin.execute("UPDATE event SET state = 'sent'")
    assert await outbox.forget_events(DAYS, 10, now=DEADLINE + DAYS + TICK) == 0, "too young"
    assert await outbox.forget_events(DAYS, 10, now=DEADLINE + DAYS + 2 * TICK) == 3
    assert await violated(shop) == {}


async def test_events_that_wait_for_an_endpoint_that_is_not_wanted_any_more_go(shop: Shop) -> None:
    await shop.open()
    await settled(shop)
    quiet = PostgresStore(shop.url, events_wanted=False)
    long_after = DEADLINE + DAYS + 2 * TICK

    assert await shop.store.outbox.forget_events(DAYS, 10, now=long_after) == 0
    assert await quiet.outbox.forget_events(DAYS, 10, now=long_after) == 2
    await quiet.close()
    assert await violated(shop) == {}


async def test_an_event_that_somebody_has_locked_is_not_waited_for(shop: Shop) -> None:
    await shop.open()
    await settled(shop)
    await shop.admin.execute("UPDATE event SET state = 'sent'")
    forget = shop.store.outbox.forget_events

    async with shop.admin.transaction():
        await shop.admin.execute("SELECT FROM event WHERE seq = 2 FOR UPDATE")
        assert await forget(DAYS, 10, now=DUE + DAYS) == 1, "up to that one"
    assert await forget(DAYS, 10, now=DUE + DAYS) == 1


async def test_pushes_go_after_their_time_whatever_else_is_kept_for_ever(shop: Shop) -> None:
    """The inbox would grow for ever, and cost each number whose ref is used again a look."""
    refs = [ProviderRef(ref) for ref in ("old", "older", "oldest", "fresh")]
    pushes = [Push(ref, None, None, content_hash=f"of {ref}") for ref in refs]
    purchases, reporter = shop.store.purchases, RecordingReporter()
    await purchases.keep_pushes(SIM, pushes)
    long_ago = "UPDATE push SET received_at = now() - $1::interval WHERE provider_ref <> 'fresh'"
    await shop.admin.execute(long_ago, PUSHES_KEPT + TICK)
    retention = Retention(
        activations=shop.store.activations,
        books=shop.store.books,
        outbox=shop.store.outbox,
        purchases=purchases,
        reporter=reporter,
        clock=OwnTime().clock(),
        times=RetentionTimes(texts=None, phones=None, events=None, settled=None),
        batch=2,
    )

    await retention.forget()
    assert len(await purchases.pushed_refs(SIM, refs)) == 2
    await retention.forget()

    assert await purchases.pushed_refs(SIM, refs) == {"fresh"}
    assert reporter.told == []


async def test_the_place_behind_some_numbers_is_found_without_forgetting(shop: Shop) -> None:
    await shop.open()
    ids = [await shop.rent(ref, rented_at=RENTED + int(ref) * TICK) for ref in "012"]
    place_after = shop.store.activations.settled_place

    place = await place_after(2, after=None)

    assert place == (RENTED + TICK, ids[1])
    assert await place_after(1, after=place) == (RENTED + 2 * TICK, ids[2])
    assert await place_after(2, after=place) is None


async def test_a_young_event_that_is_missing_is_still_found(broken_shop: Shop) -> None:
    """What the audit excuses ends at the newest event that was forgotten."""
    shop = broken_shop
    await shop.open()
    await settled(shop, "1")
    await shop.admin.execute("UPDATE event SET state = 'sent'")
    assert await shop.store.outbox.forget_events(DAYS, 10, now=DUE + timedelta(hours=1)) == 2
    later = RENTED + timedelta(minutes=1)
    young = await shop.rent("2", rented_at=later, now=later)
    await shop.store.activations.record_codes([sms("2", "77")], now=later + timedelta(minutes=20))
    await shop.store.settlements.settle([delivery(young)], now=later + timedelta(minutes=21))
    assert await violated(shop) == {}

    await shop.admin.execute("DELETE FROM event")

    assert await violated(shop) == {
        "one_event_per_code": (str(young),),
        "one_event_per_ending": (str(young),),
    }


async def test_a_settled_number_goes_once_its_books_are_dropped_and_leaves_its_settlement(
    broken_shop: Shop, tmp_path: Path
) -> None:
    shop = broken_shop
    ids = await lives(shop)
    many = [intake(f"late-{n}", rented_at=RENTED + timedelta(minutes=n)) for n in range(1, 101)]
    await shop.store.books.top_up(ALICE, "more", 10_000)
    await shop.store.activations.accept(many, now=RENTED + timedelta(minutes=101))
    last = many[-1].number
    at = RENTED + timedelta(minutes=102)
    await shop.store.activations.record_codes([sms(last.ref, "9")], now=at)
    due = await shop.store.settlements.due_deliveries(10, now=at + timedelta(hours=1))
    assert [one.ref for one in due] == [last.ref]
    await shop.store.settlements.settle([delivery(due[0].id)], now=at + timedelta(hours=1))
    await grow_old(shop)
    forget = shop.store.activations.forget_settled
    await shop.admin.execute("UPDATE event SET state = 'sent'")
    while await shop.store.outbox.forget_events(DAYS, 1000):
        pass
    assert await forget(DAYS, 1000, after=None) is None
    assert await shop.one("SELECT count(*) FROM activation") == 107, "their books stand"

    periods = Periods(shop.url)
    await periods.close(UNTIL)
    await periods.export(tmp_path)
    await periods.drop(ALL_OVER)
    await periods.close_pool()
    young = datetime(2020, 12, 31, tzinfo=UTC)
    assert await forget(DAYS, 1000, after=None, now=young) is None
    assert await shop.one("SELECT count(*) FROM activation") == 107, "within a year all stay"
    await shop.admin.execute(GIVEN_BACK, due[0].id)
    assert await forget(DAYS, 1000, after=None) is None
    assert await shop.one("SELECT count(*) FROM activation") == 107, "no later one was activated"
    await shop.admin.execute(NOT_GIVEN_BACK)
    place, steps = None, 0
    while (place := await forget(DAYS, 10, after=place)) is not None:
        steps += 1
    assert steps == 10

    first = await shop.one(
        "SELECT id FROM activation WHERE account = 'alice' ORDER BY rented_at, id LIMIT 1"
    )
    gone = {ids.delivered, ids.refunded, ids.closed, ids.free, ids.graced, ids.reviewed} - {first}
    left = {id_ for (id_,) in await shop.rows("SELECT id FROM activation")}
    assert left.isdisjoint(gone)
    assert len(left) == 107 - len(gone)
    assert await shop.store.activations.activation(ids.refunded) is None
    kept = await shop.rows("SELECT outcome FROM settlement WHERE activation_id = $1", ids.refunded)
    assert kept == [("refunded",)]
    assert await violated(shop) == {}
    (again,) = await shop.store.activations.accept([intake("refunded")], now=RENTED + DAYS)
    assert again.how is AcceptOutcome.OTHER_CONTENT, "nothing is settled twice"
