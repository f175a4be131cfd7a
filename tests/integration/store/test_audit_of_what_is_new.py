"""The daemon's audit reads what is new since its last proof, and everything once a day."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.fakes.reporter import RecordingReporter
from tests.integration.store.shop import ALICE, Shop
from tests.integration.store.test_store_audit import DISARM
from tests.unit.lifecycle.scripted import OwnTime
from worker.adapters.store import audit as questions
from worker.adapters.store import proofs
from worker.domain.ids import ActivationId
from worker.lifecycle.audit import WHOLE_EVERY, Audit
from worker.ports.reporter import JobResult

CODE = "INSERT INTO code VALUES ($1, 'x', 1, '77', NULL, now())"


@pytest.fixture
async def audit(broken_shop: Shop) -> AsyncIterator[Audit]:
    made = Audit(
        books=broken_shop.store.books,
        reporter=RecordingReporter(),
        clock=OwnTime().clock(),
        patience=timedelta(seconds=60),
    )
    await broken_shop.open(ALICE, 1000)
    yield made
    await made.close()


async def found(audit: Audit) -> dict[str, tuple[str, ...]]:
    """What the next round of the daemon tells."""
    assert await audit.tick() is JobResult.DONE
    assert isinstance(audit.reporter, RecordingReporter)
    findings = audit.reporter.of("audited")[-1]
    assert {one.invariant for one in findings} == set(questions.invariants())
    return {one.invariant: one.offenders for one in findings if one.violations}


async def refunded(shop: Shop, ref: str) -> ActivationId:
    """A number that ended without a code."""
    number = await shop.rent(ref)
    due = await shop.expire()
    assert [one.id for one in due] == [number]
    await shop.refund(number)
    return number


async def test_an_old_row_that_is_broken_is_found_within_a_day_and_a_new_one_at_once(
    broken_shop: Shop, audit: Audit
) -> None:
    old = await refunded(broken_shop, "old")
    assert await found(audit) == {}

    await broken_shop.admin.execute(CODE, old)
    assert await found(audit) == {}, "nothing of the old number is new"
    new = await refunded(broken_shop, "new")
    await broken_shop.admin.execute(CODE, new)
    both = tuple(sorted((str(old), str(new))))
    assert await found(audit) == {"code_shown_in_time": both, "no_code_before_credit": both}, (
        "what is found is then looked for everywhere"
    )
    await broken_shop.admin.execute("DELETE FROM code WHERE activation_id = $1", new)
    assert set(await found(audit)) == {"code_shown_in_time", "no_code_before_credit"}, (
        "and until it is mended"
    )
    await broken_shop.admin.execute("DELETE FROM code")
    assert await found(audit) == {}

    await broken_shop.admin.execute(CODE, old)
    assert await found(audit) == {}
    await broken_shop.admin.execute("UPDATE audit_proof SET whole_at = now() - interval '1 day'")
    assert await found(audit) == {
        "code_shown_in_time": (str(old),),
        "no_code_before_credit": (str(old),),
    }


async def test_balances_are_proven_from_the_sums_that_were(broken_shop: Shop, audit: Audit) -> None:
    await refunded(broken_shop, "1")
    assert await found(audit) == {}
    await refunded(broken_shop, "2")
    assert await found(audit) == {}
    await refunded(broken_shop, "3")
    assert await found(audit) == {}
    opening = "SELECT available_minor || '/' || held_minor FROM audit_opening"
    assert await broken_shop.one(opening) == "1000/0"

    # Nothing is new, and no proof is old: it is the sums that tell.
    await broken_shop.admin.execute(
        "UPDATE balance SET amount_minor = amount_minor + 1 WHERE bucket = 'available'"
    )
    assert await found(audit) == {"balance_is_sum_of_transfers": ("available:alice",)}


async def test_a_row_is_not_passed_by_while_its_transaction_goes_on(
    broken_shop: Shop, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "WRITER_S", 0.05)
    number = await refunded(broken_shop, "1")
    assert await found(audit) == {}
    forged = "INSERT INTO transition (activation_id, what, state) VALUES ($1, 'x', 'waiting')"
    slow = await asyncpg.connect(broken_shop.url)
    writing = slow.transaction()
    await writing.start()
    await slow.execute(forged, number)
    await refunded(broken_shop, "2")  # Its numbers are higher, and seen.
    assert await found(audit) == {}

    await writing.commit()
    await slow.close()

    assert set(await found(audit)) == {"transitions_follow_moves"}


async def test_much_that_is_new_is_read_in_bites(
    broken_shop: Shop, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "BITE", proofs.Marks(*[3] * 5))
    assert await found(audit) == {}
    numbers = [await refunded(broken_shop, str(ref)) for ref in range(4)]
    await broken_shop.admin.execute(DISARM)
    lost = "UPDATE settlement SET amount_minor = 1 WHERE activation_id = $1"
    await broken_shop.admin.execute(lost, numbers[1])

    assert await found(audit) == {"final_has_one_settlement": (str(numbers[1]),)}


def test_of_each_invariant_it_is_said_what_has_to_be_read_again() -> None:
    assert set(questions.READS) == set(questions.invariants())


MANY = """
INSERT INTO account (account, currency) SELECT 'a' || n, 'USD' FROM generate_series(0, 99) n;
INSERT INTO activation (id, provider, provider_ref, account, service, country, price_minor,
        currency, policy, policy_version, charge, state, settled, provider_state, rented_at,
        window_seconds, deadline_at, ending_at)
    SELECT md5(n::text)::uuid, 'p', n, 'a' || n % 100, 's', 'c', 25, 'USD', 'd', '1', 'hold',
           'refunded', true, 'cancelled', now(), 1200, now(), now()
      FROM generate_series(1, 20000) n;
