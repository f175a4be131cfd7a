"""Claim windows: seeded once for settled activations; without a proper claim they become final."""

import json
from datetime import timedelta

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from tests.integration.cases.test_case_timers import claim_window, decisions
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.domain.transfer import Charge
from worker.ports.store.case_view import Timer, TimerKind


async def test_a_proper_claim_keeps_an_activation_from_becoming_final(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1")
    await shop.open_claim(id_)

    await shop.fire_due_timers(MONDAY + 8 * DAY)
    await shop.fire_due_timers(MONDAY + 8 * DAY)

    assert await shop.event_types(id_) == ["activation.closed"]
    assert [(outcome, reason) for outcome, reason, _ in await decisions(shop, id_)] == [
        ("none", "already_settled")
    ]


async def test_that_a_number_is_final_is_told_with_the_shops_own_id_and_who_charges_it(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.closed_activation("P1", order_ref="A-1", charge=Charge.EXTERNAL)

    for days in (1, 8):
        await shop.fire_due_timers(MONDAY + days * DAY)

    payload = "SELECT payload FROM event WHERE subject = $1 AND type = 'claim.finalised'"
    told = json.loads(await shop.fetch_value(payload, str(id_)))
    assert (told["order_ref"], told["charge"]) == ("A-1", "external")


async def test_refunded_numbers_and_policies_without_a_window_get_no_timer(shop: CaseShop) -> None:
    await shop.open_account()
    refunded = await shop.rent_number("P0", "1")
    await shop.end_activation(refunded, State.REFUNDED)
    await shop.closed_activation("P3", "2")

    await shop.fire_due_timers(MONDAY + DAY)

    assert await shop.fetch_value("SELECT count(*) FROM timer") == 0


async def test_claim_windows_are_seeded_once_in_as_many_batches_as_needed(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    for n in range(7):
        await shop.closed_activation("P1", str(n))
    shop.set_time(MONDAY + HOUR)

    assert await shop.seed_claim_windows(limit=3) == [7, 0, 0], "in as many batches as it takes"

    assert await shop.fetch_value("SELECT count(*) FROM timer WHERE kind = 'claim_window'") == 7


async def test_a_settlement_is_seeded_only_when_no_older_one_can_still_be_committed(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    await shop.closed_activation("P1")

    assert await shop.seed_claim_windows(limit=100, now=shop.clock.now + timedelta(seconds=59)) == [
        0,
        0,
        0,
    ]
    assert await shop.seed_claim_windows(limit=100, now=shop.clock.now + timedelta(seconds=2)) == [
        1,
        0,
        0,
    ]


async def test_a_claim_window_whose_policy_is_lost_decides_nothing(shop: CaseShop) -> None:
    await shop.open_account()
    setup = await claim_window(shop)
    before = await shop.event_types(setup.subject)
    await shop.forget_policies()
    shop.set_time(setup.due_at + TICK)

    await shop.timers.fire(Timer(TimerKind.CLAIM_WINDOW, setup.subject, setup.due_at))

    assert await decisions(shop, setup.subject) == []
    assert await shop.event_types(setup.subject) == before


async def test_no_order_older_than_its_policy_becomes_final(shop: CaseShop) -> None:
    await shop.open_account()
    shop.change_policy("P1", {"effective_from": (MONDAY + DAY).isoformat()})
    id_ = await shop.closed_activation("P1")
    before = await shop.event_types(id_)

    await shop.fire_due_timers(MONDAY + DAY)
    assert await shop.timer_due_at(TimerKind.CLAIM_WINDOW, id_) is not None
    await shop.fire_due_timers(MONDAY + 8 * DAY)

    assert await shop.timer_due_at(TimerKind.CLAIM_WINDOW, id_) is None
    assert await decisions(shop, id_) == []
    assert await shop.event_types(id_) == before


async def test_one_call_seeds_fifty_batches_of_windows_and_the_next_continues(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    for n in range(51):
        await shop.closed_activation("P1", str(n))
        shop.set_time(shop.clock.now + TICK)  # Activations of one instant are seeded together.

    assert await shop.seed_claim_windows(limit=1, now=MONDAY + HOUR) == [50, 1, 0]
