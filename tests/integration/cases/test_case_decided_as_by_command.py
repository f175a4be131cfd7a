"""The service decides a claim as `activation-worker decide` does from the same facts."""

import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Background
from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, PRICE, CaseShop
from tests.integration.cases.case_strategies import (
    ANY_KIND,
    CLAIM_FACTS,
    EVIDENCE,
    LIKELY_KINDS,
    POLICIES,
    Facts,
)
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.entrypoints.cli.decide import LineDecider, instant_text
from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.case_view import Case

_refs = map(str, itertools.count(1))
#: What the order call tells; what only our log knows nobody can tell.
_TOLD_WITH_THE_ORDER = frozenset(
    {
        "buy_channel", "compat_listed", "documents_shown_at_order", "payment_method",
        "refund_fee_minor", "was_listed",
    }
)  # fmt: skip
_LOGGED = frozenset({"allocation_failed", "cancel_failed"})


@pytest.fixture
def shop(database_url: str, background: Background) -> Iterator[CaseShop]:
    shop = background.run(_office(database_url))
    yield shop
    background.run(shop.store.close())
    background.run(shop.admin.close())


async def _office(url: str) -> CaseShop:
    shop = CaseShop(await asyncpg.connect(url), url)
    await shop.open_account(amount_minor=1_000_000)
    return shop


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    policy=st.sampled_from(POLICIES),
    kind=st.one_of(st.integers(0, 4), ANY_KIND),
    ending=st.sampled_from((State.CLOSED, State.CLOSED, State.DELIVERED)),
    claim=st.tuples(st.sampled_from(("balance", "client", "wallet")), EVIDENCE, CLAIM_FACTS),
    after=st.sampled_from((HOUR, 5 * DAY, 5 * DAY + TICK, 7 * DAY, 8 * DAY)),
)
def test_a_claim_is_decided_as_the_command_says(
    shop: CaseShop, background: Background, policy: str, **drawn: Any
) -> None:
    kind, (destination, evidence, more) = drawn["kind"], drawn["claim"]
    ending, now = drawn["ending"], MONDAY + drawn["after"]
    likely = LIKELY_KINDS[policy]
    facts = {
        "claim_kind": kind if isinstance(kind, str) else likely[kind % len(likely)],
        "destination": destination,
        **({"evidence": evidence} if evidence else {}),
        **{name: value for name, value in more.items() if name not in _LOGGED},
    }

    case = background.run(_claimed(shop, policy, ending, now, facts))

    assert _decided(case) == _answer(policy, ending, now, facts)


async def _claimed(shop: CaseShop, policy: str, ending: State, now: datetime, facts: Facts) -> Case:
    shop.set_time(MONDAY)
    ref = next(_refs)
    told = {name: value for name, value in facts.items() if name in _TOLD_WITH_THE_ORDER}
    if ending is State.DELIVERED:
        id_ = await shop.delivered_activation(policy, ref, order_facts=told)
    else:
        id_ = await shop.closed_activation(policy, ref, order_facts=told)
    shop.set_time(now)
    claimed = {name: value for name, value in facts.items() if name not in _TOLD_WITH_THE_ORDER}
    return await shop.open_claim(id_, claimed.pop("claim_kind"), **claimed)


def _decided(case: Case) -> dict[str, Any]:
    last = case.decisions[-1]
    return {
        "id": 1,
        "outcome": last.outcome,
        "amount_minor": last.amount_minor,
        "fee_minor": last.fee_minor,
        "destination": last.destination,
        "reason": last.reason,
        "deadline": instant_text(last.deadline),
    }


def _answer(policy: str, ending: State, now: datetime, facts: Facts) -> dict[str, Any]:
    shown = (
        {}
        if ending is State.CLOSED
        else {"sms_received_at": instant_fact(MONDAY), "sms_displayed_at": instant_fact(MONDAY)}
    )
    given = {
        "op": "claim",
        "now": instant_fact(now),
        "claim_at": instant_fact(now),
        "purchased_at": instant_fact(MONDAY),
        "price_minor": PRICE,
        "service": "any",
        "allocation_failed": False,
        "charge": "hold",
        "last_deposit_at": instant_fact(MONDAY),
        **shown,
        **facts,
    }
    line = json.dumps({"id": 1, "policy": policy, "given": given}).encode()
    answer: dict[str, Any] = json.loads(LineDecider("default").decide([line]))
    return answer
