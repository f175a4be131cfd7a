"""Sentences about claims: their window, their form, each kind, and the repair."""

from worker.domain.policy.explain.wording import (
    Template,
    lasting,
    listed,
    percent,
    seconds,
)
from worker.domain.policy.language import choices
from worker.domain.policy.language.kinds import KindRule
from worker.domain.policy.language.profile import BASIS_POINTS, Profile
from worker.domain.policy.vocabulary import Reason

_FROM = {
    choices.WindowFrom.PURCHASE: "the purchase",
    choices.WindowFrom.ISSUE: "the issue as the customer states it",
    choices.WindowFrom.START: "the start of the rental",
    choices.WindowFrom.RENEWAL: "the renewal",
}
_LATE = {
    choices.LateClaim.DENY: "is denied",
    choices.LateClaim.REVIEW: "goes to a human",
}


def _first_purchase(p: Profile) -> str | None:
    if not p.claims.first_purchase_only:
        return None
    return "Only the first purchase of an account can be claimed on."


def _usage(p: Profile) -> str | None:
    most = p.claims.usage_max_bp
    return None if most is None else f"A claim is denied when over {percent(most)} was used."


def _window(p: Profile) -> str | None:
    if p.claims.window is None:
        return "A claim is accepted at any time." if p.has_kinds else None
    return f"A claim is accepted for {lasting(p.claims.window, p)}."


def _window_from(p: Profile) -> str | None:
    if p.claims.window is None:
        return None
    return f"The window of claims counts from {_FROM[p.claims.window_from]}."


def _late(p: Profile) -> str | None:
    return None if p.claims.window is None else f"A later claim {_LATE[p.claims.late]}."


def _channels(p: Profile) -> str | None:
    if p.claims.channels is None:
        return None
    return f"A request must come by {listed(p.claims.channels, 'or')}."


def _fields(p: Profile) -> str | None:
    if not p.claims.required_fields:
        return None
    return f"A request must state {listed(p.claims.required_fields)}."


def _reasons(p: Profile) -> str | None:
    return "A request must give its reasons." if p.claims.reasons_required else None


def _form_for(p: Profile) -> str | None:
    if not (p.claims.channels or p.claims.required_fields or p.claims.reasons_required):
        return None
    if p.claims.form_for is choices.FormFor.EVERY:
        return "This holds for every claim."
    return "This holds for what a human judges and for money that leaves."


def _unnamed(p: Profile) -> str | None:
    if not p.has_kinds:
        return "The policy is silent on claims: a human decides each, and no sum is proposed."
    if "other" in p.claims.kinds:
        return None
    return "A kind of claim without a row here goes to a human."


CLAIMS = (
    Template("claims.first_purchase_only", _first_purchase, (Reason.FIRST_ONLY,)),
    Template("claims.usage_max_bp", _usage, (Reason.USAGE_OVER,)),
    Template("claims.window", _window, (Reason.CLAIM_WINDOW_CLOSED, Reason.SILENCE)),
    Template("claims.window_from", _window_from, (Reason.CLAIM_WINDOW_CLOSED,)),
    Template("claims.late", _late, (Reason.CLAIM_WINDOW_CLOSED,)),
    Template("claims.channels", _channels, (Reason.WRONG_CHANNEL,)),
    Template("claims.required_fields", _fields, (Reason.REQUEST_INCOMPLETE,)),
    Template("claims.reasons_required", _reasons, (Reason.REASONS_MISSING,)),
    Template("claims.form_for", _form_for, (Reason.WRONG_CHANNEL,)),
    Template("claims.kinds", _unnamed, (Reason.UNLISTED_REASON, Reason.POLICY_SILENT)),
)

_TESTS = {
    choices.LogTest.NO_SMS: "it pays after the window when our log shows that no SMS came in it",
    choices.LogTest.NOT_PROVIDED: "it pays when our log has a failed order",
    choices.LogTest.CANCEL_FAILED: "it pays when our log has a failed Cancel",
    choices.LogTest.BLOCKED: "it pays once a human found that the customer did not cause the block",
    choices.LogTest.STOPPED: "it pays unless the time of a rental is over",
}
_UNLOGGED = {
    choices.Unlogged.REVIEW: "a human decides",
    choices.Unlogged.GRANT: "it pays once the window is over",
    choices.Unlogged.DENY: "it is denied",
}
_KNOWS = {choices.LogTest.NOT_PROVIDED, choices.LogTest.CANCEL_FAILED}


def kind_sentence(p: Profile, rule: KindRule) -> str:
    """What becomes of a claim of one kind."""
    parts = [_decided(rule), *_pays(p, rule), *_exceptions(p, rule)]
    return f"{rule.name}: {'; '.join(parts)}."


def _decided(rule: KindRule) -> str:
    match rule.decided:
        case choices.Decided.LOG:
            assert rule.log is not None
            text = _TESTS[rule.log]
            if rule.remedy is choices.Remedy.REPLACEMENT_FIRST:
                text += ", and only when a human found no replacement of the same place"
            if rule.log in _KNOWS:
                text += f", and when our log knows nothing, {_unlogged(rule)}"
            return text
        case choices.Decided.EVIDENCE:
            return f"a human decides after {_evidence(rule)}"
        case choices.Decided.REVIEW:
            return "a human decides"
        case choices.Decided.GRANT:
            return "it pays on request"
        case choices.Decided.DENY:
            listed_too = ", unless the page lists it as compatible" if rule.unless_listed else ""
            return f"never paid ({rule.reason.value}){listed_too}"
        case choices.Decided.REPAIR:
            return "the shop may repair first"


