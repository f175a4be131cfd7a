"""Claims on guaranteed grounds: some are credited to the balance, others paid out on request."""

from dataclasses import replace
from datetime import datetime

from worker.domain.policy import claim_checks as checks
from worker.domain.policy import decision
from worker.domain.policy.account_rules import bar_to_money_out
from worker.domain.policy.deadlines import credit_by, prorated
from worker.domain.policy.money_out import destination, pay
from worker.domain.policy.vocabulary import ClaimKind, Destination, Outcome, Product, Reason

_NEVER_PROVIDED = frozenset({ClaimKind.CANNOT_PROVIDE, ClaimKind.NO_NUMBERS})


def grounds_claim(case: checks.ClaimCase) -> decision.Decision:
    return decision.first_answer(_CLAIM_CHECKS, case)


def _money_out(case: checks.ClaimCase) -> bool:
    return destination(case) is not Destination.BALANCE


def _account_flags(case: checks.ClaimCase) -> decision.Decision | None:
    if not _money_out(case):
        return None
    return bar_to_money_out(case.profile, case.claim.account_flags, case.decide_by)


def _restrictions(case: checks.ClaimCase) -> decision.Decision | None:
    ignored = case.profile.restrictions_bar and case.order.restrictions_ignored
    return decision.deny(Reason.RESTRICTIONS_IGNORED) if ignored else None


def _documents(case: checks.ClaimCase) -> decision.Decision | None:
    """Barred only when they were announced with the order and money is to leave (R-DOCS)."""
    if case.claim.kind is not ClaimKind.DOCUMENTS_REFUSED or case.profile.documents_bar is None:
        return None
    if not case.claim.documents_shown_at_order:
        return _propose_price(case, Reason.DOCUMENTS_NOT_ANNOUNCED)
    if _money_out(case):
        return decision.deny(Reason.DOCUMENTS_REFUSED)
    return _propose_price(case, Reason.DOCUMENTS_REFUSED)


def _early_deactivation(case: checks.ClaimCase) -> decision.Decision | None:
    kind, barred = case.claim.kind, case.profile.early_deactivation_bars
    if kind is not ClaimKind.EARLY_DEACTIVATION or not barred:
        return None
    if case.order.due_to_problem:
        return decision.review(Reason.DEACTIVATION_DUE_TO_PROBLEM, case.decide_by)
    return decision.deny(Reason.EARLY_DEACTIVATION)


def _unlisted(case: checks.ClaimCase) -> decision.Decision | None:
    listed = case.profile.balance_grounds | case.profile.client_grounds
    return None if case.claim.kind in listed else decision.first_answer(_UNLISTED_CHECKS, case)


def _by_destination(case: checks.ClaimCase) -> decision.Decision:
    return decision.first_answer(_CLIENT_CHECKS if _money_out(case) else _BALANCE_CHECKS, case)


def _client_ground(case: checks.ClaimCase) -> decision.Decision | None:
    """Some grounds are guaranteed to the balance only; that credit stays available (R-CLIENT)."""
    kind = case.claim.kind
    not_orderable = kind is ClaimKind.NO_NUMBERS and case.claim.was_listed is False
    if kind not in case.profile.client_grounds or not_orderable:
        return decision.deny(Reason.NOT_A_CLIENT_REFUND_GROUND)
    return None


def _listing_known(case: checks.ClaimCase) -> decision.Decision | None:
    """An unknown listing is looked up by the human who judges the request."""
    listed, verdict = case.claim.was_listed, case.claim.verified
    unknown = case.claim.kind is ClaimKind.NO_NUMBERS and listed is None and verdict is None
    return _propose_price(case, Reason.ALLOCATION_UNKNOWN) if unknown else None


def _was_provided(case: checks.ClaimCase) -> decision.Decision | None:
    provided = case.claim.kind in _NEVER_PROVIDED and case.claim.allocation_failed is False
    return decision.deny(Reason.NUMBER_WAS_PROVIDED) if provided else None


def _replacement(case: checks.ClaimCase) -> decision.Decision | None:
    """No money while there is another number of the same country and city."""
    comes_first = case.claim.kind in case.profile.replacement_first
    if comes_first and case.claim.replacement_available:
        return checks.replace_number(Reason.REPLACEMENT_SAME_LOCATION)
    return None


