"""The audit of cases: the tests break each invariant in SQL, and the audit finds it."""

import re
from typing import NamedTuple

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.rental_order import order
from worker.adapters.store import audit
from worker.adapters.store.database import statement
from worker.lifecycle.cases.case_steps import SLAS
from worker.ports.store.case_view import Case

DISABLE_TRIGGERS = """
ALTER TABLE transfer DISABLE TRIGGER ALL;
ALTER TABLE decision DISABLE TRIGGER ALL;
"""


class Sabotage(NamedTuple):
    invariant: str
    sql: str


SABOTAGES = [
    # The case states another sum than was paid, or denied what was paid.
    Sabotage(
        "case_money_is_decided", "UPDATE decision SET amount_minor = 1 WHERE reason LIKE 'no_%'"
    ),
    Sabotage("case_money_is_decided", "UPDATE case_ SET state = 'denied' WHERE state = 'granted'"),
    Sabotage("case_money_is_decided", "DELETE FROM transfer WHERE key LIKE 'claim:%'"),
    Sabotage(
        "case_money_is_decided", "UPDATE case_ SET withheld_minor = 1 WHERE kind = 'withdrawal'"
    ),
    Sabotage(
        "case_money_is_decided",
        "INSERT INTO transfer (key, account, source, destination, amount_minor, currency)"
        " VALUES ('claim:nobody', 'alice', 'house:revenue', 'house:outside', 5, 'USD')",
    ),
    Sabotage("held_is_unsettled", "UPDATE case_ SET withheld_minor = 1 WHERE kind = 'withdrawal'"),
    # A timer without a case, a case in review without its review.
    Sabotage(
        "case_timers_ring_for_open_cases",
        "INSERT INTO timer (kind, subject, due_at)"
        " VALUES ('review_sla', '00000000-0000-0000-0000-000000000001', now())",
    ),
    Sabotage("case_timers_ring_for_open_cases", "DELETE FROM review"),
    # A case that waits without a timer.
    Sabotage(
        "case_timers_ring_for_open_cases",
        "DELETE FROM timer t USING case_ c WHERE c.id = t.subject AND c.state = 'waiting'",
    ),
    Sabotage(
        "case_timers_ring_for_open_cases", "UPDATE timer SET fired_at = now() WHERE kind LIKE 'ou%'"
    ),
    Sabotage("case_timers_ring_for_open_cases", "DELETE FROM timer WHERE kind = 'rental_end'"),
    Sabotage(
        "case_timers_ring_for_open_cases", "UPDATE review SET closed_at = NULL WHERE number = 1"
    ),
    Sabotage(
        "case_waits_with_a_date",
        'UPDATE obligation SET ended_at = NULL, "end" = NULL WHERE "end" = \'paid\'',
    ),
    Sabotage(
        "case_waits_with_a_date",
        "UPDATE obligation SET ended_at = now(), \"end\" = 'lost' WHERE ended_at IS NULL;"
        "UPDATE review SET closed_at = now() WHERE closed_at IS NULL; DELETE FROM timer",
    ),
    # What a customer owes until a date at which nothing rings.
    Sabotage("case_waits_with_a_date", "DELETE FROM timer WHERE kind = 'obligation'"),
    # An order in doubt that nobody would be told of, or without a date.
    Sabotage("case_waits_with_a_date", "DELETE FROM timer WHERE kind = 'rental_order_late'"),
    Sabotage("case_waits_with_a_date", "UPDATE rental_order SET decide_by = NULL"),
    Sabotage(
        "case_timers_ring_for_open_cases",
        "INSERT INTO timer (kind, subject, due_at)"
        " VALUES ('rental_order_late', '00000000-0000-0000-0000-000000000001', now())",
    ),
    # Money was given for an order that was replaced.
    Sabotage(
        "case_price_or_number",
        "INSERT INTO replacement (case_id, replaced, activation_id, linked_at)"
        " SELECT id, coalesce(activation_id, rental_id), gen_random_uuid(), now()"
        "   FROM case_ WHERE kind = 'claim' AND state = 'granted' LIMIT 1",
    ),
    Sabotage("case_rental_is_paid", "DELETE FROM transfer WHERE key LIKE 'rental:%'"),
    Sabotage("case_rental_is_paid", "UPDATE rental SET price_minor = 1"),
    Sabotage("case_rental_order_is_held", "DELETE FROM transfer WHERE key LIKE 'renthold:%'"),
    Sabotage("case_rental_order_is_held", "UPDATE rental_order SET price_minor = 1"),
    # It came to nothing, and its price did not go back.
    Sabotage(
        "case_rental_order_is_held",
        "UPDATE rental_order SET state = 'failed', failure = 'no_numbers', ended_at = now()",
    ),
]


