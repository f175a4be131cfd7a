"""The facts of one claim as a case, and the checks that the rules for claims share.

The order of the checks is part of the contract: the first one that answers decides.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from worker.domain.policy.deadlines import claim_window_end, honour_by, review_by
from worker.domain.policy.decision import Decision, deny, needs_evidence, propose, review, wait
from worker.domain.policy.facts import ClaimFacts, OrderFacts
from worker.domain.policy.orders import older_than_policy, window_end
from worker.domain.policy.profile import ClaimRules, Profile
from worker.domain.policy.vocabulary import ClaimKind, Destination, Outcome, Reason


class ClaimCase(NamedTuple):
    profile: Profile
    claim: ClaimFacts
    now: datetime

    @property
    def order(self) -> OrderFacts:
        return self.claim.order

    @property
    def price(self) -> int:
        return self.claim.order.price_minor

    @property
    def sms_window_end(self) -> datetime:
        return window_end(self.profile, self.claim.order)

    @property
    def claims_until(self) -> datetime | None:
        """The last instant in which a claim of this kind is accepted."""
        return claim_window_end(self.profile, self.order.purchased_at, self.claim.kind)

    @property
    def decide_by(self) -> datetime | None:
        """Until when the shop has to have settled it: days from the order, or from the request."""
        if self.profile.claim_rules is ClaimRules.WINDOWED:
            return honour_by(self.profile, self.order.purchased_at)
        return review_by(self.profile, self.claim.claim_at)


ClaimCheck: TypeAlias = Callable[[ClaimCase], Decision | None]

DENIALS = {
    ClaimKind.API_MISUSE: Reason.API_MISUSE,
    ClaimKind.USER_SOFTWARE_BUG: Reason.USER_SOFTWARE_BUG,
    ClaimKind.INCOMPATIBILITY: Reason.THIRD_PARTY_INCOMPATIBILITY,
    ClaimKind.THIRD_PARTY_SUPPORT: Reason.NO_THIRD_PARTY_SUPPORT,
    ClaimKind.ACCOUNT_MAINTENANCE: Reason.BEYOND_RESPONSIBILITY,
    ClaimKind.UNUSED_FUNDS: Reason.UNUSED_FUNDS,
    ClaimKind.CALLER_ID: Reason.CALLER_ID,
    ClaimKind.CHANGED_MIND: Reason.CHANGED_MIND,
    ClaimKind.ACCIDENTAL_TOPUP: Reason.ACCIDENTAL_TOPUP,
    ClaimKind.MISUNDERSTANDING: Reason.MISUNDERSTANDING,
}


def version(case: ClaimCase) -> Decision | None:
    return review(Reason.POLICY_VERSION) if older_than_policy(case.profile, case.order) else None


def already_refunded(case: ClaimCase) -> Decision | None:
    return deny(Reason.ALREADY_REFUNDED) if case.order.credited_minor > 0 else None


def excluded(case: ClaimCase) -> Decision | None:
    """Kinds the policy never pays, save what its own sales page promises to be compatible."""
    kind = case.claim.kind
    if kind not in case.profile.exclude:
        return None
    listed = case.profile.compat_exception and case.claim.compat_listed
    if kind is ClaimKind.INCOMPATIBILITY and listed:
        return _listed_as_compatible(case)
    return deny(DENIALS.get(kind, Reason.CLAIM_REJECTED))


def _listed_as_compatible(case: ClaimCase) -> Decision:
    if case.profile.claim_rules is ClaimRules.WINDOWED:
        # Treated as a possible defect: what is owed follows from the repair, not from here.
        return review(Reason.COMPAT_LISTED, case.decide_by)
    return propose(Reason.COMPAT_LISTED, case.price, Destination.BALANCE, case.decide_by)


def missing(case: ClaimCase, reason: Reason) -> Decision:
    """What is missing can be added while claims are accepted; afterwards it counts as silence."""
    until = case.claims_until
    return needs_evidence(reason, until) if until is None or case.now <= until else deny(reason)


def wrong_channel(case: ClaimCase) -> Decision | None:
    wanted, used = case.profile.request_channel, case.claim.channel
    if wanted is None or used is None or used is wanted:
        return None
    return missing(case, Reason.WRONG_CHANNEL)


def reasons_missing(case: ClaimCase) -> Decision | None:
    lacking = case.profile.reasons_required and not case.claim.reasons_given
    return missing(case, Reason.REASONS_MISSING) if lacking else None


def contradicts_terms(case: ClaimCase) -> Decision | None:
    if not case.claim.contradicts_terms:
        return None
    return review(Reason.CONTRADICTS_TERMS, case.decide_by)


def evidence_missing(case: ClaimCase) -> Decision | None:
    """Any picture or video counts; a human judges what it proves."""
    given_at = case.claim.evidence_at
    until = case.claims_until
    late = given_at is not None and until is not None and given_at > until
    if case.claim.evidence and not late:
        return None
    return missing(case, Reason.EVIDENCE_MISSING)


def unlisted(case: ClaimCase) -> Decision:
    return review(Reason.UNLISTED_REASON, case.decide_by)


def sms_window_open(case: ClaimCase) -> Decision | None:
    end = case.sms_window_end
    return wait(Reason.SMS_WINDOW_OPEN, end) if case.now <= end else None


def no_sms_reason(order: OrderFacts) -> Reason:
    return Reason.NO_SMS_ON_RECORD if order.sms_received_at is None else Reason.SMS_NOT_DISPLAYED


def replace_number(reason: Reason) -> Decision:
    return Decision(Outcome.REPLACE, reason)
