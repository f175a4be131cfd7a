"""What is read of an account with much behind it: what its policy counts, and no more."""

import json
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW
from worker.adapters.store import presses
from worker.domain.activation import CancelAnswer, State
from worker.domain.ids import ActivationId
from worker.domain.policy.at_intake import CancelTerms
from worker.domain.policy.language.loading import profile_from
from worker.domain.price_fate import PriceFate
from worker.lifecycle.cancel_by_policy import CancelByPolicy
from worker.lifecycle.outcome import PolicyOutcomes, ending
from worker.ports.store.case_record import RecordedSum, TakenOrder

MINUTE = timedelta(minutes=1)
AUTOMATIC = {"auto_credit_mode": "automatic"}
DEFECT = {"defect": {"decided": "review"}}
OWN: dict[str, dict[str, Any]] = {
    "daily": {"sms": AUTOMATIC, "cancel": {"button": True, "max_per_day": 2}},
    "share": {
        "sms": AUTOMATIC,
        "cancel": {"button": True, "max_ratio_bp": 5000, "ratio_of": 10},
    },
    "yearly": {
        "sms": AUTOMATIC,
        "cancel": {"button": True},
        "limits": [{"of": "cancel", "per": "year", "max_count": 20_000}],
        "claims": {"kinds": DEFECT},
    },
    "granting": {
        "sms": AUTOMATIC,
        "claims": {"kinds": {"defect": {"decided": "grant"}}},
        "limits": [{"of": "defect", "per": "month", "max_count": 2, "then": "deny"}],
    },
    "limited": {
        "sms": AUTOMATIC,
        "limits": [{"of": "auto_credit", "per": "day", "max_count": 1}],
    },
    "claims": {
        "sms": AUTOMATIC,
        "claims": {"kinds": DEFECT},
        "limits": [{"of": "claim", "per": "day", "max_count": 2}],
    },
}
#: Cancelled and credited, one each hour, the newest :age before Monday.
PAST = """
WITH one AS (SELECT * FROM activation ORDER BY rented_at LIMIT 1),
past AS (
    INSERT INTO activation (id, provider, provider_ref, account, service, country, price_minor,
           currency, policy, policy_version, charge, state, settled, reason, rented_at,
           window_seconds, deadline_at, ending_at, provider_state)
    SELECT gen_random_uuid(), provider, 'past-' || gen_random_uuid(), account, service, country,
           price_minor, currency, policy, policy_version, charge, 'refunded', true, 'cancel',
           at, window_seconds, at + interval '20 minutes', at + interval '1 minute', 'cancelled'
      FROM one, LATERAL (SELECT one.rented_at - $2::interval - n * interval '1 hour' AS at
                           FROM generate_series(1, $1) n) each
    RETURNING id, rented_at, price_minor
)
INSERT INTO settlement (activation_id, outcome, amount_minor, reason, at)
SELECT id, 'refunded', price_minor, 'cancel', rented_at + interval '1 minute' FROM past
"""
READ = text(
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables"
)


def open_shop(shop: CaseShop) -> None:
    own = {name: profile_from(made, name=name, file=name) for name, made in OWN.items()}
    shop.start_again({**shop.policies, **own})


async def cancelled_before(shop: CaseShop, orders: int, ago: timedelta = DAY) -> None:
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute(PAST, orders, ago)
    await shop.admin.execute("SET session_replication_role = DEFAULT")
    await shop.admin.execute("ANALYZE")


async def press(shop: CaseShop, id_: ActivationId) -> CancelAnswer:
    at = MONDAY + MINUTE
    pressed = await shop.policy_book.judged(
        lambda of: shop.store.activations.press_judged(id_, CancelByPolicy(of), now=at)
    )
    assert pressed is not None
    return pressed.answer


async def rows_read_by_press(shop: CaseShop, id_: ActivationId) -> int:
    async def work(connection: AsyncConnection) -> int:
        judge = CancelByPolicy(shop.policy_book.of)
        await presses.press_judged(connection, id_, judge, MONDAY + MINUTE)
        return int((await connection.execute(READ)).scalar_one())

    return await shop.store.db.write(work)


@pytest.mark.parametrize("policy", ["daily", "share"])
async def test_a_press_costs_as_much_after_two_thousand_orders_as_after_ten(
    broken_shop: CaseShop, policy: str
) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    first, second = await shop.rent_number(policy, "1"), await shop.rent_number(policy, "2")
    await cancelled_before(shop, 10)
    after_ten = await rows_read_by_press(shop, first)
    await cancelled_before(shop, 2000, 2 * DAY)

    assert await rows_read_by_press(shop, second) < 2 * after_ten


async def test_an_account_with_more_orders_than_a_list_may_have_presses_and_claims(
    broken_shop: CaseShop,
) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    delivered = await shop.delivered_activation("yearly", "1")
    await cancelled_before(shop, 6000)
    pressed = await shop.rent_number("yearly", "2")

    assert await press(shop, pressed) is CancelAnswer.ACCEPTED
    assert (await shop.open_claim(delivered, "defect")).state.value == "in_review"


