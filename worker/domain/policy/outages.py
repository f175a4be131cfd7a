"""Outages of rented numbers: whether one was long enough to be credited, and how much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from worker.domain.policy import decision
from worker.domain.policy.deadlines import capped_end, credit_by, prorated, review_by
from worker.domain.policy.facts import OutageFacts
from worker.domain.policy.profile import Profile
from worker.domain.policy.vocabulary import Outcome, Reason


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
        return min(self.facts.rental_end, capped_end(self.profile, self.start))

    @property
    def end(self) -> datetime:
        """When it ended, or `last_end` while it runs."""
        restored_at = self.facts.restored_at
        return self.last_end if restored_at is None else min(restored_at, self.last_end)

    @property
    def running(self) -> bool:
        return self.facts.restored_at is None and self.now < self.last_end

    @property
    def threshold(self) -> timedelta:
        seconds = self.profile.outage_threshold_s
        assert seconds is not None  # `_policy_silent` has answered.
        return timedelta(seconds=seconds)


OutageCheck: TypeAlias = Callable[[OutageCase], decision.Decision | None]


def outage_tick(profile: Profile, facts: OutageFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_OUTAGE_CHECKS, OutageCase(profile, facts, now))


def _policy_silent(case: OutageCase) -> decision.Decision | None:
    return (
        decision.review(Reason.POLICY_SILENT) if case.profile.outage_threshold_s is None else None
    )


def _settled(case: OutageCase) -> decision.Decision | None:
    return decision.nothing(Reason.ALREADY_SETTLED) if case.facts.credited_minor > 0 else None


def _client_caused(case: OutageCase) -> decision.Decision | None:
    return decision.deny(Reason.CLIENT_CAUSED) if case.facts.client_caused else None


def _no_contact(case: OutageCase) -> decision.Decision | None:
    return decision.nothing(Reason.NO_CONTACT) if case.facts.contacted_at is None else None


def _unverified(case: OutageCase) -> decision.Decision | None:
    if case.facts.outage_verified is True:
        return None
    return decision.review(Reason.OUTAGE_UNVERIFIED, review_by(case.profile, case.contacted_at))


def _below_threshold(case: OutageCase) -> decision.Decision | None:
    """Only *more* than the threshold counts."""
    reached = case.now if case.running else case.end
    if reached - case.start > case.threshold:
        return None
    if not case.running:
        return decision.deny(Reason.OUTAGE_NOT_OVER_24H)
    return decision.wait(Reason.OUTAGE_RUNNING, min(case.start + case.threshold, case.last_end))


def _running(case: OutageCase) -> decision.Decision | None:
    return decision.wait(Reason.OUTAGE_RUNNING, case.last_end) if case.running else None


def _credit(case: OutageCase) -> decision.Decision:
    facts = case.facts
    amount = prorated(
        case.profile,
        facts.price_minor,
        rental=(facts.rental_start, facts.rental_end),
        lost=(case.start, case.end),
    )
    until = credit_by(case.profile, case.end)
    return decision.credit(Reason.OUTAGE_OVER_24H, amount, until, Outcome.PRORATED_CREDIT)


_OUTAGE_CHECKS: tuple[OutageCheck, ...] = (
    _policy_silent,
    _settled,
    _client_caused,
    _no_contact,
    _unverified,
    _below_threshold,
    _running,
    _credit,
)
