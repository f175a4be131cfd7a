"""Outages of rented numbers: whether one was long enough to be credited, and how much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias, assert_never

from worker.domain import calendar
from worker.domain.policy import decision
from worker.domain.policy.deadlines import credit_by, non_receiving_until, review_by
from worker.domain.policy.facts import OrderFacts, OutageFacts, PastEvent
from worker.domain.policy.findings import denied_by
from worker.domain.policy.language.choices import OverLimit
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import exceeded
from worker.domain.policy.orders import older_than_policy
from worker.domain.policy.unused_part import RentalTime, month_sum, outage_worth
from worker.domain.policy.vocabulary import Destination, Outcome, PastEventKind, Reason


class OutageCase(NamedTuple):
    profile: Profile
    facts: OutageFacts
    now: datetime

    @property
    def contacted_at(self) -> datetime:
        assert self.facts.contacted_at is not None  # `_no_contact` has answered.
        return self.facts.contacted_at

    @property
    def start(self) -> datetime:
        """The number counts as not working from the contact, never before it was rented."""
        since = self.facts.unavailable_since or self.contacted_at
        return max(self.contacted_at, since, self.facts.rental_start)

    @property
    def last_end(self) -> datetime:
        """When the outage ends at the latest: with the rental, or when the cap is reached."""
        months, end = self.profile.outage.refund_cap_months, self.facts.rental_end
        return end if months is None else min(end, calendar.after_months(self.start, months))

    @property
    def ended_at(self) -> datetime | None:
        """When it worked again: somebody found it, or an SMS came."""
        sms_at = self.facts.sms_received_at
        ends = (self.facts.restored_at, sms_at if sms_at is None or sms_at >= self.start else None)
        return min((end for end in ends if end is not None), default=None)

    @property
    def end(self) -> datetime:
        """When it ended, or `last_end` while it runs."""
        return min(self.ended_at or self.last_end, self.last_end)

    @property
    def running(self) -> bool:
        return self.ended_at is None and self.now < self.last_end

    @property
    def threshold(self) -> timedelta:
        return timedelta(seconds=self.profile.outage.threshold_s or 0)

    @property
    def rental(self) -> RentalTime:
        facts = self.facts
        return RentalTime(facts.price_minor, facts.rental_start, facts.rental_end)

    @property
    def left_minor(self) -> int:
        """What all credits of this rental together still may be (R-PART, R-MONTH)."""
        month = month_sum(self.profile, self.rental, self.facts.first_refund_from or self.start)
        most = self.facts.price_minor if month is None else month
        return max(0, most - self.facts.credited_minor)

    @property
    def worth_minor(self) -> int:
        length = max(self.end - self.start, timedelta(0))
        return min(outage_worth(self.profile, self.rental, length), self.left_minor)


OutageCheck: TypeAlias = Callable[[OutageCase], decision.Decision | None]


def outage_tick(profile: Profile, facts: OutageFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_CHECKS, OutageCase(profile, facts, now))


def _version(case: OutageCase) -> decision.Decision | None:
    purchased_at = case.facts.purchased_at or case.facts.rental_start
    old = older_than_policy(case.profile, purchased_at)
    return decision.review(Reason.POLICY_VERSION) if old else None


def _replaced(case: OutageCase) -> decision.Decision | None:
    linked = case.facts.replacement_linked_at is not None
    return decision.nothing(Reason.REPLACED) if linked else None


def _settled(case: OutageCase) -> decision.Decision | None:
    done = case.facts.credited_minor >= case.facts.price_minor
    return decision.nothing(Reason.ALREADY_SETTLED) if done else None


def _barred(case: OutageCase) -> decision.Decision | None:
    reason = denied_by(case.profile, case.facts.account_flags, leaves=False)
    return None if reason is None else decision.deny(reason)


def _policy_silent(case: OutageCase) -> decision.Decision | None:
    said = case.profile.outage.threshold_s is not None
    return None if said else decision.review(Reason.POLICY_SILENT)


def _client_caused(case: OutageCase) -> decision.Decision | None:
    return decision.deny(Reason.CLIENT_CAUSED) if case.facts.client_caused else None


def _no_contact(case: OutageCase) -> decision.Decision | None:
    return decision.nothing(Reason.NO_CONTACT) if case.facts.contacted_at is None else None


def _unverified(case: OutageCase) -> decision.Decision | None:
    """A human is asked, and shown what a yes would credit now; a yes is not limited."""
    if case.facts.outage_verified is True:
        return None
    yes = decision.first_answer(_CHECKS_AFTER_YES, case)
    minor = yes.amount_minor if yes.outcome is Outcome.PRORATED_CREDIT else 0
    by = review_by(case.profile, case.contacted_at)
    return decision.propose(Reason.OUTAGE_UNVERIFIED, minor, Destination.BALANCE, by)


def _below_threshold(case: OutageCase) -> decision.Decision | None:
    """Only *more* than the threshold counts."""
    reached = case.now if case.running else case.end
    if reached - case.start > case.threshold:
        return None
    if not case.running:
        return decision.deny(Reason.OUTAGE_NOT_OVER_24H)
    return decision.wait(Reason.OUTAGE_RUNNING, min(case.start + case.threshold, case.last_end))


def _month_used(case: OutageCase) -> decision.Decision | None:
    return None if case.left_minor else decision.deny(Reason.REFUND_MONTH_USED)


def _running(case: OutageCase) -> decision.Decision | None:
    return decision.wait(Reason.OUTAGE_RUNNING, case.last_end) if case.running else None


def _no_day(case: OutageCase) -> decision.Decision | None:
    """Over a threshold of less than a day, and still no day of it is complete."""
    return None if case.worth_minor else decision.deny(Reason.OUTAGE_NOT_OVER_24H)


def _limited(case: OutageCase) -> decision.Decision | None:
    if not case.profile.limits:
        return None
    minor = case.worth_minor
    deed = PastEvent(PastEventKind.AUTO_CREDIT, case.now, minor)
    then = exceeded(case.profile, case.facts.history, deed)
    match then:
        case None:
            return None
        case OverLimit.REVIEW:
            by = review_by(case.profile, case.now)
            return decision.propose(Reason.LIMIT_REACHED, minor, Destination.BALANCE, by)
        case OverLimit.DENY:
            return decision.deny(Reason.LIMIT_REACHED)
        case OverLimit.CLOSE | OverLimit.WAIT:
            return _close_only(case)
        case _:
            assert_never(then)


def _close_only(case: OutageCase) -> decision.Decision:
    facts = case.facts
    bought_at = facts.purchased_at or facts.rental_start
    order = OrderFacts(bought_at, facts.price_minor, rental_start=facts.rental_start)
    end = non_receiving_until(case.profile, order)
    return decision.Decision(Outcome.CANCEL_NO_CREDIT, Reason.AWAITING_CLAIM, deadline=end)


def _credit(case: OutageCase) -> decision.Decision:
    until, minor = credit_by(case.profile, case.end), case.worth_minor
    return decision.credit(Reason.OUTAGE_OVER_24H, minor, until, Outcome.PRORATED_CREDIT)


_CHECKS_AFTER_YES: tuple[OutageCheck, ...] = (
    _below_threshold,
    _month_used,
    _running,
    _no_day,
    _credit,
)
_CHECKS: tuple[OutageCheck, ...] = (
    _version,
    _replaced,
    _settled,
    _barred,
    _policy_silent,
    _client_caused,
    _no_contact,
    _unverified,
    _below_threshold,
    _month_used,
    _running,
    _no_day,
    _limited,
    _credit,
)
