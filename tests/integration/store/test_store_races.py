"""Two processes at one number: the first commit decides, the second changes nothing.

Each race is run in both orders, on two connections: one stands still before its COMMIT, the other
runs into its locks (or skips them), then the first goes on.
"""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from tests.integration.store.pausing import CountingDatabase, Rival
from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    GRACE,
    LEASE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    ending,
    intake,
    sms,
)
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import CancelAnswer, CodeFate, EndReason, ProviderState, State
from worker.domain.ids import AccountId
from worker.ports.store.activations import AcceptOutcome
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.settlements import Resolved, Settlements

NOW = DEADLINE + TICK


async def test_a_code_that_is_being_recorded_is_not_overtaken_by_the_deadline(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    id_ = await shop.rent()
    coding = await rival.start(
        rival.store.activations.record_codes([sms("1", "1234")], now=DEADLINE)
    )

    assert await shop.expire(NOW) == []
    rival.gate.go.set()
    (code,) = await coding

    assert code.fate is CodeFate.SHOWN
    assert await shop.expire(NOW) == []
    assert await shop.refund(id_) == Settlements([], [])
    assert [due.id for due in await shop.store.settlements.due_deliveries(10, now=NOW)] == [id_]


async def test_a_code_in_time_wins_over_a_deadline_that_was_leased_first(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    id_ = await shop.rent()
    leasing = await rival.start(rival.store.settlements.lease_cancels(SIM, 1, LEASE, now=NOW))
    coding = await rival.run_into(
        shop.store.activations.record_codes([sms("1", "1234")], now=DEADLINE)
    )

    rival.gate.go.set()
    (due,), (code,) = await leasing, await coding

    assert code.fate is CodeFate.SHOWN
    assert await shop.store.settlements.settle([ending(due.id)], now=NOW) == Settlements([], [])
    assert await shop.state(id_) is State.RECEIVED


async def test_a_code_after_the_deadline_finds_it_leased_and_is_late(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    id_ = await shop.rent()
    leasing = await rival.start(rival.store.settlements.lease_cancels(SIM, 1, LEASE, now=NOW))
    coding = await rival.run_into(shop.store.activations.record_codes([sms("1", "1234")], now=NOW))

    rival.gate.go.set()
    await leasing
    (code,) = await coding

    assert code.fate is CodeFate.LATE
    assert (await shop.number(id_)).codes == ()


async def test_a_code_that_waits_for_a_refund_is_late(shop: Shop, rival: Rival) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    await shop.expire(RENTED)
    settling = await rival.start(rival.store.settlements.settle([ending(id_)], now=RENTED))
    coding = await rival.run_into(
        shop.store.activations.record_codes([sms("1", "1234")], now=RENTED)
    )

    rival.gate.go.set()
    await settling
    (code,) = await coding

    assert code.fate is CodeFate.LATE
    assert await shop.money() == (100_000, 0)
    assert await shop.rows("SELECT state FROM exposure") == [("open",)]


async def test_a_refund_that_waits_for_a_code_does_nothing(shop: Shop, rival: Rival) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    await shop.expire(RENTED)
    coding = await rival.start(rival.store.activations.record_codes([sms("1", "1234")], now=RENTED))
    settling = await rival.run_into(shop.store.settlements.settle([ending(id_)], now=RENTED))

    rival.gate.go.set()
    (code,) = await coding

    assert code.fate is CodeFate.SHOWN
    assert await settling == Settlements([], [])
    assert await shop.money() == (100_000 - PRICE, PRICE)


async def test_codes_that_waited_for_a_lock_were_seen_before_it(shop: Shop, rival: Rival) -> None:
    """One instant for the whole batch, on the database's clock: what was in time stays in time."""
    await shop.open()
    first, second = sorted([await shop.rent(ref, rented_at=None, now=None) for ref in "12"])
    await shop.admin.execute(
        "UPDATE activation SET deadline_at = clock_timestamp() + interval '2 seconds',"
        " ending_at = clock_timestamp() + interval '2 seconds 1 microsecond' WHERE id = $1",
        second,
    )
    pressing = await rival.start(rival.store.activations.press_cancel(first))
    refs = [(await shop.number(id_)).ref for id_ in (first, second)]
    coding = await rival.run_into(
        shop.store.activations.record_codes([sms(str(ref), "1") for ref in refs])
    )
    while await shop.one(
        "SELECT clock_timestamp() <= deadline_at FROM activation WHERE id = $1", second
    ):
        pass

    rival.gate.go.set()
    await pressing

    assert [code.fate for code in await coding] == [CodeFate.SHOWN] * 2


async def test_one_code_seen_by_two_is_shown_once(shop: Shop, rival: Rival) -> None:
    await shop.open()
    await shop.rent()
    first = await rival.start(rival.store.activations.record_codes([sms("1", "1234")], now=RENTED))
    second = await rival.run_into(
        shop.store.activations.record_codes([sms("1", "1234")], now=RENTED)
    )

    rival.gate.go.set()

    assert [code.fate for code in await first] == [CodeFate.SHOWN]
    assert [code.fate for code in await second] == [CodeFate.REPEATED]
    assert await shop.one("SELECT count(*) FROM event") == 1


async def test_cancel_at_the_deadline_finds_it_leased_and_gives_the_same_answer(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    id_ = await shop.rent()
    leasing = await rival.start(rival.store.settlements.lease_cancels(SIM, 1, LEASE, now=NOW))
    pressing = await rival.run_into(shop.store.activations.press_cancel(id_, now=NOW))

    rival.gate.go.set()
    (due,) = await leasing
    pressed = await pressing

    assert pressed is not None
    assert (pressed.answer, pressed.state) == (CancelAnswer.ACCEPTED, State.EXPIRING)
    assert due.reason is EndReason.TIMEOUT
    await shop.refund(id_)
    assert [line.what for line in (await shop.number(id_)).timeline] == [
        "accepted",
        "expiring",
        "cancel_pressed",
        "settled",
    ]


async def test_a_deadline_that_meets_a_cancel_leaves_it_its_reason(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    id_ = await shop.rent()
    pressing = await rival.start(rival.store.activations.press_cancel(id_, now=NOW))

    assert await shop.expire(NOW) == []
    rival.gate.go.set()
    await pressing
    (due,) = await shop.expire(NOW)

    assert (due.id, due.reason) == (id_, EndReason.CANCEL)


async def test_cancel_that_waits_for_a_code_says_so(shop: Shop, rival: Rival) -> None:
    await shop.open()
    id_ = await shop.rent()
    coding = await rival.start(rival.store.activations.record_codes([sms("1", "1234")], now=RENTED))
    pressing = await rival.run_into(shop.store.activations.press_cancel(id_, now=RENTED))

    rival.gate.go.set()
    await coding
    pressed = await pressing

    assert pressed is not None
    assert pressed.answer is CancelAnswer.CODE_RECEIVED
    assert await shop.state(id_) is State.RECEIVED


async def test_two_settlers_of_one_batch_settle_a_thousand_and_none(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    ids = await shop.rent_many(1000)
    await shop.expire()
    batch = [ending(id_) for id_ in ids]
    first = await rival.start(rival.store.settlements.settle(batch, now=NOW))
    second = await rival.run_into(shop.store.settlements.settle(batch, now=NOW))

    rival.gate.go.set()

    assert len((await first).settled) == 1000
    assert await second == Settlements([], [])
    assert await shop.money() == (100_000, 0)


async def test_when_the_first_settler_dies_before_its_commit_the_second_takes_all(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    ids = await shop.rent_many(100)
    await shop.expire()
    batch = [ending(id_) for id_ in ids]
    first = await rival.start(rival.store.settlements.settle(batch, now=NOW))
    second = await rival.run_into(shop.store.settlements.settle(batch, now=NOW))

    await rival.kill()
    assert len((await second).settled) == 100
    rival.gate.go.set()

    assert await first == Settlements([], [])  # It ran again, and found nothing left.
    assert await shop.money() == (100_000, 0)


async def test_of_two_decisions_the_first_commit_stands(shop: Shop, rival: Rival) -> None:
    """The grace credits while the confirmed cancel is on its way: no exposure is made up."""
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    late = DEADLINE + GRACE + TICK
    cancelled = await rival.start(rival.store.settlements.settle([ending(id_)], now=late))
    credited = await rival.run_into(shop.store.settlements.settle([after_grace(id_)], now=late))

    rival.gate.go.set()

    assert len((await cancelled).settled) == 1
    assert await credited == Settlements([], [])
    assert await shop.rows("SELECT * FROM exposure") == []
    assert (await shop.number(id_)).provider_state is ProviderState.CANCELLED


async def test_a_finish_and_the_end_of_the_window_deliver_once(shop: Shop, rival: Rival) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)
    asking = await rival.start(rival.store.activations.ask_finish(id_, now=DEADLINE))
    delivering = await rival.run_into(shop.store.settlements.settle([delivery(id_)], now=NOW))

    rival.gate.go.set()

    assert await asking is State.RECEIVED
    assert len((await delivering).settled) == 1
    assert await shop.refund(id_, source=State.RECEIVED) == Settlements([], [])


async def test_batches_that_overlap_in_any_order_do_not_deadlock(shop: Shop) -> None:
    accounts = [AccountId(f"account-{number}") for number in range(8)]
    for account in accounts:
        await shop.open(account, 10_000)
    await shop.store.activations.accept(
        [intake(str(n), account=accounts[n % 8]) for n in range(400)], now=RENTED
    )
    endings = [ending(due.id, due.account) for due in await shop.expire()]
    shuffled = [random.Random(seed).sample(endings, 300) for seed in range(8)]
    counting = CountingDatabase(shop.url)
    store = PostgresStore(shop.url, events_wanted=True, db=counting)

    done = await asyncio.gather(*(store.settlements.settle(batch, now=NOW) for batch in shuffled))
    await store.close()

    ids = [settled.id for settlements in done for settled in settlements.settled]
    assert len(ids) == len(set(ids)) == 400
    assert counting.begun == 8, "somebody had to run again"
    assert [await shop.money(account) for account in accounts] == [(10_000, 0)] * 8


async def test_codes_and_endings_of_the_same_numbers_do_not_deadlock(shop: Shop) -> None:
    await shop.open()
    ids = await shop.rent_many(400)
    await shop.expire()
    counting = CountingDatabase(shop.url)
    store = PostgresStore(shop.url, events_wanted=True, db=counting)
    calls: list[Coroutine[Any, Any, object]] = []
    for seed in range(4):
        order = random.Random(seed).sample(range(400), 300)
        late = [sms(f"{number:05}", str(seed)) for number in order]
        calls.append(store.activations.record_codes(late, now=NOW))
        calls.append(store.settlements.settle([ending(ids[number]) for number in order], now=NOW))

    await asyncio.gather(*calls)
    await store.close()

    assert counting.begun == 8, "somebody had to run again"
    assert await shop.one("SELECT count(*) FROM exposure") <= 400


async def test_two_leases_at_once_are_disjoint_and_within_their_limits(
    shop: Shop, rival: Rival
) -> None:
    await shop.open()
    await shop.rent_many(25)
    leasing = await rival.start(rival.store.settlements.lease_cancels(SIM, 10, LEASE, now=NOW))

    second = await shop.expire(limit=10)
    rival.gate.go.set()
    first = await leasing

    assert (len(first), len(second)) == (10, 10)
    assert {due.id for due in first}.isdisjoint(due.id for due in second)
    assert len(await shop.expire()) == 5


async def test_two_pursuits_at_once_are_disjoint(shop: Shop, rival: Rival) -> None:
    await shop.open()
    ids = await shop.rent_many(20)
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_) for id_ in ids], now=NOW)
    leasing = await rival.start(
        rival.store.settlements.lease_pursuits(SIM, 15, LEASE, now=NOW + LEASE)
    )

    second = await shop.store.settlements.lease_pursuits(SIM, 15, LEASE, now=NOW + LEASE)
    rival.gate.go.set()

    assert len(second) == 5
    assert {due.id for due in await leasing}.isdisjoint(due.id for due in second)


async def test_of_two_results_of_one_attempt_the_first_counts(shop: Shop, rival: Rival) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_)], now=NOW)
    (due,) = await shop.store.settlements.lease_pursuits(SIM, 1, LEASE, now=NOW + LEASE)
    cancelled, charged = (
        [Resolved(id_, due.epoch, state)]
        for state in (ProviderState.CANCELLED, ProviderState.CHARGED)
    )
    first = await rival.start(rival.store.settlements.resolve(cancelled, now=NOW))
    second = await rival.run_into(shop.store.settlements.resolve(charged, now=NOW))

    rival.gate.go.set()
    await asyncio.gather(first, second)

    assert (await shop.number(id_)).provider_state is ProviderState.CANCELLED
    assert await shop.rows("SELECT state FROM exposure") == [("resolved",)]


