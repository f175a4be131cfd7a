"""What intake fixes with an order: a press or an end asks the record only where that may matter."""

from typing import Any

import pytest

from worker.domain.policy.at_intake import (
    ANY_TIME,
    CancelTerms,
    cancel_terms,
    ending_asks_account,
    order_words,
)
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.matching import OrderWords
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import BuyChannel, Product

AUTO: dict[str, Any] = {"sms": {"auto_credit_mode": "automatic"}}
IGNORED = {"restrictions_shown": True, "restrictions_ignored": True}


def written(policy: dict[str, Any]) -> Profile:
    return profile_from(policy, name="shop", file="shop.toml")


def limit(of: str) -> dict[str, Any]:
    return {"limits": [{"of": of, "per": "day", "max_count": 3}]}


@pytest.mark.parametrize(
    ("policy", "told", "judged"),
    [
        ({}, {}, False),
        ({"cancel": {"until_s": 60}}, {}, False),
        ({"cancel": {"until_s": 60, "late": "deny"}}, {}, False),
        ({"cancel": {"until_s": 60, "late": "close"}}, {}, True),
        ({"cancel": {"until_s": 60, "late": "review"}}, {}, True),
        ({"bars": {"restrictions": True}}, {}, False),
        ({"bars": {"restrictions": True}}, IGNORED, True),
        ({"bars": {"restrictions": True}}, IGNORED | {"restrictions_shown": False}, False),
        ({"bars": {"restrictions": False}}, IGNORED, False),
        ({"bars": {"restrictions": True}}, {"restrictions_ignored": True}, True),
        (AUTO | {"bars": {"fraud": "all"}}, {}, True),
        (AUTO | {"bars": {"fraud": "client"}}, {}, False),
        ({"sms": {**AUTO["sms"], "hold_for": ["fraud_suspected"]}}, {}, True),
        (AUTO | {"cancel": {"max_per_day": 3}}, {}, True),
        (AUTO | {"cancel": {"max_ratio_bp": 3000, "ratio_of": 50}}, {}, True),
        (AUTO | limit("cancel"), {}, True),
        (AUTO | limit("any"), {}, True),
        (AUTO | limit("claim"), {}, False),
        # It credits nothing, so no limit of what is credited counts.
        (limit("cancel"), {}, False),
    ],
)
def test_a_press_is_judged_where_more_than_the_policy_decides(
    policy: dict[str, Any], told: dict[str, Any], judged: bool
) -> None:
    assert cancel_terms(written(policy), told).judged is judged


def test_the_instants_of_cancel_are_those_of_the_policy() -> None:
    policy = written({"cancel": {"from_s": 30, "until_s": 600}})

    assert cancel_terms(policy, {}) == CancelTerms(from_s=30, until_s=600)
    assert not cancel_terms(written({"cancel": {"button": False}}), {}).offered


@pytest.mark.parametrize(
    ("policy", "asks"),
    [
        (AUTO, False),
        (AUTO | limit("cancel"), False),
        (AUTO | limit("auto_credit"), True),
        (AUTO | limit("any"), True),
        (AUTO | {"bars": {"complaint": "all"}}, True),
        ({"sms": {**AUTO["sms"], "hold_for": ["fraud_suspected"]}}, True),
    ],
)
def test_the_end_of_a_window_asks_the_account_where_it_decides(
    policy: dict[str, Any], asks: bool
) -> None:
    assert ending_asks_account(written(policy)) is asks


def test_without_a_policy_on_it_a_press_is_free_from_the_purchase_on() -> None:
    assert CancelTerms(offered=True, from_s=0, until_s=None, judged=False) == ANY_TIME
    assert cancel_terms(written({}), {}) == ANY_TIME


def test_exceptions_see_an_order_as_it_was_told() -> None:
    told = {
        "operator": "o2",
        "labels": ["vip"],
        "buy_channel": "api",
        "payment_method": "card",
        "service_2fa": True,
    }
    words = OrderWords(
        service="tg",
        country="de",
        operator="o2",
        labels=frozenset({"vip"}),
        product=Product.ONE_TIME,
        buy_channel=BuyChannel.API,
        payment_method="card",
        service_2fa=True,
        price_minor=350,
    )
    assert order_words("tg", "de", 350, told) == words
    rented = order_words("tg", "de", 350, told, rental=True)
    assert rented == words._replace(product=Product.RENTAL)


def test_what_was_not_told_of_an_order_is_the_web_and_the_balance() -> None:
    words = order_words("tg", "de", 350, {})
    assert (words.operator, words.labels, words.service_2fa) == (None, frozenset(), False)
    assert (words.buy_channel, words.payment_method) == (BuyChannel.WEB, "balance")
