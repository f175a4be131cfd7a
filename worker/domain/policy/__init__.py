"""Refund policies: a policy is data, and `decide` is a pure function over it.

    profile = load_profile("P3")
    decision = decide(profile, Op.ORDER_TICK, OrderFacts(purchased_at=…, price_minor=…), now)

`Profile.window`, `.credits_automatically` and `.cancel_offered` say how an order under it ends.
Nothing here reads a clock or does I/O, except that policies are loaded from files.
"""

from worker.domain.policy.decision import Decision
from worker.domain.policy.facts import (
    AccountFacts,
    ActivatedOrder,
    ClaimFacts,
    DatedSum,
    Facts,
    OrderFacts,
    OutageFacts,
    PastEvent,
    SlaFacts,
    WithdrawalFacts,
)
from worker.domain.policy.language.choices import AutoCredit
from worker.domain.policy.language.file_problems import ProfileError
from worker.domain.policy.language.loading import load_profile, override, policy_names
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.question import FactError, Question, decide, question_from
from worker.domain.policy.vocabulary import Destination, Op, Outcome, Reason

__all__ = [
    "AccountFacts",
    "ActivatedOrder",
    "AutoCredit",
    "ClaimFacts",
    "DatedSum",
    "Decision",
    "Destination",
    "FactError",
    "Facts",
    "Op",
    "OrderFacts",
    "OutageFacts",
    "Outcome",
    "PastEvent",
    "Profile",
    "ProfileError",
    "Question",
    "Reason",
    "SlaFacts",
    "WithdrawalFacts",
    "decide",
    "load_profile",
    "override",
    "policy_names",
    "question_from",
]
