"""Books of long ago: whatever a test wrote is moved back to January 2020, to be closed."""

from datetime import UTC, datetime

from tests.integration.store.shop import Shop
from worker.adapters.store.periods import OrdersOver

UNTIL = datetime(2020, 2, 1, tzinfo=UTC)
#: No claim is made under the policy of these tests.
ALL_OVER: OrdersOver = {("default", "1"): UNTIL}

#: The guards of the books are out of the way, as only a superuser may have them.
AGED = """
SET session_replication_role = replica;
UPDATE transfer SET at = '2020-01-01', booked_at = '2020-01-01';
UPDATE transition SET at = CASE what WHEN 'accepted' THEN timestamptz '2020-01-01'
                                     ELSE at - interval '6 years' END;
UPDATE settlement SET at = at - interval '6 years';
UPDATE decision SET at = at - interval '6 years';
UPDATE code SET received_at = received_at - interval '6 years';
UPDATE event SET at = at - interval '6 years';
UPDATE live SET ends_at = ends_at - interval '6 years';
UPDATE activation SET rented_at = rented_at - interval '6 years', created_at = '2020-01-01',
       expired_at = expired_at - interval '6 years',
       deadline_at = deadline_at - interval '6 years', ending_at = ending_at - interval '6 years';
SET session_replication_role = origin;
"""
#: Their providers are done with them, and every date has come.
RESTED = """
UPDATE activation SET pursue_at = NULL, provider_state = CASE state WHEN 'delivered' THEN 'finished'
                                                                    ELSE 'cancelled' END
 WHERE settled;
UPDATE exposure SET state = 'resolved', ended_at = now();
UPDATE timer SET fired_at = now();
"""
#: Why number $1 does not rest.
NOT_AT_REST = {
    "a call is owed to its provider": "UPDATE activation SET pursue_at = now() WHERE id = $1",
    "it is disputed": "UPDATE activation SET provider_state = 'disputed' WHERE id = $1",
    "its price may be lost": """
        INSERT INTO exposure (activation_id, provider, amount_minor, currency)
        VALUES ($1, 'sim', 1, 'USD')""",
    "the provider says otherwise": """
        INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)
        VALUES ($1, 'sim', 'cancelled', 'charged', 1, 'USD')""",
    "a date of it is to come": """
        INSERT INTO timer (kind, subject, due_at) VALUES ('claim_window', $1, now())""",
}
CASE = """
INSERT INTO case_ (id, kind, subject, account, content_hash, state, facts, policy, policy_version,
                   opened_at, closed_at, activation_id)
SELECT gen_random_uuid(), 'claim', 'x', 'alice', 'h', state, '{}', 'default', '1', now(), closed_at,
       $1
  FROM (VALUES ('waiting', NULL), ('denied', now())) c (state, closed_at) WHERE state = $2
"""


async def grow_old(shop: Shop) -> None:
    await shop.admin.execute(RESTED + AGED)


async def violated(shop: Shop) -> dict[str, tuple[str, ...]]:
    return {f.invariant: f.offenders for f in await shop.store.books.audit() if f.violations}
