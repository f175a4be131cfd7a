"""Questions from JSON: which facts are refused, and that the error names the fact."""

from datetime import UTC, datetime
from typing import Any

import pytest

from worker.domain.policy import (
    FactError,
    Op,
    OrderFacts,
    WithdrawalFacts,
    load_profile,
    question_from,
)
from worker.domain.policy.question import decide

AT = "2026-03-02T10:00:00.000000Z"
TICK: dict[str, Any] = {"op": "order_tick", "now": AT, "purchased_at": AT, "price_minor": 350}
CLAIM: dict[str, Any] = TICK | {"op": "claim", "claim_at": AT, "claim_kind": "other"}
OUTAGE = {"op": "outage_tick", "now": AT, "price_minor": 1, "rental_start": AT}
MONEY_OUT = {"op": "withdrawal", "now": AT, "claim_at": AT, "balance_minor": 5}


def refused(given: dict[str, Any]) -> str:
    with pytest.raises(FactError) as caught:
        question_from(given)
    assert str(caught.value) == f"{caught.value.field}: {caught.value.problem}"
    return caught.value.field


def test_an_order_needs_little() -> None:
    question = question_from(TICK)
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)

    assert question.op is Op.ORDER_TICK
    assert question.now == at
    assert question.facts == OrderFacts(purchased_at=at, price_minor=350)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (TICK, "op"),
        (TICK, "now"),
        (TICK, "purchased_at"),
        (TICK, "price_minor"),
        (CLAIM, "claim_kind"),
        (CLAIM, "claim_at"),
        (CLAIM, "purchased_at"),
        (OUTAGE | {"rental_end": "2026-04-02T10:00:00Z"}, "rental_start"),
        (OUTAGE | {"rental_end": "2026-04-02T10:00:00Z"}, "rental_end"),
        (MONEY_OUT, "claim_at"),
        (MONEY_OUT, "balance_minor"),
        ({"op": "account_event", "now": AT, "event": "idle", "balance_minor": 1}, "event"),
        ({"op": "account_event", "now": AT, "event": "idle", "balance_minor": 1}, "balance_minor"),
        ({"op": "sla_tick", "now": AT, "sla": "review", "start_at": AT}, "sla"),
        ({"op": "sla_tick", "now": AT, "sla": "review", "start_at": AT}, "start_at"),
    ],
)
def test_a_missing_fact_is_named(given: dict[str, Any], missing: str) -> None:
    assert refused({k: v for k, v in given.items() if k != missing}) == f"given.{missing}"
    assert refused(given | {missing: None}) == f"given.{missing}"


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T10:00:00",
        "2026-03-02",
        "2026-03-02T10:00Z",
        "20260302T100000Z",
        "2026-02-30T10:00:00Z",
        "2026-03-02T24:00:01Z",
        "2026-03-02T10:00:00.1234567Z",
        "2026-03-02T10:00:00,5Z",
        "1969-12-31T23:59:59Z",
        "9000-01-01T00:00:00Z",
        " 2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00Z\n",
        "2026-03-02T10:00:00z",
        "now",
        "",
        1772445600,
        True,
        [AT],
    ],
)
def test_an_instant_is_rfc_3339(value: Any) -> None:
    assert refused(TICK | {"now": value}) == "given.now"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00.0Z",
        "2026-03-02t10:00:00Z",
        "2026-03-02 10:00:00Z",
        "2026-03-02T12:30:00.000000+02:30",
        "2026-03-02T09:00:00-01:00",
    ],
)
def test_an_instant_of_any_offset_is_taken_in_utc(text: str) -> None:
    now = question_from(TICK | {"now": text}).now

    assert now == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert now.tzinfo is UTC


