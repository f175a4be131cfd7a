"""Reviews: what waits for a human, in the order it has to be decided, and activations among it."""

import asyncio
from uuid import UUID

from tests.integration.cases.office import DAY, MONDAY, PRICE, Office
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.lifecycle.cases.reviews import Reviewed, Ruled
from worker.lifecycle.cases.shape import Verdict
from worker.ports.store.case_view import CaseState
from worker.ports.store.cases import CaseChange

GRANT = Verdict(grant=True, findings={})
DENY = Verdict(grant=False, findings={})


async def in_review(
    office: Office,
    ref: str = "1",
    there: ProviderState = ProviderState.CANCELLED,
    policy: str = "P3",
) -> ActivationId:
    id_ = await office.rent(policy, ref)
    await office.end(id_, State.IN_REVIEW, reason="sms_not_displayed", provider_state=there)
    return id_


async def test_a_claim_in_review_shows_facts_clauses_sum_and_date(office: Office) -> None:
    await office.open()
    id_ = await office.delivered("P3")
    case = await office.claim(id_, "wrong_code", evidence=["photo"])

    (review,) = await office.desk.reviews(10)

    assert (review.id, review.kind, review.subject) == (case.id, "claim", str(id_))
    assert (review.proposed_minor, review.currency) == (PRICE, "USD")
    assert (review.reason, review.destination) == ("judge_evidence", "balance")
    assert review.by_when == case.opened_at + 2 * DAY
    assert review.clauses == case.decisions[-1].clauses != ()
    assert review.facts["evidence"] == ["photo"]


