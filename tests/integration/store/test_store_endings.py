"""Endings: due at the right instant, settled once, with their money."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.store.shop import (
    ALICE,
    DEADLINE,
    GRACE,
    LEASE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    WINDOW,
    Shop,
    after_grace,
    delivery,
    ending,
    external,
)
from worker.domain.activation import CancelAnswer, EndReason, ProviderState, State
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.store.settlements import Settlements

NOW = DEADLINE + TICK
UNKNOWN = ActivationId(UUID(int=1))


@pytest.mark.parametrize(("after", "due"), [(-TICK, 0), (timedelta(0), 0), (TICK, 1)])
async def test_an_ending_is_due_at_the_first_instant_after_the_deadline(
    shop: Shop, after: timedelta, due: int
) -> None:
    await shop.open()
    await shop.rent()

    assert len(await shop.expire(DEADLINE + after)) == due


@pytest.mark.parametrize(("after", "due"), [(-TICK, 0), (timedelta(0), 0), (TICK, 1)])
async def test_a_delivery_is_due_at_the_first_instant_after_the_deadline(
    shop: Shop, after: timedelta, due: int
) -> None:
    await shop.open()
    await shop.rent()
    await shop.code("1", "1234", RENTED)

    assert len(await shop.store.settlements.due_deliveries(10, now=DEADLINE + after)) == due
    assert await shop.expire(DEADLINE + after) == []


async def test_a_claim_commits_the_intent_before_anybody_acts(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    (due,) = await shop.expire()

    number = await shop.number(id_)
    assert (number.state, number.provider_state) == (State.EXPIRING, ProviderState.CANCELLING)
    assert (due.id, due.ref, due.account, due.price_minor) == (id_, "1", ALICE, PRICE)
    assert (due.state, due.provider_state) == (State.EXPIRING, ProviderState.OPEN)
    assert (due.reason, due.attempts, due.epoch) == (EndReason.TIMEOUT, 0, 1)
    assert [line.what for line in number.timeline] == ["accepted", "expiring"]


async def test_what_is_claimed_is_not_claimed_again_before_its_lease_is_over(shop: Shop) -> None:
    await shop.open()
    await shop.rent()
    (first,) = await shop.expire(NOW)

    assert await shop.expire(NOW + LEASE - TICK) == []
    (second,) = await shop.expire(NOW + LEASE)

    assert (second.attempts, second.epoch) == (first.attempts + 1, first.epoch + 1)
    assert second.provider_state is ProviderState.CANCELLING


async def test_the_oldest_are_claimed_first(shop: Shop) -> None:
    await shop.open()
    for minute in (3, 1, 2):
        await shop.rent(str(minute), rented_at=RENTED + timedelta(minutes=minute), now=DEADLINE)

    two = await shop.expire(DEADLINE + WINDOW, limit=2)
    rest = await shop.expire(DEADLINE + WINDOW)

    assert [due.ref for due in two + rest] == ["1", "2", "3"]


async def test_a_claim_is_of_one_provider(shop: Shop) -> None:
    await shop.open()
    await shop.rent(provider=ProviderName("other"))

    assert await shop.expire() == []
    assert (
        len(await shop.store.settlements.lease_cancels(ProviderName("other"), 1, LEASE, now=NOW))
        == 1
    )


async def test_one_number_can_be_claimed_by_its_id_when_it_is_due(shop: Shop) -> None:
    await shop.open()
    one, other = await shop.rent("1"), await shop.rent("2")

    assert await shop.store.settlements.lease_cancels_of([one], SIM, LEASE, now=DEADLINE) == []
    (due,) = await shop.store.settlements.lease_cancels_of([one], SIM, LEASE, now=NOW)
    assert await shop.store.settlements.lease_cancels_of([one], SIM, LEASE, now=NOW) == []

    assert due.id == one
    assert [due.id for due in await shop.expire()] == [other]


async def test_a_refund_gives_the_hold_back_and_tells_of_it(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    (settled,) = (await shop.refund(id_, NOW + timedelta(seconds=2))).settled

    assert (settled.id, settled.outcome, settled.amount_minor) == (id_, State.REFUNDED, PRICE)
    assert settled.lateness == timedelta(seconds=2) + TICK
    number = await shop.number(id_)
    assert number.settlement is not None
    assert (number.settlement.outcome, number.settlement.reason) == (State.REFUNDED, "timeout")
    assert await shop.money() == (100_000, 0)
    assert await shop.rows("SELECT type FROM event") == [("activation.refunded",)]


async def test_a_closed_number_keeps_its_charge_without_a_code(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    await shop.refund(id_, outcome=State.CLOSED)

    assert await shop.money() == (100_000 - PRICE, 0)
    assert await shop.rows("SELECT type FROM event") == [("activation.closed",)]


async def test_a_delivered_number_keeps_its_charge_and_owes_a_finish(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)

    await shop.store.settlements.settle([delivery(id_)], now=NOW)

    number = await shop.number(id_)
    assert (number.state, number.provider_state) == (State.DELIVERED, ProviderState.FINISHING)
    assert await shop.money() == (100_000 - PRICE, 0)
    (due,) = await shop.store.settlements.lease_pursuits(SIM, 10, LEASE, now=NOW)
    assert (due.id, due.provider_state, due.attempts) == (id_, ProviderState.FINISHING, 0)


async def test_settling_twice_settles_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.refund(id_)

    assert await shop.refund(id_) == Settlements([], [])
    assert await shop.refund(id_, outcome=State.CLOSED) == Settlements([], [])
    assert (await shop.store.settlements.settle([ending(id_), ending(id_)], now=NOW)).settled == []
    assert await shop.one("SELECT count(*) FROM transfer WHERE key LIKE 'release:%'") == 1


async def test_one_number_twice_in_a_batch_is_settled_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    done = await shop.store.settlements.settle([ending(id_), ending(id_)], now=NOW)

    assert [settled.id for settled in done.settled] == [id_]


@pytest.mark.parametrize("source", [State.WAITING, State.RECEIVED, State.IN_REVIEW])
async def test_a_stale_source_changes_nothing(shop: Shop, source: State) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    assert await shop.refund(id_, source=source) == Settlements([], [])
    assert await shop.state(id_) is State.EXPIRING


async def test_a_code_that_came_first_stops_the_refund(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.store.activations.press_cancel(id_, now=RENTED)
    await shop.expire(RENTED)
    await shop.code("1", "1234", RENTED)

    assert await shop.refund(id_) == Settlements([], [])
    assert await shop.state(id_) is State.RECEIVED


@pytest.mark.parametrize("outcome", [State.REFUNDED, State.CLOSED, State.DELIVERED])
async def test_a_review_keeps_the_hold_until_its_verdict(shop: Shop, outcome: State) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    (review,) = (await shop.refund(id_, outcome=State.IN_REVIEW, reason="policy")).settled
    assert review.outcome is State.IN_REVIEW
    assert await shop.money() == (100_000 - PRICE, PRICE)
    assert (await shop.number(id_)).settlement is None
    assert (
        await shop.store.settlements.past_grace(GRACE, 10, now=DEADLINE + timedelta(days=9)) == []
    )

    await shop.refund(id_, source=State.IN_REVIEW, outcome=outcome, reason="verdict")

    back = outcome is State.REFUNDED
    assert await shop.money() == (100_000 if back else 100_000 - PRICE, 0)
    told = await shop.rows("SELECT type FROM event ORDER BY seq")
    assert [type_ for (type_,) in told] == [
        *("activation.in_review", "review.opened"),
        *(f"activation.{outcome.value}", "review.decided"),
    ]


async def test_a_poison_row_does_not_hold_up_the_others(shop: Shop) -> None:
    """A settlement that is there already breaks a rule: its number is refused, 999 settle."""
    await shop.open()
    ids = await shop.rent_many(1000)
    await shop.expire()
    poison = ids[637]
    await shop.admin.execute(
        "INSERT INTO settlement (activation_id, outcome, amount_minor, reason)"
        " VALUES ($1, 'refunded', 25, 'forged')",
        poison,
    )

    done = await shop.store.settlements.settle([ending(id_) for id_ in ids], now=NOW)

    assert done.refused == [poison]
    assert {settled.id for settled in done.settled} == set(ids) - {poison}
    assert await shop.state(poison) is State.EXPIRING
    assert await shop.money() == (100_000 - PRICE, PRICE)
    await shop.admin.execute("ALTER TABLE settlement DISABLE TRIGGER ALL")
    await shop.admin.execute("DELETE FROM settlement WHERE activation_id = $1", poison)
    await shop.refund(poison)


async def test_a_transfer_that_is_there_already_stops_its_number_alone(shop: Shop) -> None:
    await shop.open()
    ids = await shop.rent_many(3)
    await shop.expire()
    await shop.admin.execute(
        "INSERT INTO transfer (key, account, source, destination, amount_minor, currency)"
        " VALUES ('release:' || $1, 'alice', 'house:outside', 'house:revenue', 0, 'USD')",
        str(ids[1]),
    )

    done = await shop.store.settlements.settle([ending(id_) for id_ in ids], now=NOW)

    assert done.refused == [ids[1]]
    assert await shop.money() == (100_000 - PRICE, PRICE)
    await shop.admin.execute("ALTER TABLE transfer DISABLE TRIGGER ALL;"
                             " DELETE FROM transfer WHERE source = 'house:outside'"
                             " AND destination = 'house:revenue'")  # fmt: skip


async def test_a_waiting_number_that_is_cancelled_expires_at_once(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    pressed = await shop.store.activations.press_cancel(id_, now=RENTED)

    assert pressed == (CancelAnswer.ACCEPTED, State.WAITING, SIM, None)
    (due,) = await shop.expire(RENTED)
    assert (due.id, due.reason, due.attempts) == (id_, EndReason.CANCEL, 0)


async def test_cancel_in_every_state(shop: Shop) -> None:
    await shop.open()
    states = set(State) - {State.WAITING}
    ids = {state.value: await shop.rent(state.value) for state in states}
    await shop.code("received", "1", RENTED)
    await shop.code("delivered", "1", RENTED)
    await shop.expire()
    await shop.refund(ids["in_review"], outcome=State.IN_REVIEW)
    await shop.store.settlements.settle([delivery(ids["delivered"])], now=NOW)
    await shop.refund(ids["refunded"])
    await shop.refund(ids["closed"], outcome=State.CLOSED)
    versions = await shop.store.activations.versions(list(ids.values()))

    for name, id_ in ids.items():
        pressed = await shop.store.activations.press_cancel(id_, now=NOW)
        assert pressed is not None
        code = name in {"received", "delivered"}
        assert pressed.answer is (CancelAnswer.CODE_RECEIVED if code else CancelAnswer.ACCEPTED)
        assert pressed.state is State(name)

    assert await shop.store.activations.press_cancel(UNKNOWN) is None
    assert await shop.store.activations.versions(list(ids.values())) == versions


async def test_the_first_reason_stays(shop: Shop) -> None:
    await shop.open()
    cancelled, timed_out = await shop.rent("1"), await shop.rent("2")
    await shop.store.activations.press_cancel(cancelled, now=RENTED)
    await shop.store.activations.press_cancel(cancelled, now=RENTED)
    due = await shop.expire()
    await shop.store.activations.press_cancel(timed_out, now=NOW)

    assert {one.id: one.reason for one in due} == {
        cancelled: EndReason.CANCEL,
        timed_out: EndReason.TIMEOUT,
    }
    assert await shop.one("SELECT reason FROM activation WHERE id = $1", timed_out) == "timeout"


async def test_an_early_cancel_waits_until_the_provider_allows_it(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent(min_cancel_age=timedelta(minutes=2))
    allowed = RENTED + timedelta(minutes=2)

    pressed = await shop.store.activations.press_cancel(id_, now=RENTED)

    assert pressed == (CancelAnswer.ACCEPTED, State.WAITING, SIM, allowed)
    assert await shop.expire(allowed - TICK) == []
    assert [due.id for due in await shop.expire(allowed)] == [id_]


async def test_an_early_cancel_never_waits_longer_than_the_window(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent(min_cancel_age=2 * WINDOW)
    await shop.store.activations.press_cancel(id_, now=RENTED)

    assert await shop.expire(DEADLINE) == []
    assert [due.id for due in await shop.expire(NOW)] == [id_]


async def test_a_number_the_provider_ended_expires_with_that_reason(shop: Shop) -> None:
    await shop.open()
    ended, received = await shop.rent("1"), await shop.rent("2")
    await shop.code("2", "1", RENTED)

    (due,) = await shop.store.settlements.provider_ended([ended, received, UNKNOWN], now=RENTED)
    assert (due.id, due.reason) == (ended, EndReason.PROVIDER)
    assert await shop.store.settlements.provider_ended([ended], now=RENTED) == []
    await shop.refund(ended, RENTED, reason="provider")

    assert await shop.state(ended) is State.REFUNDED
    assert await shop.state(received) is State.RECEIVED


async def test_it_is_known_how_long_until_the_next_number_is_to_be_ended_or_pursued(
    shop: Shop,
) -> None:
    due_in = shop.store.settlements.due_in
    assert await due_in(SIM) is None
    await shop.open()
    earlier = timedelta(minutes=1)
    first, second = await shop.rent("1", rented_at=RENTED - earlier), await shop.rent("2")

    assert await due_in(SIM, now=RENTED) == await due_in(now=RENTED) == WINDOW - earlier + TICK
    assert await due_in(ProviderName("other"), now=RENTED) is None
    await shop.expire(DEADLINE)
    await shop.store.settlements.settle([after_grace(first)], now=DEADLINE)
    assert await due_in(now=DEADLINE) == TICK, "that of the other number"
    await shop.expire()
    await shop.refund(second)
    pursued = await shop.one("SELECT pursue_at FROM activation WHERE pursue_at IS NOT NULL")
    assert await due_in(SIM, now=pursued - TICK) == TICK
    assert await due_in(SIM, now=pursued + TICK) == -TICK
    assert await due_in(now=pursued) is None, "nothing is to be ended anywhere"


async def test_what_nobody_could_act_on_is_marked_after_a_while(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    behind = timedelta(seconds=2)

    assert await shop.store.settlements.mark_expired(behind, 10, now=NOW + behind - TICK) == 0
    assert await shop.store.settlements.mark_expired(behind, 10, now=NOW + behind) == 1
    assert await shop.store.settlements.mark_expired(behind, 10, now=NOW + behind) == 0

    number = await shop.number(id_)
    assert (number.state, number.provider_state) == (State.EXPIRING, ProviderState.OPEN)


async def test_the_grace_ends_at_the_first_instant_after_it(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()

    assert await shop.store.settlements.past_grace(GRACE, 10, now=DEADLINE + GRACE) == []
    (due,) = await shop.store.settlements.past_grace(GRACE, 10, now=DEADLINE + GRACE + TICK)
    assert due.id == id_


async def test_a_number_without_an_owner_at_the_provider_is_past_grace_too(shop: Shop) -> None:
    """A purchase whose outcome stayed unknown: there is no ref to cancel."""
    await shop.open()
    id_ = await shop.rent()
    await shop.admin.execute("UPDATE activation SET provider_ref = NULL")

    assert await shop.expire() == []
    assert await shop.store.settlements.mark_expired(timedelta(0), 10, now=NOW) == 1
    (due,) = await shop.store.settlements.past_grace(GRACE, 10, now=DEADLINE + GRACE + TICK)
    assert (due.id, due.ref) == (id_, None)


async def test_finish_makes_a_number_with_a_code_due_now(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.code("1", "1234", RENTED)

    assert await shop.store.activations.ask_finish(id_, now=RENTED + TICK) is State.RECEIVED

    (due,) = await shop.store.settlements.due_deliveries(10, now=RENTED + TICK)
    assert due.id == id_
    assert [d.id for d in await shop.store.settlements.due_delivery(id_, now=RENTED + TICK)] == [
        id_
    ]
    await shop.store.settlements.settle([delivery(id_)], now=RENTED + TICK)
    assert await shop.state(id_) is State.DELIVERED
    assert await shop.store.activations.ask_finish(id_) is State.DELIVERED


async def test_finish_of_a_number_without_a_code_changes_nothing(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()

    assert await shop.store.activations.ask_finish(id_, now=RENTED) is State.WAITING
    assert await shop.store.activations.ask_finish(UNKNOWN) is None
    assert await shop.expire(RENTED) == []
    assert await shop.store.settlements.due_delivery(id_, now=NOW) == []


async def test_each_visible_change_makes_the_version_grow(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent()
    versions = [(await shop.store.activations.versions([id_]))[id_]]

    async def seen() -> None:
        versions.append((await shop.store.activations.versions([id_, UNKNOWN]))[id_])

    await shop.store.activations.press_cancel(id_, now=RENTED)
    await seen()
    await shop.code("1", "1234", RENTED)
    await seen()
    await shop.code("1", "5678", RENTED)
    await seen()
    await shop.store.settlements.settle([delivery(id_)], now=NOW)
    await seen()

    assert versions == sorted(set(versions))


async def test_a_thousand_endings_of_one_account_change_its_balance_once(shop: Shop) -> None:
    await shop.open()
    ids = await shop.rent_many(1000)
    await shop.expire()
    before = await shop.one("SELECT max(version) FROM balance")

    done = await shop.store.settlements.settle([ending(id_) for id_ in ids], now=NOW)

    assert len(done.settled) == 1000
    assert await shop.one("SELECT max(version) FROM balance") == before + 1
    assert await shop.money() == (100_000, 0)


async def test_endings_of_every_kind_fit_into_one_batch(shop: Shop) -> None:
    await shop.open()
    for ref in ("refund", "close", "grace", "code"):
        await shop.rent(ref)
    await shop.store.activations.accept([external("outside")], now=RENTED)
    code = await shop.code("code", "1", RENTED)
    ids = {str(due.ref): due.id for due in await shop.expire()}

    done = await shop.store.settlements.settle(
        [
            ending(ids["refund"]),
            ending(ids["close"], outcome=State.CLOSED),
            after_grace(ids["grace"]),
            ending(ids["outside"]),
            delivery(code.id),
        ],
        now=DEADLINE + GRACE + TICK,
    )

    assert len(done.settled) == 5
    assert await shop.money() == (100_000 - 2 * PRICE, 0)
