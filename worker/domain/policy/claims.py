"""The spine of a claim: version, settled, bars, window, form, the kind's rule, and its money.

The order of the checks is part of the contract: the first one that answers decides.
"""

from datetime import datetime

from worker.domain.policy.claim_bars import BARS
from worker.domain.policy.claim_case import ClaimCase, ClaimCheck, claim_case, missing
from worker.domain.policy.claim_kinds import by_kind
from worker.domain.policy.claim_payments import ask_human
from worker.domain.policy.decision import Decision, deny, first_answer
from worker.domain.policy.facts import ClaimFacts
from worker.domain.policy.language.choices import Decided, FormFor
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import Outcome, Reason

_JUDGED_OUTCOMES = frozenset({Outcome.NEEDS_REVIEW, Outcome.NEEDS_EVIDENCE})


def claim(profile: Profile, facts: ClaimFacts, now: datetime) -> Decision:
    return first_answer(_CHECKS, claim_case(profile, facts, now))


def _window_closed(case: ClaimCase) -> Decision | None:
    closed = case.is_late and not case.late_goes_to_human
    return deny(Reason.CLAIM_WINDOW_CLOSED) if closed else None


def _wrong_channel(case: ClaimCase) -> Decision | None:
    wanted, used = case.profile.claims.channels, case.claim.channel
    if wanted is None or used is None or used in wanted:
        return None
    if case.rule is not None and case.rule.any_channel:
        return None
    return _missing_form(case, Reason.WRONG_CHANNEL)


def _incomplete(case: ClaimCase) -> Decision | None:
    stated = case.claim.request_fields
    if stated is None or case.profile.claims.required_fields <= stated:
        return None
    return _missing_form(case, Reason.REQUEST_INCOMPLETE)


def _reasons_missing(case: ClaimCase) -> Decision | None:
    if case.claim.reasons_given or not case.profile.claims.reasons_required:
        return None
    return _missing_form(case, Reason.REASONS_MISSING)


def _contradicts_terms(case: ClaimCase) -> Decision | None:
    contradicts = case.claim.contradicts_terms
    return ask_human(case, Reason.CONTRADICTS_TERMS) if contradicts else None


def _missing_form(case: ClaimCase, reason: Reason) -> Decision | None:
    return missing(case, reason) if _needs_form(case) else None


def _needs_form(case: ClaimCase) -> bool:
    """Whether channel, fields and reasons are asked of this claim."""
    if case.profile.claims.form_for is FormFor.EVERY or case.leaves:
        return True
    if case.is_late or not case.is_decided(Decided.LOG, Decided.GRANT):
        return True
    return by_kind(case).outcome in _JUDGED_OUTCOMES


_CHECKS: tuple[ClaimCheck, ...] = (
    *BARS,
    _window_closed,
    _wrong_channel,
    _incomplete,
    _reasons_missing,
    _contradicts_terms,
    by_kind,
)