async def test_what_is_decided_waits_no_longer(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P3"), "wrong_code", evidence=["photo"])

    done = await office.desk.review_verdict(case.id, GRANT, None)

    assert isinstance(done, CaseChange)
    assert done.case is not None
    assert done.case.state is CaseState.GRANTED
    assert await office.desk.reviews(10) == []
    closed = await office.rows("SELECT number, closed_at IS NULL FROM review")
    assert closed == [(1, False)]


async def test_a_review_that_is_late_keeps_its_sum_its_date_and_its_place(
    office: Office,
) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P3"), "wrong_code", evidence=["photo"])
    office.at(MONDAY + 2 * DAY)
    later = await office.claim(await office.rent("P3", "2"), "cannot_provide")
    late, dated = await office.desk.reviews(10)

    await office.ring(MONDAY + 3 * DAY)

    assert await office.told(case.id) == ["claim.in_review", "claim.overdue"]
    assert (late.id, dated.id) == (case.id, later.id)
    assert await office.desk.reviews(10) == [late, dated]


async def test_what_has_to_be_decided_first_comes_first(office: Office) -> None:
    await office.open()
    undated = await in_review(office, "0", policy="P0")
    waiting = await in_review(office, "1")
    later = await office.claim(
        await office.delivered("P1", "2"), "invalid_number", evidence=["photo"]
    )
    sooner = await office.claim(await office.delivered("P3", "3"), "wrong_code", evidence=["photo"])

    found = await office.desk.reviews(10)

    order = [waiting, sooner.id, later.id, undated]
    assert [one.id for one in found] == order
    pages, after = [], None
    while page := await office.desk.reviews(1, after):
        pages += [one.id for one in page]
        after = page[-1].place
    assert pages == order


async def test_an_activation_in_review_tells_clauses_and_date(office: Office) -> None:
    await office.open()
    dated, undated = await in_review(office, "1"), await in_review(office, "2", policy="P0")

    first, second = await office.desk.review(dated), await office.desk.review(undated)

    assert first is not None
    assert second is not None
    assert (first.clauses, first.reason) == (("P3.23",), "sms_not_displayed")
    assert first.by_when == first.opened_at + 2 * DAY
    assert (second.by_when, second.rank) == (None, None)
    assert await office.desk.review(UUID(int=1)) is None


async def test_a_date_is_counted_in_working_days_of_the_policy_of_the_purchase(
    office: Office,
) -> None:
    await office.open()
    id_ = await office.rent("P3")
    office.change_policy("P3", {"review_business_days": 9})
    friday = MONDAY + 4 * DAY
    office.at(friday)

    await office.end(id_, State.IN_REVIEW, reason="sms_not_displayed")

    review = await office.desk.review(id_)
    assert review is not None
    assert review.by_when == friday + 4 * DAY


async def test_a_reason_no_policy_gives_rests_on_no_clause(office: Office) -> None:
    await office.open()
    id_ = await office.rent("P3")
    await office.end(id_, State.IN_REVIEW, reason="policy_missing")

    review = await office.desk.review(id_)

    assert review is not None
    assert (review.reason, review.clauses) == ("policy_missing", ())


async def test_an_activation_in_review_is_refunded_by_verdict_with_its_hold(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await in_review(office)
    (review,) = await office.desk.reviews(10)
    assert (review.id, review.kind, review.proposed_minor) == (id_, "activation", PRICE)
    assert review.reason == "sms_not_displayed"
    assert await office.money() == (650, PRICE)

    done = await office.desk.review_verdict(id_, GRANT, None)

    assert isinstance(done, Reviewed)
    assert done.how is Ruled.DONE
    assert done.activation is not None
    assert done.activation.state is State.REFUNDED
    assert await office.money() == (1000, 0)
    assert await office.told(id_) == ["activation.refunded"]
    assert await office.desk.reviews(10) == []


async def test_an_activation_in_review_is_closed_or_delivered_by_verdict(office: Office) -> None:
    await office.open(amount_minor=1000)
    closed, delivered = await in_review(office, "1"), await in_review(office, "2")

    await office.desk.review_verdict(closed, DENY, None)
    await office.desk.review_verdict(delivered, DENY, "delivered")

    states = await office.rows("SELECT state FROM activation ORDER BY provider_ref")
    assert states == [("closed",), ("delivered",)]
    assert await office.money() == (1000 - 2 * PRICE, 0)


async def test_a_second_verdict_on_an_activation_is_told_of_the_first(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await in_review(office)

    done = await asyncio.gather(
        *(office.desk.review_verdict(id_, (GRANT, DENY)[n % 2], None) for n in range(6))
    )

    how = [one.how for one in done if isinstance(one, Reviewed)]
    assert sorted({one.value for one in how}) == ["done", "other_content"]
    assert await office.one("SELECT count(*) FROM settlement") == 1


async def test_an_activation_that_is_not_in_review_is_not_decided(office: Office) -> None:
    await office.open()
    id_ = await office.rent("P3")

    done = await office.desk.review_verdict(id_, GRANT, None)
    unknown = await office.desk.review_verdict(ActivationId(UUID(int=7)), GRANT, None)

    assert isinstance(done, Reviewed)
    assert isinstance(unknown, Reviewed)
    assert (done.how, unknown.how) == (Ruled.NOT_IN_REVIEW, Ruled.UNKNOWN)


async def test_a_refund_by_verdict_while_the_provider_keeps_the_price_is_a_loss(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    charged = await in_review(office, "1", ProviderState.CHARGED)
    open_ = await in_review(office, "2", ProviderState.CANCELLING)

    for id_ in (charged, open_):
        await office.desk.review_verdict(id_, GRANT, None)

    exposed = await office.rows("SELECT activation_id, state FROM exposure")
    assert sorted(exposed, key=str) == sorted([(charged, "loss"), (open_, "open")], key=str)
    pursued = await office.rows("SELECT pursue_at IS NULL FROM activation ORDER BY provider_ref")
    assert pursued == [(True,), (False,)]


async def test_a_claim_waits_for_the_verdict_on_its_activation(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await in_review(office)
    case = await office.claim(id_, "cannot_provide", allocation_failed=True)
    assert case.state is CaseState.WAITING

    await office.desk.review_verdict(id_, DENY, None)
    await office.ring(MONDAY + DAY)

    assert await office.state(case.id) is CaseState.GRANTED
    assert await office.money() == (1000, 0)
