"""The hot statements on 20,000 rows: their plans read what is due, not what was ever stored."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.store.shop import Shop
from worker.adapters.store import rows
from worker.adapters.store.database import statement

ROWS = """
INSERT INTO account (account, currency) SELECT 'a' || n, 'USD' FROM generate_series(0, 99) n;
INSERT INTO balance (account, bucket, amount_minor)
    SELECT 'a' || n, bucket, 1000000 FROM generate_series(0, 99) n,
           unnest(ARRAY['available', 'held']) bucket;
INSERT INTO activation (id, provider, provider_ref, account, service, country, price_minor,
        currency, policy, policy_version, charge, state, settled, rented_at, window_seconds,
        deadline_at, ending_at, pursue_at)
    SELECT md5(n::text)::uuid, 'p' || n % 3, n, 'a' || n % 100, 's', 'c', 25, 'USD', 'd', '1',
           'hold', CASE WHEN n > 19000 THEN 'waiting' ELSE 'refunded' END, n <= 19000,
           now() - make_interval(secs => 40000 - 2 * n), 1200,
           now() - make_interval(secs => 38800 - 2 * n),
           now() - make_interval(secs => 38800 - 2 * n),
           CASE WHEN n <= 19000 AND n % 200 = 0 THEN now() END
      FROM generate_series(1, 20000) n;
INSERT INTO settlement (activation_id, outcome, amount_minor, reason, at)
    SELECT id, 'refunded', 25, 'timeout', ending_at FROM activation WHERE settled;
INSERT INTO code (activation_id, hash, number) SELECT id, 'x', 1 FROM activation WHERE settled;
INSERT INTO event (subject, type, payload, state)
    SELECT id, 'activation.refunded', '{}', 'sent' FROM activation WHERE settled;
INSERT INTO transition (activation_id, what, state) SELECT id, 'accepted', 'waiting'
    FROM activation;
INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'hold:' || id, account, id, 'available:' || account, 'held:' || account, 25, 'USD'
      FROM activation;