async def test_a_limit_counts_every_deed_of_its_span(broken_shop: CaseShop) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("daily")
    await cancelled_before(shop, 3, -MINUTE)
    assert await press(shop, id_) is CancelAnswer.LIMIT


async def test_what_lies_before_its_span_is_not_counted(broken_shop: CaseShop) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("daily")
    await cancelled_before(shop, 3)

    assert await press(shop, id_) is CancelAnswer.ACCEPTED


async def test_a_decision_keeps_sums_and_no_history(broken_shop: CaseShop) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    few = await shop.delivered_activation("claims", "1")
    await cancelled_before(shop, 2000)
    await shop.open_claim(few, "defect")

    assert await shop.fetch_value("SELECT max(octet_length(facts::text)) FROM decision") < 3000


async def test_a_claim_over_a_limit_keeps_the_sum_that_exceeded_it(shop: CaseShop) -> None:
    open_shop(shop)
    await shop.open_account(amount_minor=5000)
    ids = [await shop.closed_activation("granting", str(n)) for n in range(3)]
    claims = [await shop.open_claim(id_, "defect") for id_ in ids]

    assert [claim.state.value for claim in claims] == ["granted", "granted", "denied"]
    newest = "SELECT facts -> 'history' FROM decision ORDER BY seq DESC LIMIT 1"
    kept = await shop.fetch_value(newest)
    assert json.loads(kept) == [
        {"what": "claim", "kind": "defect", "at": ANY, "amount_minor": 2 * PRICE, "times": 2}
    ]


async def test_a_press_refused_again_is_written_once(broken_shop: CaseShop) -> None:
    shop = broken_shop
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    judged = await shop.rent_number("daily", "1")
    early = CancelTerms(from_s=600)
    timed = await shop.rent_number("P3", "2", cancel=early)
    await cancelled_before(shop, 3, -MINUTE)
    for _ in range(5):
        await press(shop, judged)
        await shop.store.activations.press_cancels([timed], now=MONDAY + MINUTE)

    counted = "SELECT count(*) FROM transition WHERE what = 'cancel_refused'"
    assert await shop.fetch_value(counted) == 2


async def test_a_prolongation_is_a_purchase_of_its_own_instant(broken_shop: CaseShop) -> None:
    shop = broken_shop
    await shop.open_account(amount_minor=0, policy="P3")
    await shop.top_up("old", 1500, MONDAY - 60 * DAY)
    rental = await shop.book_rental(price=1000)
    await shop.top_up("new", 400, MONDAY + DAY)
    await shop.admin.execute(
        "INSERT INTO rental_order (id, kind, content_hash, call, account, provider, service,"
        " country, seconds, rental_id, price_minor, currency, charge, policy, policy_version,"
        " state, asked_at, ended_at) VALUES (gen_random_uuid(), 'prolong', '', '', 'alice', 'sim',"
        " 'any', '1', 1, $1, 300, 'USD', 'hold', 'P3', '1', 'done', $2, $2)",
        rental.id,
        MONDAY + 2 * DAY,
    )
    await shop.admin.execute("UPDATE rental SET price_minor = 1300 WHERE id = $1", rental.id)
    found = await shop.store.cases.account_record(ALICE)
    assert found is not None
    assert found.purchases == (RecordedSum(MONDAY + 2 * DAY, 300),)


async def test_a_used_topup_stays_used_after_a_year(shop: CaseShop) -> None:
    await shop.open_account(policy="P3")
    await shop.delivered_activation("P3")

    found = await shop.store.cases.account_record(ALICE, now=MONDAY + 367 * DAY)
    assert found is not None
    assert found.activations == (TakenOrder(MONDAY, refunded=False),)


async def test_two_hosts_together_credit_no_more_than_the_limit(shop: CaseShop) -> None:
    open_shop(shop)
    await shop.open_account(amount_minor=1000)
    for ref in ("1", "2"):
        await shop.rent_number("limited", ref)
    shop.set_time(MONDAY + WINDOW + TICK)
    now = shop.clock.now
    await shop.store.settlements.mark_expired(timedelta(), 10, now=now)
    due = await shop.store.settlements.lease_cancels(SIM, 10, DAY, now=now)
    endings = []
    for number in due:
        host = PolicyOutcomes(shop.policy_book, shop.reporter, shop.store.cases.account_flags)
        await host.load([number])
        endings.append(ending(number, host, PriceFate.GIVEN_BACK))
    assert [each.outcome for each in endings] == [State.REFUNDED] * 2, "neither knows of the other"

    outcomes = [(await shop.store.settlements.settle([each])).settled[0] for each in endings]

    assert [(one.outcome, one.reason) for one in outcomes] == [
        (State.REFUNDED, "timeout"),
        (State.IN_REVIEW, "limit_reached"),
    ]
