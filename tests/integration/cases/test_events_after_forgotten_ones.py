"""An event of a case has an id of its own, also where those before it were forgotten."""

from collections import Counter
from datetime import timedelta

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case


async def forgotten(shop: CaseShop, case: Case) -> list[tuple[str, int]]:
    """Of the case's events all that are there, before they go."""
    there = await shop.admin.fetch(
        "SELECT type, number FROM event WHERE subject = $1", str(case.id)
    )
    await shop.admin.execute("UPDATE event SET state = 'sent'")
    assert await shop.store.outbox.forget_events(timedelta(0), 1000, now=shop.clock.now + HOUR)
    assert await shop.fetch_value("SELECT count(*) FROM event") == 0
    return [(row["type"], row["number"]) for row in there]


async def rectified(shop: CaseShop, case: Case) -> None:
    facts = questions.first_instants(rectified_at=None)
    await shop.service.add(case.id, case.kind, facts, "rectified")


async def test_no_event_of_a_case_has_the_id_of_one_that_was_forgotten(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    told = await forgotten(shop, case)

    await rectified(shop, case)
    told += await forgotten(shop, case)
    shop.set_time(shop.clock.now + HOUR)
    await shop.service.contest(case.id, {"reason": "it does not work"})
    told += await forgotten(shop, case)
    await shop.fire_due_timers(MONDAY + 4 * DAY)
    told += await forgotten(shop, case)

    types = Counter(type_ for type_, _ in told)
    assert max(types.values()) > 1
    assert len(set(told)) == len(told)


async def test_numbers_count_from_one_while_nothing_was_forgotten(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    await rectified(shop, case)

    numbers = await shop.admin.fetch("SELECT number FROM event WHERE subject = $1", str(case.id))

    assert {row["number"] for row in numbers} == {1}
