"""One claim as its checks see it: the facts, the rule of its kind, and where its money would go."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never

from worker.domain.policy import deadlines
from worker.domain.policy.decision import Decision, deny, needs_evidence
from worker.domain.policy.facts import ClaimFacts, OrderFacts
from worker.domain.policy.language.choices import Decided, LateClaim, LogTest, PayoutRoute
from worker.domain.policy.language.kinds import NON_RECEIVING, KindRule
from worker.domain.policy.language.profile import BASIS_POINTS, Profile
from worker.domain.policy.vocabulary import BALANCE, Destination, Reason


class ClaimCase(NamedTuple):
    profile: Profile
    claim: ClaimFacts
    now: datetime
    contact: datetime  #: When the customer wrote, never before the purchase.
    rule: KindRule | None  #: None: the policy does not list the kind.
    place: Destination  #: Where its money would go.
    sms_window_end: datetime
    claims_until: datetime | None  #: The last instant in which a claim of this kind is accepted.

    @property
    def order(self) -> OrderFacts:
        return self.claim.order

    @property
    def leaves(self) -> bool:
        return self.place is not Destination.BALANCE

    @property
    def sms_window_over(self) -> bool:
        return self.now > self.sms_window_end

    @property
    def is_late(self) -> bool:
        until = self.claims_until
        return until is not None and self.contact > until

    @property
    def late_goes_to_human(self) -> bool:
        return (self.rule or self.profile.claims).late is LateClaim.REVIEW

    @property
    def share_bp(self) -> int:
        return BASIS_POINTS if self.rule is None else self.rule.share_bp

    @property
    def stopped_at(self) -> datetime:
        """When a rental stopped: what a human found, else the contact."""
        found = [
            at for at in (self.claim.blocked_at, self.claim.stopped_found_at) if at is not None
        ]
        return min(found, default=self.contact)

    @property
    def rental_ended(self) -> bool:
        end = self.order.rental_end
        return self.order.is_rental and end is not None and self.stopped_at >= end

    @property
    def says_no_sms(self) -> bool:
        """Whether the claim is that no SMS came: our log answers that, whoever judges."""
        return self.claim.kind == NON_RECEIVING or (
            self.is_decided(Decided.LOG) and self.log_test is LogTest.NO_SMS
        )

    @property
    def log_test(self) -> LogTest | None:
        return None if self.rule is None else self.rule.log

    def is_decided(self, *ways: Decided) -> bool:
        return self.rule is not None and self.rule.decided in ways

    @property
    def is_judged(self) -> bool:
        """Whether a human has said yes to this very claim."""
        repaired = self.is_decided(Decided.REPAIR) and self.claim.approved is True
        return self.claim.verified is True or repaired

    @property
    def review_by(self) -> datetime | None:
        """Until when a human decides: days from the order, or time from the request."""
        honoured = deadlines.honour_by(self.profile, self.order.purchased_at)
        return honoured or deadlines.review_by(self.profile, self.contact)

    @property
    def credit_by(self) -> datetime | None:
        booked = deadlines.credit_by(self.profile, self.contact)
        return booked or deadlines.honour_by(self.profile, self.order.purchased_at)

    @property
    def pay_by(self) -> datetime | None:
        approved_at = self.claim.approved_at or self.now
        paid = deadlines.pay_by(self.profile, approved_at, self.order.payment_method)
        return paid or deadlines.honour_by(self.profile, self.order.purchased_at)

    @property
    def answer_by(self) -> datetime | None:
        """Until when the customer may add what is missing."""
        until = self.claims_until
        if until is not None:
            return until
        days = self.profile.obligations.answer_days
        if days is not None:
            return deadlines.days_after(self.profile, self.contact, days)
        return self.claim.answer_due_at


ClaimCheck: TypeAlias = Callable[[ClaimCase], Decision | None]


def claim_case(profile: Profile, claim: ClaimFacts, now: datetime) -> ClaimCase:
    rule, order = profile.kind(claim.kind), claim.order
    return ClaimCase(
        profile,
        claim,
        now,
        contact=max(claim.claim_at, order.purchased_at),
        rule=rule,
        place=_place(profile, claim, rule),
        sms_window_end=order.purchased_at + profile.window,
        claims_until=deadlines.window_end_for(
            profile, rule or profile.claims, order, claim.issue_at
        ),
    )


def missing(case: ClaimCase, reason: Reason) -> Decision:
    """What is missing can be added until a date; afterwards it counts as silence."""
    until = case.answer_by
    return needs_evidence(reason, until) if until is None or case.now <= until else deny(reason)


def _place(profile: Profile, claim: ClaimFacts, rule: KindRule | None) -> Destination:
    asked_for_balance = claim.destination is Destination.BALANCE
    match profile.payout.route:
        case None:
            return Destination.BALANCE
        case PayoutRoute.METHOD_OF_PAYMENT:
            if claim.order.payment_method == BALANCE:
                return Destination.BALANCE
            # Nobody asks for the method of payment: a kind of the balance stays there unasked.
            stays = asked_for_balance and rule is not None and never_leaves(claim, rule)
            return Destination.BALANCE if stays else Destination.ORIGINAL_METHOD
        case PayoutRoute.WALLET:
            return Destination.BALANCE if asked_for_balance else Destination.WALLET
        case PayoutRoute.CLIENT:
            return Destination.BALANCE if asked_for_balance else Destination.CLIENT
        case PayoutRoute.AS_DECIDED:
            return claim.destination
        case _:
            assert_never(profile.payout.route)


def may_leave(profile: Profile, asked: str | None, payment_method: str) -> bool:
    """Whether money of a claim that asks for this place could leave, whatever its kind is.

    Both are told once: where it goes with the claim, how it was paid with the order.
    """
    by_method = payment_method != BALANCE
    elsewhere = asked not in {None, Destination.BALANCE.value}
    return any(
        by_method if route is PayoutRoute.METHOD_OF_PAYMENT else elsewhere
        for route in profile.payout_routes
    )


def never_leaves(claim: ClaimFacts, rule: KindRule) -> bool:
    """Whether the money of this kind stays on the balance, whatever is asked."""
    return rule.to is Destination.BALANCE or (
        rule.client_if is not None and claim.was_listed is False
    )