async def test_one_ref_from_two_accounts_is_the_first_ones(shop: Shop, rival: Rival) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    first = await rival.start(rival.store.activations.accept([intake("1")], now=RENTED))
    second = await rival.run_into(
        shop.store.activations.accept([intake("1", account=BOB)], now=RENTED)
    )

    rival.gate.go.set()

    assert [result.how for result in await first] == [AcceptOutcome.NEW]
    assert [result.how for result in await second] == [AcceptOutcome.OTHER_CONTENT]
    assert await shop.money(BOB) == (100_000, 0)


async def test_one_number_handed_over_twice_at_once_is_one_number(shop: Shop, rival: Rival) -> None:
    await shop.open()
    first = await rival.start(rival.store.activations.accept([intake("1")], now=RENTED))
    second = await rival.run_into(shop.store.activations.accept([intake("1")], now=RENTED))

    rival.gate.go.set()

    (new,), (same,) = await first, await second
    assert (new.how, same.how) == (AcceptOutcome.NEW, AcceptOutcome.SAME)
    assert new.activation is not None
    assert same.activation is not None
    assert new.activation.id == same.activation.id
    assert await shop.money() == (100_000 - PRICE, PRICE)


async def test_a_number_lost_to_another_leaves_its_money_for_the_rest_of_the_batch(
    shop: Shop, rival: Rival
) -> None:
    await shop.open(ALICE)
    await shop.open(BOB, PRICE)
    first = await rival.start(rival.store.activations.accept([intake("1")], now=RENTED))
    batch = [intake("1", account=BOB), intake("2", account=BOB)]
    second = await rival.run_into(shop.store.activations.accept(batch, now=RENTED))

    rival.gate.go.set()
    await first

    assert [result.how for result in await second] == [
        AcceptOutcome.OTHER_CONTENT,
        AcceptOutcome.NEW,
    ]
    assert await shop.money(BOB) == (0, PRICE)


