"""What the desk makes of a claim is what `activation-worker decide` says of the same facts."""

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
from tests.integration.cases.office import DAY, HOUR, MONDAY, PRICE, Office
from tests.integration.cases.sayings import ANY_KIND, CLAIM_FACTS, EVIDENCE, LIKELY, POLICIES, Facts
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.entrypoints.cli.decide import LineDecider, instant_text
from worker.lifecycle.cases.asking import instant
from worker.ports.store.case_view import Case

_refs = map(str, itertools.count(1))


@pytest.fixture
def shop(database_url: str, background: Background) -> Iterator[Office]:
    office = background.run(_office(database_url))
    yield office
    background.run(office.store.close())
    background.run(office.admin.close())


async def _office(url: str) -> Office:
    office = Office(await asyncpg.connect(url), url)
    await office.open(amount_minor=1_000_000)
    return office


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
    said=st.tuples(st.sampled_from(("balance", "client", "wallet")), EVIDENCE, CLAIM_FACTS),
    after=st.sampled_from((HOUR, 5 * DAY, 5 * DAY + TICK, 7 * DAY, 8 * DAY)),
)
def test_a_claim_is_decided_as_the_command_says(
    shop: Office, background: Background, policy: str, **drawn: Any
) -> None:
    kind, (destination, evidence, more) = drawn["kind"], drawn["said"]
    ending, now = drawn["ending"], MONDAY + drawn["after"]
    likely = LIKELY[policy]
    facts = {
        "claim_kind": kind if isinstance(kind, str) else likely[kind % len(likely)],
        "destination": destination,
        **({"evidence": evidence} if evidence else {}),
        **more,
    }

    case = background.run(_claimed(shop, policy, ending, now, facts))

    assert _told(case) == _answer(policy, ending, now, facts)


async def _claimed(shop: Office, policy: str, ending: State, now: datetime, facts: Facts) -> Case:
    shop.at(MONDAY)
    ref = next(_refs)
    if ending is State.DELIVERED:
        id_ = await shop.delivered(policy, ref)
    else:
        id_ = await shop.closed(policy, ref)
    shop.at(now)
    kind, more = facts["claim_kind"], {n: v for n, v in facts.items() if n != "claim_kind"}
    return await shop.claim(id_, kind, **more)


def _told(case: Case) -> dict[str, Any]:
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
        else {"sms_received_at": instant(MONDAY), "sms_displayed_at": instant(MONDAY)}
    )
    asked = {
        "op": "claim",
        "now": instant(now),
        "claim_at": instant(now),
        "purchased_at": instant(MONDAY),
        "price_minor": PRICE,
        "service": "any",
        "last_deposit_at": instant(MONDAY),
        **shown,
        **facts,
    }
    line = json.dumps({"id": 1, "policy": policy, "given": asked}).encode()
    answer: dict[str, Any] = json.loads(LineDecider("default").decide([line]))
    return answer
