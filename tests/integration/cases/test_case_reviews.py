"""Reviews: cases and activations that wait for a human, in the order of their dates."""

import asyncio
from uuid import UUID

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.store.case_view import CaseState
from worker.ports.store.cases import CaseChange

GRANT = Verdict(grant=True, findings={})
DENY = Verdict(grant=False, findings={})


async def in_review(
    shop: CaseShop,
    ref: str = "1",
    provider_state: ProviderState = ProviderState.CANCELLED,
    policy: str = "P3",
) -> ActivationId:
    id_ = await shop.rent_number(policy, ref)
    await shop.end_activation(
        id_, State.IN_REVIEW, reason="sms_not_displayed", provider_state=provider_state
    )
    return id_


async def test_a_claim_in_review_shows_facts_clauses_sum_and_date(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.delivered_activation("P3")
    case = await shop.open_claim(id_, "wrong_code", evidence=["photo"])

    (review,) = await shop.service.reviews(10)

    assert (review.id, review.kind, review.subject) == (case.id, "claim", str(id_))
    assert (review.proposed_minor, review.currency) == (PRICE, "USD")
    assert (review.reason, review.destination) == ("judge_evidence", "balance")
    assert review.by_when == case.opened_at + 2 * DAY
    assert review.clauses == case.decisions[-1].clauses != ()
    assert review.facts["evidence"] == ["photo"]


async def test_a_decided_case_is_listed_no_longer(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )

    done = await shop.service.review_verdict(case.id, GRANT, None)

    assert isinstance(done, CaseChange)
    assert done.case is not None
    assert done.case.state is CaseState.GRANTED
    assert await shop.service.reviews(10) == []
    closed = await shop.fetch_rows("SELECT number, closed_at IS NULL FROM review")
    assert closed == [(1, False)]


async def test_a_review_that_is_late_keeps_its_sum_its_date_and_its_place(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )
    shop.set_time(MONDAY + 2 * DAY)
    later = await shop.open_claim(
        await shop.delivered_activation("P3", "2"), "wrong_code", evidence=["photo"]
    )
    late, dated = await shop.service.reviews(10)

    await shop.fire_due_timers(MONDAY + 3 * DAY)

    assert await shop.event_types(case.id) == ["claim.in_review", "claim.overdue"]
    assert (late.id, dated.id) == (case.id, later.id)
    assert await shop.service.reviews(10) == [late, dated]


async def test_reviews_are_listed_by_their_date(shop: CaseShop) -> None:
    await shop.open_account()
    undated = await in_review(shop, "0", policy="P0")
    waiting = await in_review(shop, "1")
    later = await shop.open_claim(
        await shop.delivered_activation("P1", "2"), "invalid_number", evidence=["photo"]
    )
    sooner = await shop.open_claim(
        await shop.delivered_activation("P3", "3"), "wrong_code", evidence=["photo"]
    )

    reviews = await shop.service.reviews(10)

    order = [review.id for review in reviews]
    assert set(order) == {waiting, sooner.id, later.id, undated}
    assert order.index(sooner.id) < order.index(later.id) == 3
    dates = [review.by_when for review in reviews]
    assert dates == sorted(dates), "also where the policy names none"
    pages, after = [], None
    while page := await shop.service.reviews(1, after):
        pages += [review.id for review in page]
        after = page[-1].place
    assert pages == order


async def test_an_activation_in_review_shows_clauses_and_date(shop: CaseShop) -> None:
    await shop.open_account()
    dated, undated = await in_review(shop, "1"), await in_review(shop, "2", policy="P0")

    first, second = await shop.service.review(dated), await shop.service.review(undated)

    assert first is not None
    assert second is not None
    assert (first.clauses, first.reason) == (("P3.23",), "sms_not_displayed")
    assert first.by_when == first.opened_at + 2 * DAY
    assert second.by_when == second.opened_at + 2 * DAY
    assert await shop.service.review(UUID(int=1)) is None


async def test_a_date_is_counted_in_working_days_of_the_policy_of_the_purchase(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    shop.change_policy("P3", {"processing.review_business_days": 9})
    friday = MONDAY + 4 * DAY
    shop.set_time(friday)

    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")

    review = await shop.service.review(id_)
    assert review is not None
    assert review.by_when == friday + 4 * DAY


async def test_a_reason_that_no_policy_gives_has_no_clauses(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW, reason="policy_missing")

    review = await shop.service.review(id_)

    assert review is not None
    assert (review.reason, review.clauses) == ("policy_missing", ())


async def test_an_activation_in_review_is_refunded_by_verdict_with_its_hold(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await in_review(shop)
    (review,) = await shop.service.reviews(10)
    assert (review.id, review.kind, review.proposed_minor) == (id_, "activation", PRICE)
    assert review.reason == "sms_not_displayed"
    assert await shop.balances() == (650, PRICE)

    done = await shop.service.review_verdict(id_, GRANT, None)

    assert isinstance(done, ReviewResult)
    assert done.how is ReviewOutcome.DONE
    assert done.activation is not None
    assert done.activation.state is State.REFUNDED
    assert await shop.balances() == (1000, 0)
    assert await shop.event_types(id_) == ["activation.in_review", "activation.refunded"]
    assert await shop.service.reviews(10) == []


async def test_an_activation_in_review_is_closed_or_delivered_by_verdict(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    closed, delivered = await in_review(shop, "1"), await in_review(shop, "2")

    await shop.service.review_verdict(closed, DENY, None)
    await shop.service.review_verdict(delivered, DENY, "delivered")

    states = await shop.fetch_rows("SELECT state FROM activation ORDER BY provider_ref")
    assert states == [("closed",), ("delivered",)]
    assert await shop.balances() == (1000 - 2 * PRICE, 0)


async def test_of_different_verdicts_on_one_activation_one_settles_it(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await in_review(shop)

    results = await asyncio.gather(
        *(shop.service.review_verdict(id_, (GRANT, DENY)[n % 2], None) for n in range(6))
    )

    outcomes = {result.how for result in results if isinstance(result, ReviewResult)}
    assert sorted(outcome.value for outcome in outcomes) == ["done", "other_content"]
    assert await shop.fetch_value("SELECT count(*) FROM settlement") == 1


async def test_an_activation_that_is_not_in_review_is_not_decided(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")

    done = await shop.service.review_verdict(id_, GRANT, None)
    unknown = await shop.service.review_verdict(ActivationId(UUID(int=7)), GRANT, None)

    assert isinstance(done, ReviewResult)
    assert isinstance(unknown, ReviewResult)
    assert (done.how, unknown.how) == (ReviewOutcome.NOT_IN_REVIEW, ReviewOutcome.UNKNOWN)


async def test_a_refund_by_verdict_while_the_provider_keeps_the_price_is_a_loss(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    charged = await in_review(shop, "1", ProviderState.CHARGED)
    open_ = await in_review(shop, "2", ProviderState.CANCELLING)

    for id_ in (charged, open_):
        await shop.service.review_verdict(id_, GRANT, None)

    exposed = await shop.fetch_rows("SELECT activation_id, state FROM exposure")
    assert sorted(exposed, key=str) == sorted([(charged, "loss"), (open_, "open")], key=str)
    pursued = await shop.fetch_rows(
        "SELECT pursue_at IS NULL FROM activation ORDER BY provider_ref"
    )
    assert pursued == [(True,), (False,)]


async def test_a_claim_waits_for_the_verdict_on_its_activation(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await in_review(shop)
    case = await shop.open_claim(id_, "non_receiving")
    assert case.state is CaseState.WAITING

    await shop.service.review_verdict(id_, DENY, None)
    await shop.fire_due_timers(MONDAY + DAY)

    assert await shop.state_of(case.id) is CaseState.GRANTED
    assert await shop.balances() == (1000, 0)