def _request_fields(case: checks.ClaimCase) -> decision.Decision | None:
    complete = case.profile.required_fields <= case.claim.request_fields
    return None if complete else decision.needs_evidence(Reason.REQUEST_INCOMPLETE)


def _payment_method(case: checks.ClaimCase) -> decision.Decision | None:
    if case.claim.payment_method_refundable:
        return None
    return _propose_price(case, Reason.ALTERNATIVE_REFUND_METHOD)


def _verdict(case: checks.ClaimCase) -> decision.Decision:
    if case.claim.verified is None:
        return _propose_price(case, Reason.JUDGE_REQUEST)
    if case.claim.verified:
        # The text gives a time to decide, none to pay.
        return replace(pay(case, _ground_reason(case)), deadline=None)
    return decision.deny(Reason.CLAIM_REJECTED)


def _ground_reason(case: checks.ClaimCase) -> Reason:
    match case.claim.kind:
        case ClaimKind.CARRIER_FAULT:
            return Reason.NO_REPLACEMENT
        case ClaimKind.OPERATOR_BLOCK:
            return Reason.OPERATOR_BLOCK
        case ClaimKind.NON_RECEIVING:
            return checks.no_sms_reason(case.order)
        case _:
            return Reason.NEVER_PROVIDED


def _code_displayed(case: checks.ClaimCase) -> decision.Decision | None:
    shown = case.claim.kind is ClaimKind.NON_RECEIVING and case.order.sms_displayed_at is not None
    return decision.deny(Reason.CODE_DISPLAYED) if shown else None


def _still_waiting(case: checks.ClaimCase) -> decision.Decision | None:
    return checks.sms_window_open(case) if case.claim.kind is ClaimKind.NON_RECEIVING else None


def _operator_block(case: checks.ClaimCase) -> decision.Decision | None:
    if case.claim.kind is not ClaimKind.OPERATOR_BLOCK:
        return None
    if case.claim.client_caused is True:
        return decision.deny(Reason.CLIENT_CAUSED)
    owed = _owed_for_block(case)
    if case.claim.client_caused is None or owed is None:
        amount = 0 if owed is None else owed
        return decision.propose(Reason.CAUSE_UNKNOWN, amount, Destination.BALANCE, case.decide_by)
    rental = case.order.product is Product.RENTAL
    outcome = Outcome.PRORATED_CREDIT if rental else Outcome.CREDIT
    return decision.credit(Reason.OPERATOR_BLOCK, owed, _credit_by(case), outcome)


def _owed_for_block(case: checks.ClaimCase) -> int | None:
    """A one-time number: its price; a rental: the days from the block to its end (R-BLOCK)."""
    claim = case.claim
    if case.order.product is Product.ONE_TIME:
        return case.price
    if claim.rental_start is None or claim.rental_end is None:
        return None
    blocked_at = max(claim.blocked_at or claim.claim_at, claim.rental_start)
    return prorated(
        case.profile,
        case.price,
        rental=(claim.rental_start, claim.rental_end),
        lost=(blocked_at, claim.rental_end),
    )


def _to_balance(case: checks.ClaimCase) -> decision.Decision:
    return decision.credit(_ground_reason(case), case.price, _credit_by(case))


def _credit_by(case: checks.ClaimCase) -> datetime | None:
    return credit_by(case.profile, case.claim.claim_at)


def _propose_price(case: checks.ClaimCase, reason: Reason) -> decision.Decision:
    return decision.propose(reason, case.price, destination(case), case.decide_by)


_CLAIM_CHECKS: tuple[checks.ClaimCheck, ...] = (
    checks.version,
    checks.already_refunded,
    _account_flags,
    _restrictions,
    checks.excluded,
    _documents,
    _early_deactivation,
    _unlisted,
    _by_destination,
)
_UNLISTED_CHECKS: tuple[checks.ClaimCheck, ...] = (
    checks.wrong_channel,
    checks.reasons_missing,
    checks.contradicts_terms,
    checks.unlisted,
)
_CLIENT_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _client_ground,
    _was_provided,
    _replacement,
    checks.wrong_channel,
    _request_fields,
    _listing_known,
    _payment_method,
    _verdict,
)
_BALANCE_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _code_displayed,
    _still_waiting,
    _was_provided,
    _replacement,
    _operator_block,
    _to_balance,
)
