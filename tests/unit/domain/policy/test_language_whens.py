"""`[[when]]`: exceptions for the orders that match; the last that matches wins key by key."""

import tomllib

import pytest

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.language import choices
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.matching import OrderWords
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import BuyChannel, Product, Reason


def read(text: str) -> Profile:
    return profile_from(tomllib.loads(text), name="shop", file="shop.toml")


def window(profile: Profile, order: OrderWords) -> int:
    return profile.for_order(order).sms.sms_window_s


@pytest.mark.parametrize(
    ("match", "holds", "holds_not"),
    [
        ('service = "WA"', OrderWords(service="wa"), OrderWords(service="tg")),
        ('service = ["a", "wa"]', OrderWords(service="Wa"), OrderWords()),
        ('country = "de"', OrderWords(country="DE"), OrderWords()),
        ('operator = "any"', OrderWords(operator="any"), OrderWords(operator="other")),
        ('label = "telegram"', OrderWords(service="TG"), OrderWords(service="wa")),
        ('label = "telegram"', OrderWords(labels=frozenset({"Telegram"})), OrderWords()),
        ('label = ["x", "slow"]', OrderWords(labels=frozenset({"slow"})), OrderWords()),
        ('product = "rental"', OrderWords(product=Product.RENTAL), OrderWords()),
        ('buy_channel = "api"', OrderWords(buy_channel=BuyChannel.API), OrderWords()),
        ('payment_method = "Card"', OrderWords(payment_method="card"), OrderWords()),
        ("service_2fa = true", OrderWords(service_2fa=True), OrderWords()),
        ("service_2fa = false", OrderWords(), OrderWords(service_2fa=True)),
        ("price_from_minor = 5", OrderWords(price_minor=5), OrderWords(price_minor=4)),
        ("price_to_minor = 5", OrderWords(price_minor=5), OrderWords(price_minor=6)),
    ],
)
def test_each_key_of_a_match_holds_for_its_orders(
    match: str, holds: OrderWords, holds_not: OrderWords
) -> None:
    profile = read(f"[[when]]\nmatch = {{ {match} }}\nsms.sms_window_s = 60")

    assert window(profile, holds) == 60
    assert window(profile, holds_not) == 1200


def test_all_keys_of_a_match_must_hold() -> None:
    profile = read('[[when]]\nmatch = { service = "x", country = "de" }\nsms.sms_window_s = 60')

    assert window(profile, OrderWords(service="x", country="de")) == 60
    assert window(profile, OrderWords(service="x")) == 1200
    assert window(profile, OrderWords(country="de")) == 1200


def test_a_written_label_replaces_its_words() -> None:
    profile = read("""
labels.telegram = ["telegraph"]
[[when]]
match = { label = "telegram" }
sms.sms_window_s = 60
""")
    assert window(profile, OrderWords(service="Telegraph")) == 60
    assert window(profile, OrderWords(service="tg")) == 1200


def test_the_last_exception_that_matches_wins_key_by_key() -> None:
    profile = read("""
sms.auto_credit_mode = "automatic"
[[when]]
match = { service = "x" }
sms.sms_window_s = 60
cancel.button = false
[[when]]
match = { country = "de" }
sms.sms_window_s = 30
""")
    both = profile.for_order(OrderWords(service="x", country="de"))

    assert both.sms.sms_window_s == 30
    assert both.cancel.button is False
    assert both.credits_automatically
    assert window(profile, OrderWords(service="x")) == 60
    assert profile.for_order(OrderWords(service="x", country="de")) is both
    assert profile.for_order(OrderWords()) is profile
    assert both.for_order(OrderWords(service="x")) is both
    assert (both.name, both.version) == (profile.name, profile.version)


def test_a_time_replaces_the_one_of_the_file_whatever_its_unit() -> None:
    profile = read("""
claims = { window_days = 7, window_from = "issue", kinds = { a = {}, b = { window_s = 5 } } }
[[when]]
match = { service = "x" }
claims.window_s = 60
""")
    changed = profile.for_order(OrderWords(service="x"))

    assert changed.claims.window == Duration(Unit.SECONDS, 60)
    assert changed.claims.window_from is choices.WindowFrom.ISSUE
    assert changed.claims.kinds["a"].window == Duration(Unit.SECONDS, 60)
    assert changed.claims.kinds["b"].window == Duration(Unit.SECONDS, 5)


def test_an_exception_changes_only_the_given_keys_of_a_kind() -> None:
    profile = read("""
claims.kinds.a = { decided = "evidence", share_bp = 5000 }
[[when]]
match = { service = "x" }
claims.kinds.a = { decided = "deny", reason = "changed_mind" }
""")
    rule = profile.for_order(OrderWords(service="x")).kind("a")

    assert rule is not None
    assert (rule.decided, rule.share_bp) == (choices.Decided.DENY, 5000)
    assert rule.reason is Reason.CHANGED_MIND


def test_a_kind_named_only_in_an_exception_starts_from_the_row_other() -> None:
    profile = read("""
claims.kinds.other = { decided = "evidence", share_bp = 5000 }
[[when]]
match = { service = "x" }
claims.kinds.a = { before_sms = true }
[[when]]
match = { country = "de" }
claims.kinds.a = { share_bp = 1 }
""")
    rule = profile.for_order(OrderWords(service="x")).kind("a")
    both = profile.for_order(OrderWords(service="x", country="de")).kind("a")

    assert rule is not None
    assert both is not None
    assert (rule.decided, rule.share_bp) == (choices.Decided.EVIDENCE, 5000)
    assert rule.before_sms
    assert (both.decided, both.share_bp, both.before_sms) == (choices.Decided.EVIDENCE, 1, True)


def test_a_kind_named_only_in_an_exception_has_else_the_defaults() -> None:
    profile = read('[[when]]\nmatch = { service = "x" }\nclaims.kinds.a = { share_bp = 1 }')
    rule = profile.for_order(OrderWords(service="x")).kind("a")

    assert not profile.has_kinds
    assert rule is not None
    assert (rule.decided, rule.share_bp) == (choices.Decided.REVIEW, 1)


def test_methods_and_short_forms_can_stand_in_an_exception() -> None:
    profile = read("""
payout.methods.card = { fee_bp = 5 }
[[when]]
match = { service = "x" }
payout.methods.card = { refundable = false }
sms.min_cancel_age_s = 7
""")
    changed = profile.for_order(OrderWords(service="x"))

    assert changed.payout.method("card").fee_bp == 5
    assert not changed.payout.method("card").refundable
    assert changed.cancel.from_s == 7
