"""A rental that ends without one SMS is paid back by itself where its policy promises that."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from tests.integration.cases.rental_order import order
from tests.integration.store.shop import TICK
from worker.lifecycle.cases.rental_ends import PATIENCE
from worker.ports.provider import Sms
from worker.ports.store.case_view import Case, CaseKind, CaseState, TimerKind
from worker.ports.store.rentals import ProlongedLong, RentalOrderKind

END = MONDAY + 10 * DAY
SMS = Sms("1234", "code 1234", MONDAY + DAY)


async def automatic(shop: CaseShop, **changes: Any) -> None:
    """Long rentals for 1000 under a policy that pays empty ones back."""
    shop.change_policy("P2", {"rental.empty_at_end": "automatic", **changes})
    await shop.open_account(amount_minor=3000, policy="P2")
    await shop.book_rental()
    assert await shop.balances() == (2000, 0)


async def cases_of_ends(shop: CaseShop) -> list[Case]:
    kind = CaseKind.RENTAL_END.value
    ids = await shop.fetch_rows("SELECT id FROM case_ WHERE kind = $1 ORDER BY opened_at", kind)
    return [await shop.case(row[0]) for row in ids]


async def violated(shop: CaseShop) -> list[str]:
    return [found.invariant for found in await shop.store.books.audit() if found.violations]


async def test_an_empty_rental_is_paid_back_once_at_its_end(shop: CaseShop) -> None:
    await automatic(shop)

    await shop.fire_due_timers(END)
    assert await shop.balances() == (2000, 0), "its last instant is its own"
    for later in (TICK, DAY):
        await shop.fire_due_timers(END + later)

    assert await shop.balances() == (3000, 0)
    (case,) = await cases_of_ends(shop)
    assert (case.state, last_reason(case)) == (CaseState.GRANTED, "no_sms_on_record")
    assert case.decisions[-1].as_of == END
    assert await shop.event_types(case.id) == ["rental.granted"]
    assert (await shop.long_rental()).ended_at == END
    assert await violated(shop) == []


async def test_a_human_decides_at_once_where_the_provider_only_says_that_it_is_over(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    shop.provider_rentals.only_over = True

    await shop.fire_due_timers(END + TICK)

    (case,) = await cases_of_ends(shop)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "no_sms_on_record")
    assert await shop.balances() == (2000, 0)
    assert (await shop.long_rental()).ended_at == END


async def test_an_sms_that_nobody_has_read_yet_is_read_before_a_rental_counts_as_empty(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    shop.provider_rentals.sms = (SMS,)

    await shop.fire_due_timers(END + TICK)

    assert await cases_of_ends(shop) == []
    assert await shop.balances() == (2000, 0)
    assert (await shop.long_rental()).ended_at == END


async def test_a_rental_that_could_not_be_read_for_a_day_is_for_a_human_with_its_sum_and_date(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    shop.provider_rentals.budget_left = False

    await shop.fire_due_timers(END + TICK)
    await shop.fire_due_timers(END + 2 * HOUR)
    assert await cases_of_ends(shop) == [], "it is asked again first"
    await shop.fire_due_timers(END + PATIENCE + 12 * HOUR)

    assert await shop.balances() == (2000, 0), "nobody knows whether an SMS came"
    (case,) = await cases_of_ends(shop)
    (review,) = await shop.service.reviews(10)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "no_sms_on_record")
    assert (review.proposed_minor, review.by_when) == (1000, case.decisions[-1].deadline)
    assert review.by_when is not None
    await shop.give_verdict(case, grant=True)
    assert await shop.balances() == (3000, 0)
    assert await violated(shop) == []


async def on_claim(shop: CaseShop) -> None:
    await automatic(shop, **{"rental.empty_at_end": "on_claim"})


async def claimed(shop: CaseShop) -> Case:
    said = {"claim_channel": "email", "reasons_given": True}
    return await shop.open_rental_claim(await shop.long_rental(), "non_receiving", **said)


async def test_a_claim_before_the_end_of_an_empty_rental_is_decided_at_its_end(
    shop: CaseShop,
) -> None:
    await on_claim(shop)
    claim = await claimed(shop)
    assert (claim.state, last_reason(claim)) == (CaseState.WAITING, "rental_running")
    assert await violated(shop) == [], "nothing waits without a date"

    await shop.fire_due_timers(END)
    assert await shop.balances() == (2000, 0)
    await shop.fire_due_timers(END + TICK)

    assert await shop.state_of(claim.id) is CaseState.GRANTED
    assert await shop.balances() == (3000, 0)
    assert await violated(shop) == []


async def test_an_sms_that_nobody_has_read_yet_is_read_before_such_a_claim_is_decided(
    shop: CaseShop,
) -> None:
    await on_claim(shop)
    claim = await claimed(shop)
    shop.provider_rentals.sms = (SMS,)

    await shop.fire_due_timers(END + TICK)

    denied = await shop.case(claim.id)
    assert (denied.state, last_reason(denied)) == (CaseState.DENIED, "code_displayed")


async def test_where_the_provider_does_not_answer_such_a_claim_is_for_a_human(
    shop: CaseShop,
) -> None:
    await on_claim(shop)
    claim = await claimed(shop)
    shop.provider_rentals.budget_left = False

    await shop.fire_due_timers(END + TICK)
    assert await shop.state_of(claim.id) is CaseState.WAITING
    await shop.fire_due_timers(END + PATIENCE + 12 * HOUR)

    asked = await shop.case(claim.id)
    assert (asked.state, last_reason(asked)) == (CaseState.IN_REVIEW, "no_sms_on_record")
    await shop.give_verdict(claim, grant=True)
    assert await shop.balances() == (3000, 0)


async def test_a_claim_that_was_made_while_its_provider_hung_is_decided_by_what_is_read_at_the_end(
    shop: CaseShop,
) -> None:
    await on_claim(shop)
    said = {"claim_kind": "non_receiving", "claim_channel": "email", "reasons_given": True}
    rental = await shop.long_rental()
    opened = await shop.service.open_rental_claim(rental.id, said, log_is_whole=False)
    assert opened.case is not None
    assert opened.case.state is CaseState.WAITING

    await shop.fire_due_timers(END + TICK)

    assert await shop.state_of(opened.case.id) is CaseState.GRANTED
    assert await shop.balances() == (3000, 0)


async def test_a_human_decides_where_the_provider_never_gave_all_messages(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    shop.provider_rentals.complete = False

    await shop.fire_due_timers(END + TICK)
    assert await cases_of_ends(shop) == [], "it is asked again first"
    await shop.fire_due_timers(END + PATIENCE + 12 * HOUR)

    (case,) = await cases_of_ends(shop)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "no_sms_on_record")
    assert case.decisions[-1].amount_minor == 1000
    assert await shop.balances() == (2000, 0)
    assert await violated(shop) == []
    await shop.give_verdict(case, grant=True)
    assert await shop.balances() == (3000, 0)


async def test_a_rental_with_one_message_of_many_is_not_empty(shop: CaseShop) -> None:
    await automatic(shop)
    shop.provider_rentals.sms, shop.provider_rentals.complete = (SMS,), False

    for later in (TICK, HOUR):
        await shop.fire_due_timers(END + later)

    assert await cases_of_ends(shop) == []
    assert await shop.balances() == (2000, 0)
    assert (await shop.long_rental()).ended_at == END


async def test_a_rental_that_was_given_back_is_not_empty_at_its_end(shop: CaseShop) -> None:
    await automatic(shop, **{"rental.early_end": "unused"})
    shop.set_time(MONDAY + 4 * DAY)
    await shop.service.cancel_rental(await shop.long_rental(), {})
    assert await shop.balances() == (2600, 0)

    await shop.fire_due_timers(END + TICK)

    assert await shop.balances() == (2600, 0)


async def test_a_prolonged_rental_is_paid_back_with_its_renewal_at_its_new_end(
    shop: CaseShop,
) -> None:
    await automatic(shop)
    rental = await shop.long_rental()
    renewal = {"kind": RentalOrderKind.PROLONG, "rental": rental.id, "price_minor": 1000}
    longer = order(shop, "longer", **renewal)
    await shop.store.cases.begin_rental_order(longer)
    told = ProlongedLong(END + 10 * DAY, rental.ends_at, rental.renewed_at)
    await shop.store.cases.rental_prolonged(longer.id, told)

    await shop.fire_due_timers(END + TICK)
    assert await shop.balances() == (1000, 0)
    await shop.fire_due_timers(END + 10 * DAY + TICK)

    assert await shop.balances() == (3000, 0)


async def test_a_renewal_given_back_after_the_end_leaves_the_empty_rental_to_be_paid_back(
    shop: CaseShop,
) -> None:
    limit = {"of": "cancel", "per": "day", "max_minor": 500}
    await automatic(shop, limits=[limit], **{"renewal.refund_window_s": 3600})
    rental = await shop.long_rental()
    renewal = {"kind": RentalOrderKind.PROLONG, "rental": rental.id, "price_minor": 1000}
    longer = order(shop, "longer", **renewal)
    await shop.store.cases.begin_rental_order(longer)
    told = ProlongedLong(END + 10 * DAY, rental.ends_at, rental.renewed_at)
    await shop.store.cases.rental_prolonged(longer.id, told)
    pressed = await shop.service.cancel_rental(await shop.long_rental(), {})
    assert pressed.case is not None
    assert pressed.case.state is CaseState.IN_REVIEW
    end = END + 10 * DAY
    shop.provider_rentals.budget_left = False
    await shop.fire_due_timers(end + TICK)
    shop.set_time(end + HOUR)
    await shop.give_verdict(pressed.case, grant=True)
    assert await shop.balances() == (2000, 0)
    shop.provider_rentals.budget_left = True

    await shop.fire_due_timers(end + 2 * HOUR)

    assert await shop.balances() == (3000, 0)
    after = await shop.long_rental()
    assert (after.ended_at, after.ends_at) == (end, end)
    assert await violated(shop) == []


@pytest.mark.parametrize(("grant", "balance"), [(True, 3000), (False, 2000)])
async def test_what_the_policy_holds_for_a_human_waits_with_its_date(
    shop: CaseShop, *, grant: bool, balance: int
) -> None:
    limit = {"of": "auto_credit", "per": "month", "max_minor": 500, "then": "review"}
    await automatic(shop, limits=[limit])
    await shop.fire_due_timers(END + TICK)

    (case,) = await cases_of_ends(shop)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "limit_reached")
    assert case.decisions[-1].deadline is not None
    await shop.give_verdict(case, grant=grant)

    assert await shop.balances() == (balance, 0)
    assert await shop.timer_due_at(TimerKind.REVIEW_SLA, case.id) is None
    assert await violated(shop) == []
