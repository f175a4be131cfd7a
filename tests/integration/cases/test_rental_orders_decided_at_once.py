"""A verdict on an order in doubt meets its booking, its late answer, or a lost COMMIT: one wins."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.integration.cases.case_shop import DAY, LONG, MONDAY, CaseShop
from tests.integration.cases.rental_order import PRICE, order
from tests.integration.cases.test_rental_orders import SOLD, prolongation, renter
from tests.integration.cases.test_rental_orders_in_review import (
    PAID_IN,
    in_doubt,
    prolongation_in_doubt,
)
from tests.integration.cases.test_reviews_told import told
from tests.integration.store.failing import Failing
from tests.integration.store.pausing import Rival
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.errors import CommitUnknown
from worker.ports.long_rental import Prolonged
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import (
    OrderVerdict,
    ProlongedLong,
    RentalOrder,
    RentalOrderState,
    RentedLong,
)
from worker.ports.store.said import NOTHING_SAID

GRANT = Verdict(grant=True, findings={}, note="not there")
HAPPENED = Verdict(grant=False, findings={}, note="it ends later there")
GIVE_BACK = OrderVerdict(grant=True, failure="provider_unavailable", said=NOTHING_SAID)
PROLONGED = OrderVerdict(grant=False, failure="", said=NOTHING_SAID)
BOUGHT = RentedLong(LONG, "15550002", MONDAY + 10 * DAY)


async def granted(service: CaseService, ordered: RentalOrder) -> ReviewOutcome:
    result = await service.review_verdict(ordered.id, GRANT, None)
    assert isinstance(result, ReviewResult)
    return result.how


async def ends_of(shop: CaseShop, ordered: RentalOrder) -> list[str]:
    return [what for what, _ in await told(shop, ordered.id)]


async def test_a_booking_behind_a_verdict_is_paid_by_the_balance(
    shop: CaseShop, rival: Rival
) -> None:
    ordered = await in_doubt(shop)
    first = await rival.start(rival.store.cases.decide_rental_order(ordered.id, GIVE_BACK))
    second = await rival.run_into(shop.store.cases.book_rental(shop.rental()))

    rival.gate.go.set()

    assert ((await first).state, (await second).how) == ("failed", CaseOpenOutcome.NEW)
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_verdict_behind_a_booking_gives_nothing_back(shop: CaseShop, rival: Rival) -> None:
    ordered = await in_doubt(shop)
    first = await rival.start(rival.store.cases.book_rental(shop.rental()))
    second = await rival.run_into(granted(shop.service, ordered))

    rival.gate.go.set()

    assert (await first).how is CaseOpenOutcome.NEW
    assert await second is ReviewOutcome.OTHER_CONTENT
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_late_sale_behind_a_verdict_is_nobodys_rental(shop: CaseShop, rival: Rival) -> None:
    ordered = await in_doubt(shop)
    first = await rival.start(rival.store.cases.decide_rental_order(ordered.id, GIVE_BACK))
    second = await rival.run_into(shop.store.cases.rental_bought(ordered.id, BOUGHT))

    rival.gate.go.set()

    assert ((await first).state, await second) == ("failed", None)
    assert await shop.store.cases.rental(shop.provider_rentals.name, LONG) is None
    assert await shop.balances() == (PAID_IN, 0)


async def test_a_verdict_behind_a_late_sale_gives_nothing_back(
    shop: CaseShop, rival: Rival
) -> None:
    ordered = await in_doubt(shop)
    first = await rival.start(rival.store.cases.rental_bought(ordered.id, BOUGHT))
    second = await rival.run_into(granted(shop.service, ordered))

    rival.gate.go.set()

    assert (await first) is not None
    assert await second is ReviewOutcome.OTHER_CONTENT
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_late_refusal_ends_the_review_too(shop: CaseShop) -> None:
    ordered = await in_doubt(shop)

    await shop.store.cases.rental_order_failed(ordered.id, "no_numbers")

    (_, _), (what, decided) = await told(shop, ordered.id)
    assert (what, decided["state"], decided["by_verdict"]) == ("decided", "failed", False)
    assert await granted(shop.service, ordered) is ReviewOutcome.OTHER_CONTENT
    assert await shop.balances() == (PAID_IN, 0)
    await shop.fire_due_timers(MONDAY + 2 * DAY)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_sale_that_is_told_after_its_money_went_back_is_told_to_the_operator(
    shop: CaseShop,
) -> None:
    ordered = await in_doubt(shop)
    await granted(shop.service, ordered)
    shop.provider_rentals.sales = [SOLD]

    result = await renter(shop)._rent(shop.provider_rentals, order(shop))

    assert (result.state, result.rental) == (RentalOrderState.FAILED, None)
    assert shop.reporter.of("trouble")[-1][0] == "rental.bought_and_lost"
    assert await shop.balances() == (PAID_IN, 0)


async def test_a_late_prolongation_counts_once_with_the_verdict_that_it_happened(
    shop: CaseShop,
) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    await shop.service.review_verdict(ordered.id, HAPPENED, None)

    late = await shop.store.cases.rental_prolonged(
        ordered.id, ProlongedLong(None, rental.ends_at, rental.renewed_at)
    )

    assert late is not None
    assert late.ends_at == rental.ends_at + 5 * DAY
    assert await shop.balances() == (PAID_IN - PRICE - 400, 0)


@pytest.mark.parametrize("end_is_told", [False, True])
async def test_the_end_that_another_prolongation_was_told_holds_the_one_in_doubt(
    shop: CaseShop, *, end_is_told: bool
) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    await shop.top_up("more", 500, MONDAY)
    both = rental.ends_at + 10 * DAY
    shop.provider_rentals.prolongs = [Prolonged(both if end_is_told else None)]
    await renter(shop)(prolongation(shop, rental, "again"))

    await shop.service.review_verdict(ordered.id, HAPPENED, None)

    assert (await shop.long_rental()).ends_at == both


async def test_a_certain_no_behind_a_verdict_that_it_happened_is_told_to_the_operator(
    shop: CaseShop,
) -> None:
    _, ordered = await prolongation_in_doubt(shop)
    await shop.service.review_verdict(ordered.id, HAPPENED, None)

    await renter(shop)._failed(ordered, "not_offered")

    assert shop.reporter.of("trouble")[-1][0] == "rental.refused_and_held"
    assert await shop.balances() == (PAID_IN - PRICE - 400, 0)


@pytest.mark.parametrize("verdict_first", [False, True])
async def test_a_verdict_and_a_late_answer_at_once_prolong_once(
    shop: CaseShop, rival: Rival, *, verdict_first: bool
) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    longer = ProlongedLong(None, rental.ends_at, rental.renewed_at)
    mine, theirs = shop.store.cases, rival.store.cases
    if verdict_first:
        decided = await rival.start(theirs.decide_rental_order(ordered.id, PROLONGED))
        late = await rival.run_into(mine.rental_prolonged(ordered.id, longer))
    else:
        late = await rival.start(theirs.rental_prolonged(ordered.id, longer))
        decided = await rival.run_into(mine.decide_rental_order(ordered.id, PROLONGED))

    rival.gate.go.set()

    assert ((await decided).state, await late) == ("done", await shop.long_rental())
    assert (await shop.long_rental()).ends_at == rental.ends_at + 5 * DAY
    assert await shop.balances() == (PAID_IN - PRICE - 400, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_verdict_whose_commit_was_not_answered_is_repeated_and_moves_nothing_more(
    shop: CaseShop,
) -> None:
    ordered = await in_doubt(shop)
    cases = cast("Any", Failing(shop.store.cases, "decide_rental_order", error=CommitUnknown()))
    failing = replace(shop.service, cases=cases)
    with pytest.raises(CommitUnknown):
        await granted(failing, ordered)

    assert await granted(failing, ordered) is ReviewOutcome.DONE

    assert await shop.balances() == (PAID_IN, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]


async def test_a_verdict_whose_connection_died_before_its_commit_is_carried_out_once(
    shop: CaseShop, rival: Rival
) -> None:
    ordered = await in_doubt(shop)
    first = await rival.start(rival.store.cases.decide_rental_order(ordered.id, GIVE_BACK))

    await rival.kill()
    rival.gate.go.set()

    assert (await first).state == "failed"
    assert await shop.balances() == (PAID_IN, 0)
    assert await ends_of(shop, ordered) == ["opened", "decided"]