ANALYZE;
"""
IDS = "ARRAY[md5('19901')::uuid, md5('19902')::uuid]"
PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
BIG = {"activation", "transfer", "settlement", "transition", "code", "event"}
ANY = {"activation_pkey"}
DUE = ANY  #: What lives is found in `live`, and then by its id.
ALL_OF_ACCOUNT = DUE | {"activation_of_account"}


@dataclass(frozen=True)
class Plan:
    """What a statement reads of the big tables, and how."""

    scans: frozenset[tuple[str, str]]  #: (table, index, or the kind of scan)

    @property
    def whole_tables(self) -> set[str]:
        return {table for table, how in self.scans if how == "Seq Scan"}

    def indexes_on(self, table: str) -> set[str]:
        return {how for name, how in self.scans if name == table}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def plan_of(explained: str) -> Plan:
    scans = set()
    for node in nodes(json.loads(explained)[0]["Plan"]):
        index: str | None = node.get("Index Name")
        table: str | None = node.get("Relation Name")
        if table is None and index is not None:  # A bitmap index scan.
            table = index.split("_")[0]
        if (
            table is not None
            and table in BIG
            and node["Node Type"] not in {"Bitmap Heap Scan", "ModifyTable"}
        ):
            scans.add((table, index or node["Node Type"]))
    return Plan(frozenset(scans))


async def generic_plan(shop: Shop, sql: str) -> Plan:
    """What PostgreSQL settles on after a few executions, when it looks at no value any more."""
    names = list(dict.fromkeys(PARAMETER.findall(sql)))

    def numbered(name: re.Match[str]) -> str:
        # The driver names the type of every text, too.
        kind = "::text" if name[1] in {"provider", "account", "event_state", "service"} else ""
        return f"${names.index(name[1]) + 1}{kind}"

    await shop.admin.execute("PREPARE hot AS " + PARAMETER.sub(numbered, sql))
    await shop.admin.execute("SET plan_cache_mode = force_generic_plan")
    nothing = ", ".join(["NULL"] * len(names))
    plan = plan_of(await shop.one(f"EXPLAIN (FORMAT JSON) EXECUTE hot({nothing})"))
    await shop.admin.execute("DEALLOCATE hot; RESET plan_cache_mode")
    return plan


async def custom_plan(shop: Shop, sql: str, values: dict[str, str]) -> Plan:
    filled = PARAMETER.sub(lambda name: values.get(name[1], "NULL"), sql)
    return plan_of(await shop.one("EXPLAIN (FORMAT JSON) " + filled))


VALUES = {
    "provider": "'p1'",
    "limit": "100",
    "lease": "interval '30s'",
    "grace": "interval '60s'",
    "behind": "interval '2s'",
    "by": "interval '2s'",
    "ids": IDS,
    "providers": "ARRAY['p1', 'p2']",
    "refs": "ARRAY['19999', '19998']",
    "listed": "ARRAY['19999', '19998']",
    "rented_before": "now()",
    "since": "now()",
    "epochs": "ARRAY[0]",
    "ended_for": "interval '10m'",
    "delays": "ARRAY[interval '1s']",
    "too_early": "ARRAY[false]",
    "unknown_reads": "ARRAY[0]",
    "states": "ARRAY['refunded']",
    "provider_states": "ARRAY['cancelled']",
    "sources": "ARRAY['expiring']",
    "outcomes": "ARRAY['refunded']",
    "reasons": "ARRAY['timeout']",
    "act_after": "ARRAY[interval '1s']",
    "exposed": "ARRAY[false]",
    "event_state": "'pending'",
    "accounts": "ARRAY['a1']",
    "sample": "1000",
    "account": "'a1'",
    "final": "19000",
    "until": "19000",
    "before": "19000",
    "span": "1000",
    "kept": "true",
    "subjects": "ARRAY['one']",
}

HOT = {
    "settlements/lease_cancels": DUE,
    "settlements/lease_pursuits": {"activation_pursued", "activation_ref"},
    "settlements/still_leased": {"activation_ref"},
    "settlements/due_deliveries": DUE,
    "settlements/past_grace": DUE,
    "settlements/mark_expired": DUE,
    "settlements/behind": DUE,
    "settlements/next_due": DUE | {"activation_pursued"},
    "settlements/foreign_rows": DUE | {"activation_pursued"},
    "activations/live_numbers": DUE,
    "activations/live_since": {"activation_pkey"},
    "activations/missing_from": DUE,
    "activations/whole": {"activation_pkey"},
    "settlements/settle": {"activation_pkey"},
    "settlements/postpone": {"activation_pkey"},
    "settlements/resolve": {"activation_pkey"},
    "instances/free_leases": DUE | {"activation_pursued"},
    "activations/press_cancel": {"activation_pkey"},
    "activations/ask_finish": {"activation_pkey"},
    "settlements/due_delivery": {"activation_pkey"},
    "settlements/provider_ended": {"activation_pkey"},
    "activations/known_refs": {"activation_ref"},
    "activations/lock_for_codes": {"activation_ref", "activation_pkey"},
    "activations/lock_free_for_codes": {"activation_ref", "activation_pkey"},
    "activations/known_codes": {"activation_ref", "activation_pkey"},
    "purchases/unknown_rows": {"activation_ref"},
    "purchases/numbers_of_history": {"activation_ref"},
    "purchases/correct_by_history": {"activation_pkey"},
    "books/overdue_numbers": DUE,
    "books/newest_canary": {"activation_of_account"},
    "outbox/lease_events": set(),
    "outbox/events_sent": set(),
    "outbox/events_failed": set(),
    "outbox/events_after": set(),
    "outbox/events_after_of_subjects": set(),
    "outbox/newest_events": set(),
    "outbox/newest_events_of_subjects": set(),
    "outbox/looked_up_to": set(),
    "outbox/looked_back_to": set(),
    "outbox/seen_without_gap": set(),
    "books/entries": set(),
}


async def test_hot_statements_read_no_whole_table(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)

    wrong = {}
    for name, indexes in HOT.items():
        sql = statement(name).text
        for plan in (
            await custom_plan(broken_shop, sql, VALUES),
            await generic_plan(broken_shop, sql),
        ):
            if plan.whole_tables or not plan.indexes_on("activation") <= indexes | ANY:
                wrong[name] = plan

    assert wrong == {}


async def test_a_list_of_one_account_reads_that_account(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)

    plan = await generic_plan(broken_shop, rows.newest(frozenset({"account"})).text)

    assert plan.indexes_on("activation") == {"activation_of_account"}


#: What is asked of one account's past, and the indexes of its transfers that may be read for it.
OF_ACCOUNT = {
    "cases/record_account": {"transfer_of_account"},
    "cases/record_money": {"transfer_of_account", "transfer_topup", "transfer_pkey"},
    "cases/lowest_balance": {"transfer_of_account"},
    "cases/bind_account": set(),
    "cases/blocked_may_order": set(),
    "books/account": set(),
    "books/accounts": set(),
    "books/open_account": set(),
    "books/dated_account": {"transfer_of_account"},
    "books/undated_accounts": {"transfer_of_account"},
}


async def test_what_is_asked_of_an_account_reads_that_account(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)
    told = {"since": "19000", "spent": "true", "keeping": "ARRAY['d']", "now": "now()"}
    told |= {"subject": "md5('1')::uuid", "currency": "'USD'", "default": "'d'", "policy": "'d'"}

    wrong = {}
    for name, indexes in OF_ACCOUNT.items():
        plan = await custom_plan(broken_shop, statement(name).text, VALUES | told)
        read = plan.indexes_on("transfer") - indexes
        if plan.whole_tables or read or not plan.indexes_on("activation") <= ALL_OF_ACCOUNT:
            wrong[name] = plan

    assert wrong == {}


async def test_timers_read_what_was_settled_since_and_no_more(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)
    filled = PARAMETER.sub(
        lambda name: VALUES.get(name[1], "NULL"), statement("cases/unseeded_windows").text
    )

    explained = await broken_shop.one("EXPLAIN (FORMAT JSON) " + filled)

    plan = list(nodes(json.loads(explained)[0]["Plan"]))
    conditions = [
        node.get("Index Cond", "") for node in plan if node.get("Relation Name") == "settlement"
    ]
    assert conditions
    # Both ends known before the index is read, and its order kept: it stops at the limit.
    # Versions show what another part of the plan finds as `$2` or as `(InitPlan 2).col1`.
    ends = [re.compile(r"at > [($]"), re.compile(r"at <= [($]")]
    assert all(end.search(one) for one in conditions for end in ends), conditions
    assert "Sort" not in {node["Node Type"] for node in plan}


async def test_a_whole_table_would_be_noticed(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)

    plan = await generic_plan(broken_shop, "SELECT * FROM activation WHERE policy = :service")

    assert plan.whole_tables == {"activation"}


#: 20,000 purchases of long ago that nobody ever proved, and whose exposure a person ended; one that
#: is in doubt now.
NEVER_PROVEN = """
INSERT INTO purchase (id, content_hash, account, provider, "order", price_minor, currency, state,
        asked_at)
    SELECT md5(n::text)::uuid, 'h', 'a' || n % 100, 'p' || n % 3, '{}', 25, 'USD', 'unknown',
           CASE WHEN n = 19001 THEN now() ELSE now() - interval '90 days' END
      FROM generate_series(1, 19001) n;