async def cases_of_every_kind(shop: CaseShop) -> Case:
    """A case of every kind, open and closed."""
    await shop.open_account()
    await shop.open_claim(await shop.closed_activation("P1", "1"))
    ended = await shop.open_claim(
        await shop.delivered_activation("P1", "2"), "invalid_number", evidence=["photo"]
    )
    await shop.give_verdict(ended, grant=False)
    await shop.open_claim(
        await shop.delivered_activation("P3", "3"), "wrong_code", evidence=["photo"]
    )
    await shop.open_claim(await shop.delivered_activation("P3", "4"), "wrong_code")
    await shop.report_outage()
    await shop.store.cases.begin_rental_order(order(shop))
    await shop.store.cases.begin_rental_order(order(shop, "doubted"))
    await shop.store.cases.rental_order_unknown(order(shop, "doubted").id)
    paid = await shop.open_withdrawal("P4", "1", amount_minor=100)
    await shop.give_verdict(paid, grant=True)
    await shop.mark_paid(paid)
    return await shop.open_withdrawal("P4", "2", amount_minor=100)


async def violated(shop: CaseShop) -> set[str]:
    return {f.invariant for f in await shop.store.books.audit() if f.violations}


async def test_cases_of_every_kind_have_clean_books(shop: CaseShop) -> None:
    await cases_of_every_kind(shop)

    assert await violated(shop) == set()


@pytest.mark.parametrize("broken", SABOTAGES, ids=lambda broken: broken.sql[:40])
async def test_the_audit_finds_a_broken_case(broken_shop: CaseShop, broken: Sabotage) -> None:
    await cases_of_every_kind(broken_shop)

    await broken_shop.admin.execute(DISABLE_TRIGGERS + broken.sql)

    assert broken.invariant in await violated(broken_shop)


def test_every_invariant_of_cases_is_broken_here() -> None:
    ours = {name for name in audit.invariants() if name.startswith("case_")}

    assert ours == {s.invariant for s in SABOTAGES if s.invariant.startswith("case_")}


def test_the_audit_excludes_the_sla_timers() -> None:
    text = statement("audit/case_timers_ring_for_open_cases").text
    listed = re.search(r"t\.kind NOT IN \(([^)]*)\)", text)

    assert listed is not None
    assert set(re.findall(r"\w+", listed[1])) == {kind.value for kind in SLAS}


async def test_the_audit_finds_an_order_that_gave_back_more_than_its_price(
    broken_shop: CaseShop,
) -> None:
    await cases_of_every_kind(broken_shop)
    await broken_shop.admin.execute(DISABLE_TRIGGERS)
    await broken_shop.admin.execute(
        "UPDATE decision SET amount_minor = 351 WHERE outcome = 'credit';"
        "UPDATE transfer SET amount_minor = 351 WHERE key LIKE 'claim:%'"
    )

    assert "case_money_is_decided" in await violated(broken_shop)


async def test_decisions_and_evidence_cannot_be_deleted(broken_shop: CaseShop) -> None:
    await cases_of_every_kind(broken_shop)

    for table in ("decision", "evidence"):
        with pytest.raises(Exception, match="append-only"):
            await broken_shop.admin.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables


async def test_a_press_on_an_order_that_found_no_number_is_no_step_of_a_life(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    order = await shop.failed_order("P2")

    await shop.store.activations.press_cancel(order)

    assert [f.invariant for f in await shop.store.books.audit() if f.violations] == []
