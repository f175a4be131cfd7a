"""The audit finds what is wrong with cases: each invariant of theirs is broken by hand."""

import re
from typing import NamedTuple

import pytest

from tests.integration.cases.office import Office
from worker.adapters.store import audit
from worker.adapters.store.statements import statement
from worker.lifecycle.cases.asking import SLAS
from worker.ports.store.case_view import Case

DISARM = """
ALTER TABLE transfer DISABLE TRIGGER ALL;
ALTER TABLE decision DISABLE TRIGGER ALL;
"""


class Sabotage(NamedTuple):
    invariant: str
    sql: str


SABOTAGES = [
    # The case says another sum than was paid, or paid although it says no.
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
    # A date for nobody, a review nobody sees, one nobody asked for.
    Sabotage(
        "case_timers_ring_for_open_cases",
        "INSERT INTO timer (kind, subject, due_at)"
        " VALUES ('review_sla', '00000000-0000-0000-0000-000000000001', now())",
    ),
    Sabotage("case_timers_ring_for_open_cases", "DELETE FROM review"),
    # Something that waits for a date which never comes.
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
    Sabotage("case_rental_is_paid", "DELETE FROM transfer WHERE key LIKE 'rental:%'"),
    Sabotage("case_rental_is_paid", "UPDATE rental SET price_minor = 1"),
]


async def everything(office: Office) -> Case:
    """A case of every kind, open and closed."""
    await office.open()
    await office.claim(await office.closed("P1", "1"))
    ended = await office.claim(
        await office.delivered("P1", "2"), "invalid_number", evidence=["photo"]
    )
    await office.verdict(ended, grant=False)
    await office.claim(await office.delivered("P3", "3"), "wrong_code", evidence=["photo"])
    await office.outage()
    paid = await office.withdraw("P4", "1", amount_minor=100)
    await office.verdict(paid, grant=True)
    await office.paid(paid)
    return await office.withdraw("P4", "2", amount_minor=100)


async def violated(office: Office) -> set[str]:
    return {f.invariant for f in await office.store.books.audit() if f.violations}


async def test_cases_of_every_kind_have_clean_books(office: Office) -> None:
    await everything(office)

    assert await violated(office) == set()


@pytest.mark.parametrize("broken", SABOTAGES, ids=lambda broken: broken.sql[:40])
async def test_a_broken_case_is_noticed(broken_office: Office, broken: Sabotage) -> None:
    await everything(broken_office)

    await broken_office.admin.execute(DISARM + broken.sql)

    assert broken.invariant in await violated(broken_office)


def test_every_invariant_of_cases_is_broken_here() -> None:
    ours = {name for name in audit.invariants() if name.startswith("case_")}

    assert ours == {one.invariant for one in SABOTAGES if one.invariant.startswith("case_")}


def test_the_audit_knows_which_timers_move_nothing() -> None:
    text = statement("audit/case_timers_ring_for_open_cases").text
    told = re.search(r"t\.kind NOT IN \(([^)]*)\)", text)

    assert told is not None
    assert set(re.findall(r"\w+", told[1])) == {kind.value for kind in SLAS}


async def test_no_order_gives_back_more_than_its_price(broken_office: Office) -> None:
    await everything(broken_office)
    await broken_office.admin.execute(DISARM)
    await broken_office.admin.execute(
        "UPDATE decision SET amount_minor = 351 WHERE outcome = 'credit';"
        "UPDATE transfer SET amount_minor = 351 WHERE key LIKE 'claim:%'"
    )

    assert "case_money_is_decided" in await violated(broken_office)


async def test_decisions_and_evidence_are_never_rewritten(broken_office: Office) -> None:
    await everything(broken_office)

    for table in ("decision", "evidence"):
        with pytest.raises(Exception, match="append-only"):
            await broken_office.admin.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables
