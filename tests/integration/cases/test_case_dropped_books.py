"""Claims that entries of the books would decide which were dropped: a human decides."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.integration.store.old_books import AGED, RESTED
from worker.adapters.store.periods import Periods
from worker.ports.store.case_view import Case, CaseState
from worker.ports.store.rentals import Rental

CARRIED = """
INSERT INTO transfer (key, account, source, destination, amount_minor, currency)
VALUES ('carried:alice:99', 'alice', 'available:alice', 'house:revenue', 1, 'USD');
UPDATE balance SET amount_minor = amount_minor - 1
 WHERE account = 'alice' AND bucket = 'available';
"""
#: A release leaves nothing behind, so a drop of what is that old counts, whatever it took.
LONG_AGO = """
ALTER TABLE transfer DISABLE TRIGGER transfer_append_only;
UPDATE transfer SET at = at - interval '2 years', booked_at = booked_at - interval '2 years'
 WHERE key LIKE 'claim:%';
ALTER TABLE transfer ENABLE TRIGGER transfer_append_only;
"""
DROPPING = """
INSERT INTO book_period (id, until, transfer_id, transition_seq, decision_seq, evidence_seq,
                         exported_at, dropping_since)
VALUES (1, now(), 1000000, 0, 0, 0, now(), now());
"""
DROPPED = {
    "an entry since the credit was carried": CARRIED,
    "the credit is older than what a drop leaves whole": LONG_AGO + DROPPING,
}
KEPT = {
    "nothing was dropped": "SELECT",
    "the credit is younger than what a drop takes": DROPPING,
    "nothing is dropped of what is that old": LONG_AGO,
}


async def asked_after(shop: CaseShop, sql: str) -> Case:
    """A claim to the wallet about a rental of which 300 were credited before."""
    await shop.open_account(amount_minor=1000)
    rental: Rental = await shop.book_rental(policy="P4")
    await shop.give_verdict(await shop.report_outage(), grant=True, amount_minor=300)
    await shop.admin.execute(sql)
    return await shop.open_rental_claim(
        rental, "invalid_number", evidence=["photo"], destination="wallet"
    )


@pytest.mark.parametrize("why", DROPPED)
async def test_a_credit_that_may_be_spent_in_dropped_entries_is_a_humans(
    shop: CaseShop, why: str
) -> None:
    case = await asked_after(shop, DROPPED[why])

    last = case.decisions[-1]
    assert (last.outcome, last.reason, last.amount_minor) == ("needs_review", "cause_unknown", 0)
    assert (await shop.give_verdict(case, grant=True)).rejected is not None, "he names the sum"
    await shop.give_verdict(case, grant=True, amount_minor=700)
    assert (await shop.case(case.id)).state is CaseState.GRANTED


@pytest.mark.parametrize("why", KEPT)
async def test_a_credit_whose_entries_are_all_there_is_counted(shop: CaseShop, why: str) -> None:
    case = await asked_after(shop, KEPT[why])

    assert (case.decisions[-1].reason, case.decisions[-1].amount_minor) == ("judge_evidence", 950)


async def test_a_claim_about_a_dropped_number_is_a_humans_unless_it_is_late(
    shop: CaseShop, tmp_path: Path
) -> None:
    await shop.open_account(amount_minor=1000)
    ids = [await shop.closed_activation("P4", ref) for ref in ("1", "2")]
    await shop.admin.execute(RESTED + AGED)
    periods, until = Periods(shop.url), datetime(2020, 5, 1, tzinfo=UTC)
    await periods.close(until)
    await periods.export(tmp_path)
    assert (await periods.drop({("P4", shop.policies["P4"].version): until})).numbers == 2
    await periods.close_pool()

    backdated = await shop.open_claim(ids[0], claim_at="2020-03-02T11:00:00+00:00")
    late = await shop.open_claim(ids[1])

    assert [case.decisions[-1].reason for case in (backdated, late)] == [
        "cause_unknown",
        "claim_window_closed",
    ]
