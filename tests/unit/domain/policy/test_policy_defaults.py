"""Defaults of the facts that a question leaves out."""

from typing import Any

import pytest

from worker.domain.policy import (
    AccountFacts,
    ClaimFacts,
    Destination,
    Facts,
    OrderFacts,
    OutageFacts,
    Reason,
    SlaFacts,
    WithdrawalFacts,
)
from worker.domain.policy.vocabulary import (
    BuyChannel,
    CustomerChoice,
    Kyc,
    Product,
    WithdrawReason,
)

ORDERED = {"buy_channel": BuyChannel.WEB, "payment_method": "balance"}


@pytest.mark.parametrize(
    ("kind", "presumed"),
    [
        (
            OrderFacts,
            ORDERED
            | {"product": Product.ONE_TIME, "claim_proper": True, "restrictions_shown": True},
        ),
        (
            ClaimFacts,
            {
                "reasons_given": True,
                "destination": Destination.BALANCE,
                "kyc": Kyc.NOT_REQUESTED,
                "customer_choice": CustomerChoice.REFUND,
                "payment_method_refundable": True,
                "first_purchase": True,
            },
        ),
        (OutageFacts, ORDERED | {"outage_verified": True}),
        (
            WithdrawalFacts,
            {
                "reasons_given": True,
                "withdraw_reason": WithdrawReason.UNUSED_FUNDS,
                "email_matches": True,
                "kyc": Kyc.NOT_REQUESTED,
                "payment_method": "balance",
                "payment_method_refundable": True,
            },
        ),
        (AccountFacts, {}),
        (SlaFacts, {"payment_method": "balance", "reason": Reason.EVIDENCE_MISSING}),
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
