"""Strategies for facts, findings and policies of cases, for `case_machine` and other properties."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.integration.cases.case_shop import DAY, HOUR
from worker.domain.policy import policy_names
from worker.domain.policy.vocabulary import BuyChannel, Evidence, Kyc
from worker.ports.store.case_view import CaseKind

Facts: TypeAlias = dict[str, Any]
FactStrategies: TypeAlias = Mapping[str, st.SearchStrategy[Any]]

POLICIES: Final = tuple(policy_names())
#: Values of policies that a shop may have changed.
OVERRIDES: Final[tuple[Mapping[str, Mapping[str, object]], ...]] = (
    {},
    {"P1": {"auto_credit_mode": "automatic"}, "P4": {"withdrawal.mode": "never"}},
    {"P2": {"outage_day_count": "started_24h"}, "P3": {"processing.payment_info_days": 1}},
    {"P0": {"day_count": "calendar_end_of_day"}, "P4": {"processing.review_business_days": 1}},
)
_WINDOWED: Final = ("major_defect", "invalid_number", "non_receiving", "major_defect")
#: The claim kinds that a policy does not deny at once.
LIKELY_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "default": ("other",),
    "P0": _WINDOWED,
    "P1": _WINDOWED,
    "P2": ("non_receiving", "operator_block", "cannot_provide", "no_numbers", "carrier_fault"),
    "P3": ("wrong_code", "cannot_provide", "cancel_error", "other", "non_receiving"),
    "P4": _WINDOWED,
}
ANY_KIND: Final = st.sampled_from(
    (
        "incompatibility", "other", "operator_block", "early_deactivation", "documents_refused",
        "wrong_code", "api_misuse", "changed_mind", "service_unavailable",
    )
)  # fmt: skip
EITHER: Final = st.booleans()
AMOUNTS: Final = st.sampled_from((None, 1, 100, 350, 1000, 100_000))
AGES: Final = st.sampled_from((None, timedelta(0), HOUR, 2 * DAY, 9 * DAY))
EVIDENCE: Final = st.lists(
    st.sampled_from([item.value for item in Evidence]), max_size=2, unique=True
).map(sorted)
KYC: Final = st.sampled_from([kyc.value for kyc in Kyc if kyc is not Kyc.NOT_REQUESTED])
_FLAGS: Final = st.lists(
    st.sampled_from(
        ("fraud_suspected", "unlawful_use_suspected", "fraud_confirmed", "unlawful_use_confirmed")
    ),
    max_size=1,
)


def _up_to_two_of(strategies: FactStrategies) -> st.SearchStrategy[Facts]:
    """Facts with at most two of these names."""
    names = st.lists(st.sampled_from(sorted(strategies)), max_size=2, unique=True)
    return names.flatmap(
        lambda drawn: st.fixed_dictionaries({name: strategies[name] for name in drawn})
    )


CLAIM_FACTS: Final = _up_to_two_of(
    {
        "account_flags": _FLAGS,
        "allocation_failed": EITHER,
        "buy_channel": st.sampled_from([channel.value for channel in BuyChannel]),
        "cancel_failed": EITHER,
        "client_caused": EITHER,
        "compat_listed": EITHER,
        "contradicts_terms": EITHER,
        "documents_shown_at_order": EITHER,
        "due_to_problem": EITHER,
        "kyc": KYC,
        "payment_method": st.sampled_from(("balance", "card")),
        "payment_method_refundable": EITHER,
        "refund_fee_minor": st.sampled_from((0, 50, 100_000)),
        "replacement_available": EITHER,
        "replacement_value_minor": st.sampled_from((0, 350, 380, 1000)),
        "request_fields": st.sampled_from(([], ["service", "amount", "reason", "details"])),
        "restrictions_ignored": EITHER,
        "sms_correct": EITHER,
        "was_listed": EITHER,
    }
)
OUTAGE_FACTS: Final = _up_to_two_of(
    {"client_caused": EITHER, "outage_verified": st.sampled_from((None, True, False))}
)
WITHDRAWAL_FACTS: Final = _up_to_two_of(
    {
        "account_flags": _FLAGS,
        "contradicts_terms": EITHER,
        "email_matches": EITHER,
        "kyc": KYC,
        "payment_method_refundable": EITHER,
        "psp_commission_minor": st.sampled_from((0, 30, 100_000)),
        "reasons_given": EITHER,
    }
)
#: What a claim may have lacked, as it is added later.
ADDED_FACTS: Final = _up_to_two_of(
    {
        "claim_channel": st.sampled_from(["support", "email", "form", "chat"]),
        "reasons_given": st.just(True),  # noqa: FBT003 - the value of the fact
    }
)
#: What the request for a withdrawal may lack, or what is added to it later.
REQUEST_FACTS: Final = _up_to_two_of(
    {
        "claim_channel": st.sampled_from(("email", "form", "chat")),
        "evidence": EVIDENCE,
        "request_fields": st.sampled_from(
            ([], ["amount", "details", "email", "payment_system", "reason"])
        ),
    }
)
FINDINGS: Final[Mapping[CaseKind, st.SearchStrategy[Facts]]] = {
    CaseKind.CLAIM: CLAIM_FACTS,
    CaseKind.OUTAGE: OUTAGE_FACTS,
    CaseKind.WITHDRAWAL: WITHDRAWAL_FACTS,
    CaseKind.ACCOUNT: st.just({}),
}
