"""Defaults: of the keys a policy file leaves out, and of the facts a question leaves out."""

from dataclasses import asdict
from datetime import UTC
from typing import Any

import pytest

from worker.domain.policy import (
    AccountFacts,
    AutoCredit,
    ClaimFacts,
    Destination,
    Facts,
    OrderFacts,
    OutageFacts,
    Profile,
    SlaFacts,
    WithdrawalFacts,
)
from worker.domain.policy.loading import profile_from
from worker.domain.policy.profile import DayCount, OutageDays, Undisplayed, WithdrawalMode
from worker.domain.policy.vocabulary import (
    BuyChannel,
    CustomerChoice,
    Kyc,
    PaymentMethod,
    Product,
    RequestField,
    WithdrawReason,
)

ALL_FIELDS = frozenset(RequestField)


def test_an_empty_policy_promises_nothing_and_bars_nothing() -> None:
    silent = profile_from({}, name="mine", file="mine.toml")
    defaults = {field: value for field, value in asdict(silent).items() if value}

    assert silent == Profile(name="mine", version=defaults.pop("version"))
    assert defaults == {
        "name": "mine",
        "sms_window_s": 20 * 60,
        "auto_credit_mode": AutoCredit.ON_CLAIM,
        "undisplayed_in_time": Undisplayed.CREDIT,
        "api_telegram_2fa_refundable": True,
        "replacement_tolerance_bp": 1_000,
        "host_access_grace_s": 24 * 60 * 60,
        "outage_day_count": OutageDays.COMPLETE_24H,
        "withdrawal_mode": WithdrawalMode.NONE,
        "day_count": DayCount.ELAPSED_24H,
        "timezone": UTC,
    }


@pytest.mark.parametrize(
    ("kind", "presumed"),
    [
        (OrderFacts, {"product": Product.ONE_TIME, "claim_proper": True}),
        (
            ClaimFacts,
            {
                "reasons_given": True,
                "destination": Destination.BALANCE,
                "buy_channel": BuyChannel.WEB,
                "payment_method": PaymentMethod.BALANCE,
                "kyc": Kyc.NOT_REQUESTED,
                "customer_choice": CustomerChoice.REFUND,
                "request_fields": ALL_FIELDS,
                "payment_method_refundable": True,
            },
        ),
        (OutageFacts, {"outage_verified": True}),
        (
            WithdrawalFacts,
            {
                "reasons_given": True,
                "withdraw_reason": WithdrawReason.UNUSED_FUNDS,
                "request_fields": ALL_FIELDS,
                "email_matches": True,
                "kyc": Kyc.NOT_REQUESTED,
                "payment_method_refundable": True,
            },
        ),
        (AccountFacts, {}),
        (SlaFacts, {}),
    ],
)
def test_the_default_of_a_fact_is_that_all_is_in_order(
    kind: type[Facts], presumed: dict[str, Any]
) -> None:
    given = {field: value for field, value in kind._field_defaults.items() if value}
    assert given == presumed


@pytest.mark.parametrize("kind", [ClaimFacts, OrderFacts, OutageFacts, WithdrawalFacts])
def test_by_default_no_money_was_moved_or_withheld(kind: type[Facts]) -> None:
    sums = {f: v for f, v in kind._field_defaults.items() if f.endswith("_minor")}
    assert {value for value in sums.values() if value is not None} <= {0}