@pytest.mark.parametrize("value", [1.0, "1", True, -1, 10**15 + 1, [1]])
def test_money_is_whole_minor_units(value: Any) -> None:
    assert refused(TICK | {"price_minor": value}) == "given.price_minor"


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("op", "guess"),
        ("product", "car"),
        ("verified", "true"),
        ("evidence", "video"),
        ("evidence", ["hearsay"]),
        ("evidence", [["video"]]),
        ("account_flags", ["nice"]),
        ("destination", "moon"),
        ("kyc", 1),
        ("service", "x" * 201),
        ("service", 5),
        ("topups", [{"at": AT}]),
        ("topups", [{"at": AT, "amount_minor": 1, "fee": 1}]),
        ("topups", [5]),
        ("topups", [{"at": "x", "amount_minor": 1}]),
        ("activations", [5]),
        ("activations", AT),
        ("activations", [AT] * 10_001),
        ("evidence", [{}]),
        ("evidence", [{"reference": "a.mp4"}]),
        ("evidence", [{"kind": "video", "at": AT}]),
        ("evidence", [{"kind": "video", "reference": "a.mp4", "at": AT}]),
        ("evidence", [{"kind": "video", "reference": 5}]),
        ("activations", [{}]),
        ("activations", [{"refunded": True}]),
        ("activations", [{"at": AT, "kind": "sms"}]),
        ("history", [5]),
        ("history", [{"at": AT}]),
        ("history", [{"what": "claim"}]),
        ("history", [{"what": "claim", "at": AT, "why": "x"}]),
        ("history", [{"what": "claim", "kind": "other"}]),
        ("history", [{"what": "claim", "at": AT, "times": -1}]),
        ("label", ""),
        ("withdraw_reason", "greed"),
        ("claim_kind", 5),
        ("claim_channel", None.__class__),
        ("profile_overrides", []),
        ("idle_days", -1),
        ("sms_recieved_at", AT),
        ("", 1),
    ],
)
def test_a_wrong_fact_is_named(fact: str, value: Any) -> None:
    assert refused(CLAIM | {fact: value}) == f"given.{fact}"


def test_a_long_unknown_name_is_cut() -> None:
    assert refused(TICK | {"x" * 1000: 1}) == "given." + "x" * 200


def test_a_rental_ends_after_it_begins() -> None:
    assert refused(OUTAGE | {"rental_end": AT}) == "given.rental_end"
    later = "2026-03-02T10:00:00.000001Z"
    assert question_from(OUTAGE | {"rental_end": later}).op is Op.OUTAGE_TICK
    assert refused(CLAIM | {"rental_start": later, "rental_end": AT}) == "given.rental_end"


def test_known_facts_that_are_not_used_are_checked_all_the_same() -> None:
    assert question_from(TICK | {"contacted_before": True, "idle_days": 3}) == question_from(TICK)
    assert refused(TICK | {"contacted_before": "yes"}) == "given.contacted_before"


def test_facts_of_another_operation_are_refused() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    facts = WithdrawalFacts(claim_at=at, balance_minor=1)
    with pytest.raises(TypeError, match="order_tick is not decided from WithdrawalFacts"):
        decide(load_profile("P0"), Op.ORDER_TICK, facts, at)


def test_the_limits_themselves_are_allowed() -> None:
    most = {
        "price_minor": 10**15,
        "credited_minor": 0,
        "now": "8999-12-31T23:59:59.999999Z",
        "purchased_at": "1970-01-01T00:00:00Z",
    }
    assert question_from(TICK | most).op is Op.ORDER_TICK
    assert question_from(TICK | {"idle_days": 10**9}).op is Op.ORDER_TICK
    assert refused(TICK | {"idle_days": 10**9 + 1}) == "given.idle_days"
    assert question_from(CLAIM | {"service": "x" * 200}).op is Op.CLAIM
    many = MONEY_OUT | {"activations": [AT] * 10_000}
    assert len(question_from(many).facts.activations) == 10_000  # type: ignore[union-attr]  # a withdrawal
    assert refused(many | {"activations": [AT] * 10_001}) == "given.activations"


def test_evidence_is_a_kind_with_or_without_a_reference() -> None:
    alone = question_from(CLAIM | {"evidence": ["video"]}).facts
    for piece in ({"kind": "video"}, {"kind": "video", "reference": "a.mp4"}):
        assert question_from(CLAIM | {"evidence": [piece]}).facts == alone


def test_what_a_past_event_leaves_out_is_one_time_and_no_money() -> None:
    event: dict[str, Any] = {"what": "claim", "at": AT}
    short = question_from(TICK | {"history": [event]}).facts

    def with_more(**more: Any) -> object:
        return question_from(TICK | {"history": [event | more]}).facts

    assert with_more(kind=None) == with_more(amount_minor=0) == with_more(times=1) == short
    for more in ({"kind": "other"}, {"amount_minor": 5}, {"times": 0}):
        assert with_more(**more) != short
    assert with_more(kind=None, amount_minor=0, times=1) == short


def test_a_label_is_one_more_of_the_labels() -> None:
    def labels(**given: Any) -> frozenset[str]:
        return question_from(TICK | given).facts.labels  # type: ignore[union-attr]  # an order

    assert labels() == frozenset()
    assert labels(label="vip") == {"vip"}
    assert labels(label="vip", labels=["new", "slow"]) == {"new", "slow", "vip"}
    assert labels(label="new", labels=["new"]) == {"new"}
