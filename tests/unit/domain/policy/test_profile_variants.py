"""A policy with another window, with its exceptions, and the exceptions that can meet."""

from typing import Any

import pytest

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language.content import in_force
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.matching import Match, OrderWords
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.schema import KEYS, duration_of

TG = frozenset({"tg"})
TELEGRAM = OrderWords(service="tg", price_minor=350)


def policy(document: dict[str, Any]) -> Profile:
    return profile_from(document, name="mine", file="mine")


def test_an_order_keeps_its_own_window_under_every_exception() -> None:
    exceptions = [
        {"match": {"service": "tg"}, "sms": {"sms_window_s": 60}, "cancel": {"from_s": 5}},
        {"match": {"price_from_minor": 1}, "cancel": {"until_s": 30}},
    ]
    profile = policy({"cancel": {"from_s": 3}, "when": exceptions})
    assert profile.for_order(TELEGRAM).sms.sms_window_s == 60

    own = profile.with_window(90)

    assert own.sms.sms_window_s == own.for_order(TELEGRAM).sms.sms_window_s == 90
    assert own.states_window
    assert not profile.states_window
    # All else is as it was.
    assert (own.cancel.from_s, own.for_order(TELEGRAM).cancel.from_s) == (3, 5)
    assert own.for_order(TELEGRAM).cancel.until_s == 30
    assert own.said == {**profile.said, "sms.sms_window_s": 90}
    assert profile.for_order(TELEGRAM).sms.sms_window_s == 60, "the policy itself is unchanged"


def test_an_exception_may_name_another_way_out_and_a_window_of_claims() -> None:
    profile = policy(
        {
            "claims": {"kinds": {"gift": {"decided": "grant"}}},
            "when": [
                {"match": {"country": "de"}, "payout": {"route": "client"}},
                {"match": {"country": "fr"}, "claims": {"window_days": 3}},
            ],
        }
    )
    assert {route.value for route in profile.payout_routes} == {"client"}
    assert profile.may_state_claim_window
    plain = policy({"payout": {"route": "wallet"}, "claims": {"kinds": {"gift": {}}}})
    assert {route.value for route in plain.payout_routes} == {"wallet"}
    assert not plain.may_state_claim_window
    assert policy({}).payout_routes == frozenset()


def test_every_key_in_force_is_told_with_its_value() -> None:
    values = dict(in_force(policy({"cancel": {"from_s": 3}})))
    assert values["cancel.from_s"] == 3
    assert values["sms.sms_window_s"] == 1200
    assert values["cancel.until_s"] is None
    assert values.keys() == {key.says for key in KEYS.values()}


@pytest.mark.parametrize(
    ("one", "two", "meet"),
    [
        ({}, {}, True),
        ({"price_to_minor": 0}, {}, True),
        ({"price_to_minor": 0}, {"price_from_minor": 0}, True),
        ({"price_to_minor": 0}, {"price_from_minor": 1}, False),
        ({"price_to_minor": 5}, {"price_from_minor": 5}, True),
        ({"price_to_minor": 5}, {"price_from_minor": 6}, False),
        ({"price_from_minor": 3, "price_to_minor": 9}, {"price_to_minor": 2}, False),
        ({"service": TG}, {"service": frozenset({"tg", "wa"})}, True),
        ({"service": TG}, {"service": frozenset({"wa"})}, False),
        ({"service": TG}, {"country": frozenset({"de"})}, True),
        ({"label": frozenset("a")}, {"label": frozenset("b")}, True),
    ],
)
def test_two_exceptions_meet_where_one_order_may_match_both(
    one: dict[str, Any], two: dict[str, Any], *, meet: bool
) -> None:
    first, second = (Match(**match) for match in (one, two))
    assert first.can_meet(second) is meet
    assert second.can_meet(first) is meet


def test_an_order_nobody_described_costs_nothing() -> None:
    assert Match(price_to_minor=0).holds(OrderWords(), {})
    assert not Match(price_from_minor=1).holds(OrderWords(), {})


@pytest.mark.parametrize(
    ("key", "value", "lasts"),
    [
        ("cancel.from_s", 60, Duration(Unit.SECONDS, 60)),
        ("rectify.seconds", 3600, Duration(Unit.SECONDS, 3600)),
        ("claims.honour_days", 3, Duration(Unit.DAYS, 3)),
        ("obligations.replacement_business_days", 2, Duration(Unit.BUSINESS_DAYS, 2)),
        ("outage.refund_cap_months", 1, Duration(Unit.MONTHS, 1)),
        ("claims.window", Duration(Unit.DAYS, 3), Duration(Unit.DAYS, 3)),
        ("cancel.max_per_day", 3, None),
        ("payout.fee_minor", 3, None),
        ("cancel.from_s", True, None),
        ("cancel.from_s", "60", None),
    ],
)
def test_how_long_a_value_lasts_is_told_by_its_key(
    key: str, value: object, lasts: Duration | None
) -> None:
    assert duration_of(key, value) == lasts


def test_a_rental_may_be_given_back_at_one_instant() -> None:
    rental = {"cancel_from_s": 60, "cancel_until_s": 60}
    assert policy({"rental": rental}).rental.cancel_from_s == 60


def test_a_price_may_be_asked_for_to_the_unit() -> None:
    match = {"price_from_minor": 1000, "price_to_minor": int("1000")}
    profile = policy(
        {
            "claims": {"kinds": {"gift": {}}},
            "when": [{"match": match, "claims": {"kinds": {"gift": {"share_bp": 5}}}}],
        }
    )
    assert profile.whens[0].match.price_to_minor == 1000
