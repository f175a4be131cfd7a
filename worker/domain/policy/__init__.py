"""Refund policies: a policy is data, and `decide` is a pure function over it.

    profile = load_profile("P3")
    decision = decide(profile, Op.ORDER_TICK, OrderFacts(purchased_at=…, price_minor=…), now)

`Profile.window`, `.credits_automatically` and `.cancel_offered` say how an order under it ends.
Nothing here reads a clock or does I/O, except that policies are loaded from files.
"""

from worker.domain.policy.decision import Decision
from worker.domain.policy.facts import (
    AccountFacts,
    ClaimFacts,
    Facts,
    OrderFacts,
    OutageFacts,
    SlaFacts,
    Topup,
    WithdrawalFacts,
)
from worker.domain.policy.loading import ProfileError, load_profile, override, policy_names
from worker.domain.policy.profile import AutoCredit, Profile
from worker.domain.policy.question import FactError, Question, decide, question_from
from worker.domain.policy.vocabulary import Destination, Op, Outcome, Reason

__all__ = [
    "AccountFacts",
    "AutoCredit",
    "ClaimFacts",
    "Decision",
    "Destination",
    "FactError",
    "Facts",
    "Op",
    "OrderFacts",
    "OutageFacts",
    "Outcome",
    "Profile",
    "ProfileError",
    "Question",
    "Reason",
    "SlaFacts",
    "Topup",
    "WithdrawalFacts",
    "decide",
    "load_profile",
    "override",
    "policy_names",
    "question_from",
]