def _unlogged(rule: KindRule) -> str:
    if rule.unlogged is choices.Unlogged.EVIDENCE:
        return f"a human decides after {_evidence(rule)}"
    return _UNLOGGED[rule.unlogged]


def _evidence(rule: KindRule) -> str:
    if rule.evidence is None:
        return "a piece of evidence"
    return f"evidence by {listed(rule.evidence, 'or')}"


def _pays(p: Profile, rule: KindRule) -> list[str]:
    if rule.decided is choices.Decided.DENY:
        return []
    parts = []
    if rule.share_bp == 0:
        parts.append(f"it is worth nothing, so that it is denied ({Reason.NOT_COVERED.value})")
    elif rule.share_bp != BASIS_POINTS:
        parts.append(f"it is worth {percent(rule.share_bp)} of the price")
    if rule.to is not None:
        parts.append("its money stays on the balance")
    elif rule.client_if is not None and p.payout.route is not None:
        parts.append("its money leaves only when it was listed with the order")
    return parts


def _exceptions(p: Profile, rule: KindRule) -> list[str]:
    parts = []
    if rule.before_sms:
        parts.append("an SMS that arrived bars it")
    if rule.any_channel and p.claims.channels is not None:
        parts.append("it may come by any channel")
    policy = p.claims
    if rule.window is not None and rule.decided is not choices.Decided.DENY:
        if (rule.window, rule.window_from) != (policy.window, policy.window_from):
            parts.append(f"accepted for {lasting(rule.window, p)} from {_FROM[rule.window_from]}")
        if policy.window is None or rule.late is not policy.late:
            parts.append(f"a later one {_LATE[rule.late]}")
    return parts


def kind_reasons(rule: KindRule) -> tuple[Reason, ...]:
    """The decisions that rest on the row of a kind."""
    match rule.decided:
        case choices.Decided.LOG:
            assert rule.log is not None
            return _LOGGED[rule.log]
        case choices.Decided.EVIDENCE:
            return (Reason.EVIDENCE_MISSING, Reason.JUDGE_EVIDENCE)
        case choices.Decided.REVIEW:
            return (Reason.JUDGE_REQUEST,)
        case choices.Decided.GRANT:
            return (Reason.GRANTED_ON_REQUEST,)
        case choices.Decided.DENY:
            return (rule.reason,)
        case choices.Decided.REPAIR:
            return (Reason.RECTIFICATION_RUNNING, Reason.RECTIFICATION_MISSED)


_LOGGED = {
    choices.LogTest.NO_SMS: (Reason.NO_SMS_ON_RECORD,),
    choices.LogTest.NOT_PROVIDED: (Reason.NEVER_PROVIDED, Reason.NUMBER_WAS_PROVIDED),
    choices.LogTest.CANCEL_FAILED: (Reason.CANCEL_ERROR,),
    choices.LogTest.BLOCKED: (Reason.OPERATOR_BLOCK,),
    choices.LogTest.STOPPED: (Reason.NO_REPLACEMENT, Reason.REPLACEMENT_SAME_LOCATION),
}


def _repairs(p: Profile) -> bool:
    return p.rectify.seconds is not None


def _rectify(p: Profile) -> str | None:
    if p.rectify.seconds is None:
        return None
    time, kinds = seconds(p.rectify.seconds), p.claims.kinds.values()
    repaired = [rule for rule in kinds if rule.decided is choices.Decided.REPAIR]
    whole = all(rule.share_bp == BASIS_POINTS for rule in repaired)
    due = "the whole price" if whole else "what its kind is worth"
    return f"The shop has {time} to repair, from the first notice; then {due} is due."


def _replacement(p: Profile) -> str | None:
    if not _repairs(p):
        return None
    if p.rectify.replacement_offered:
        return "The customer may then choose a replacement instead."
    return "The customer cannot choose a replacement instead."


def _tolerance(p: Profile) -> str | None:
    if not p.rectify.replacement_offered:
        return None
    share = percent(p.rectify.replacement_tolerance_bp)
    return f"A replacement is of like value up to {share} above or below the price."


def _grace(p: Profile) -> str | None:
    if not _repairs(p):
        return None
    time = seconds(p.rectify.host_access_grace_s)
    return f"Access later than {time} after it was asked for moves that end by the delay."


REPAIR = (
    Template(
        "rectify.seconds", _rectify, (Reason.RECTIFICATION_RUNNING, Reason.RECTIFICATION_MISSED)
    ),
    Template("rectify.replacement_offered", _replacement, (Reason.REPLACEMENT_CHOSEN,)),
    Template("rectify.replacement_tolerance_bp", _tolerance, (Reason.REPLACEMENT_VALUE_MISMATCH,)),
    Template("rectify.host_access_grace_s", _grace, (Reason.HOST_ACCESS_PENDING,)),
)