INSERT INTO settlement (activation_id, outcome, amount_minor, reason)
    SELECT id, 'refunded', 25, 'timeout' FROM activation;
INSERT INTO code (activation_id, hash, number) SELECT id, 'x', 1 FROM activation;
INSERT INTO transition (activation_id, what, state)
    SELECT id, what, state FROM activation, unnest(ARRAY['accepted', 'expiring']) what;
INSERT INTO event (subject, type, activation_id, payload, state)
    SELECT id, 'activation.refunded', id, '{}', 'sent' FROM activation;
INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT kind || ':' || id, account, id, 'available:' || account, 'held:' || account, 25, 'USD'
      FROM activation, unnest(ARRAY['hold', 'release']) kind;
SELECT brin_summarize_new_values('transfer_number'), brin_summarize_new_values('transition_number');
ANALYZE;
"""
BIG = {"activation", "settlement", "transition", "event", "transfer", "code"}


async def test_what_is_new_is_read_by_index(
    broken_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the plans that are really run, none reads a big table as a whole."""
    admin = broken_shop.admin
    await admin.execute(MANY)
    await admin.execute(
        "INSERT INTO audit_proof SELECT name, now(), 39990, 39990, 19990, 0, 0"
        " FROM unnest(CAST($1 AS text[])) name",
        list(questions.invariants()),
    )
    whole: list[str] = []

    async def explained(
        connection: AsyncConnection, question: TextClause, given: questions.Given
    ) -> Mapping[str, Any]:
        compiled = question.compile(dialect=connection.dialect)
        values = [given[name] for name in compiled.positiontup or ()]
        driver: Any = (await connection.get_raw_connection()).driver_connection
        plan = await driver.fetchval(f"EXPLAIN (FORMAT JSON) {compiled}", *values)
        pending = [plan[0]["Plan"]]
        while pending:
            node = pending.pop()
            pending += node.get("Plans", ())
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG:
                whole.append(f"{node['Relation Name']}: {compiled}"[:300])
        return await fetch(connection, question, given)

    fetch = questions.fetch_patiently
    monkeypatch.setattr(questions, "fetch_patiently", explained)
    await broken_shop.store.books.check_new(WHOLE_EVERY)

    assert whole == []