async def test_a_number_lost_to_another_is_nobodys_twice_in_one_batch(
    shop: Shop, rival: Rival
) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    first = await rival.start(rival.store.activations.accept([intake("1")], now=RENTED))
    batch = [intake("1", account=BOB), intake("1", account=BOB)]
    second = await rival.run_into(shop.store.activations.accept(batch, now=RENTED))

    rival.gate.go.set()
    (new,) = await first
    results = await second

    assert new.activation is not None
    assert [result.how for result in results] == [AcceptOutcome.OTHER_CONTENT] * 2
    assert {r.activation.id for r in results if r.activation is not None} == {new.activation.id}
    assert await shop.money(BOB) == (100_000, 0)


async def test_two_who_spend_the_last_money_do_not_both_get_it(shop: Shop, rival: Rival) -> None:
    await shop.open(amount_minor=PRICE)
    first = await rival.start(rival.store.activations.accept([intake("1")], now=RENTED))
    second = await rival.run_into(shop.store.activations.accept([intake("2")], now=RENTED))

    rival.gate.go.set()

    assert [result.how for result in await first] == [AcceptOutcome.NEW]
    assert [result.how for result in await second] == [AcceptOutcome.BALANCE_TOO_LOW]


async def test_a_refund_and_a_top_up_of_one_account_add_up(shop: Shop, rival: Rival) -> None:
    await shop.open(amount_minor=PRICE)
    id_ = await shop.rent()
    await shop.expire()
    settling = await rival.start(rival.store.settlements.settle([ending(id_)], now=NOW))
    topping = await rival.run_into(shop.store.books.top_up(ALICE, "second", 5))

    rival.gate.go.set()
    await settling

    assert (await topping)[0] is TopUpOutcome.NEW
    assert await shop.money() == (PRICE + 5, 0)
