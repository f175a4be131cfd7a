"""Whoever follows the events is told of each review: that it waits, that it is late, its end."""

import json
from typing import Any

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.store.case_view import Case, TimerKind

GRANT = Verdict(grant=True, findings={}, note="heard")


async def told(shop: CaseShop, subject: object) -> list[tuple[str, dict[str, Any]]]:
    rows = await shop.admin.fetch(
        "SELECT type, payload FROM event WHERE subject = $1 AND type LIKE 'review.%' ORDER BY seq",
        str(subject),
    )
    return [(row["type"].removeprefix("review."), json.loads(row["payload"])) for row in rows]


async def judged_by_photo(shop: CaseShop) -> Case:
    id_ = await shop.delivered_activation("P3", order_ref="order-7")
    return await shop.open_claim(id_, "wrong_code", evidence=["photo"])


async def in_review(shop: CaseShop, policy: str = "P3") -> ActivationId:
    id_ = await shop.rent_number(policy, "9", order_ref="order-9")
    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    return id_


async def test_a_case_tells_that_it_waits_and_what_became_of_it(shop: CaseShop) -> None:
    await shop.open_account()
    case = await judged_by_photo(shop)
    (opened,) = await told(shop, case.id)

    await shop.give_verdict(case, grant=True)
    await shop.give_verdict(case, grant=True)

    assert opened[0] == "opened"
    by_when = case.opened_at + 2 * DAY
    assert opened[1] == {
        "id": str(case.id),
        "case": str(case.id),
        "kind": "claim",
        "order_ref": "order-7",
        "subject": case.subject,
        "activation": case.subject,
        "account": "alice",
        "reason": "judge_evidence",
        "proposed_minor": PRICE,
        "currency": "USD",
        "by_when": by_when.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    _, (what, decided) = await told(shop, case.id)
    assert (what, decided["state"], decided["by_verdict"]) == ("decided", "granted", True)
    assert await shop.event_types(case.id) == ["claim.in_review", "claim.granted"]


async def test_a_case_that_asks_something_else_is_another_review(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P3"), "wrong_code")
    assert await told(shop, case.id) == []

    await shop.add_evidence(case, "photo")
    await shop.add_evidence(case, "photo")

    assert [what for what, _ in await told(shop, case.id)] == ["opened"]


async def test_that_a_case_is_late_is_told_once(shop: CaseShop) -> None:
    await shop.open_account()
    case = await judged_by_photo(shop)
    await shop.fire_due_timers(case.opened_at + 2 * DAY)
    assert [what for what, _ in await told(shop, case.id)] == ["opened"]

    for days in (3, 4):
        await shop.fire_due_timers(case.opened_at + days * DAY)

    (_, opened), (what, late) = await told(shop, case.id)
    assert what == "late"
    # In the order of what is told of its number, like the others.
    assert late["activation"] == opened["activation"] == case.subject
    numbers = await shop.admin.fetch(
        "SELECT activation_id FROM event WHERE subject = $1 AND type LIKE 'review.%'", str(case.id)
    )
    assert [str(row["activation_id"]) for row in numbers] == [case.subject] * 2
    assert (await shop.store.books.queue_stats(DAY)).reviews_late == 1
    await shop.give_verdict(case, grant=False)
    assert [what for what, _ in await told(shop, case.id)] == ["opened", "late", "decided"]


async def test_what_is_added_moves_no_date_of_a_review_without_a_date_of_its_policy(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.delivered_activation("P0")
    case = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    by_when = case.opened_at + 2 * DAY
    for days, piece in ((1, "screenshot"), (2, "video")):
        await shop.fire_due_timers(case.opened_at + days * DAY)
        await shop.add_evidence(case, piece)

    (owed,) = (await shop.case(case.id)).obligations
    (listed,) = await shop.service.reviews(10)
    assert (owed.what, owed.by_when, listed.by_when) == (Sla.REVIEW, by_when, by_when)
    await shop.fire_due_timers(by_when + TICK)
    assert [what for what, _ in await told(shop, case.id)] == ["opened", "late"]


async def test_a_review_about_something_else_has_two_business_days_of_its_own(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await shop.delivered_activation("P0")
    case = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    shop.set_time(case.opened_at + DAY)

    found = questions.plain_facts(contradicts_terms=True)
    await shop.service.add(case.id, case.kind, found, "found")

    (owed,) = (await shop.case(case.id)).obligations
    (listed,) = await shop.service.reviews(10)
    assert listed.reason == "contradicts_terms"
    assert owed.by_when == listed.by_when == case.opened_at + 3 * DAY


async def test_a_case_that_was_decided_in_time_is_never_late(shop: CaseShop) -> None:
    await shop.open_account()
    case = await judged_by_photo(shop)
    await shop.give_verdict(case, grant=True)

    await shop.fire_due_timers(case.opened_at + 30 * DAY)

    assert [what for what, _ in await told(shop, case.id)] == ["opened", "decided"]


async def test_a_number_in_review_is_told_late_by_its_policy_and_decided_in_a_name(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    id_ = await in_review(shop)
    at = shop.clock.now
    await shop.fire_due_timers(at + DAY)
    assert await shop.timer_due_at(TimerKind.REVIEW_LATE, id_) == at + 2 * DAY

    await shop.fire_due_timers(at + 3 * DAY)
    await shop.fire_due_timers(at + 4 * DAY)
    assert (await shop.store.books.queue_stats(DAY)).reviews_late == 1
    ann = shop.service_on(shop.store, told_by="ann")
    for _ in range(2):
        await ann.review_verdict(id_, GRANT, None)

    (_, opened), (_, late), (_, decided) = events = await told(shop, id_)
    assert [what for what, _ in events] == ["opened", "late", "decided"]
    assert (opened["order_ref"], opened["proposed_minor"]) == ("order-9", PRICE)
    assert late["by_when"] == (at + 2 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (decided["state"], decided["by_verdict"]) == ("refunded", True)
    number = await shop.store.activations.activation(id_)
    assert number is not None
    verdicts = [line.detail for line in number.timeline if line.what == "verdict"]
    assert verdicts == [{"state": "refunded", "note": "heard", "by": "ann"}]


async def test_a_number_that_was_decided_in_time_is_never_late(shop: CaseShop) -> None:
    await shop.open_account()
    id_ = await in_review(shop)
    await shop.service.review_verdict(id_, GRANT, None)

    await shop.fire_due_timers(MONDAY + 30 * DAY)

    assert [what for what, _ in await told(shop, id_)] == ["opened", "decided"]
    assert await shop.timer_has_fired(TimerKind.REVIEW_LATE, id_)