SET session_replication_role = replica;
UPDATE activation SET provider_ref = NULL WHERE id IN (SELECT id FROM purchase);
SET session_replication_role = origin;
INSERT INTO exposure (activation_id, provider, amount_minor, currency, state, ended_at)
    SELECT id, provider, 25, 'USD', 'loss', now() FROM purchase WHERE asked_at < now();
ANALYZE;
"""
READS_MAX = 1500  #: Rows; there are 1,000 live numbers.


@pytest.mark.parametrize("name", ["purchases/open_purchases", "books/purchases_in_doubt"])
async def test_purchases_that_were_in_doubt_long_ago_are_not_read(
    broken_shop: Shop, name: str
) -> None:
    await broken_shop.admin.execute(ROWS)
    await broken_shop.admin.execute(NEVER_PROVEN)
    values = VALUES | {"settled_for": "interval '20m'", "provider": "'p1'"}
    filled = PARAMETER.sub(lambda named: values[named[1]], statement(name).text)

    explained = await broken_shop.one("EXPLAIN (ANALYZE, FORMAT JSON) " + filled)

    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(json.loads(explained)[0]["Plan"])
        if "Relation Name" in node
    )
    assert read <= READS_MAX


#: As if all of it were written lean.
LEAN = """
SET session_replication_role = replica;
CREATE TEMP TABLE one AS SELECT * FROM activation ORDER BY rented_at;
DELETE FROM activation;
UPDATE one SET accepted_seq = provider_ref::bigint, expired_seq = provider_ref::bigint,
       expired_at = rented_at;
INSERT INTO activation SELECT * FROM one ORDER BY rented_at;
CREATE TEMP TABLE two AS
    SELECT s.*, provider_ref::bigint AS place FROM settlement s JOIN one ON id = activation_id;
DELETE FROM settlement;
INSERT INTO settlement (activation_id, outcome, amount_minor, reason, at, seq)
    SELECT activation_id, outcome, amount_minor, reason, at, place FROM two ORDER BY place;
SET session_replication_role = origin;
"""


async def test_the_lines_of_a_period_read_no_whole_table(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS + LEAN)
    await broken_shop.admin.execute("VACUUM ANALYZE activation, settlement, transition")

    plan = await custom_plan(
        broken_shop, "SELECT * FROM timeline WHERE seq > 15000 AND seq <= 15100", {}
    )

    newer = broken_shop.admin.get_server_version().major >= 16
    of_expired = "activation_expired" if newer else "Seq Scan"
    assert plan.indexes_on("activation") == {"activation_accepted", of_expired}
    assert plan.indexes_on("settlement") == {"settlement_number"}
