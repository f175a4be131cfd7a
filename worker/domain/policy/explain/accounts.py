"""Sentences about the account: withdrawals, an idle balance, deletion, blocks, chargebacks."""

from worker.domain.policy.explain.wording import Template, counted, days, listed, minor
from worker.domain.policy.language import choices
from worker.domain.policy.language.choices import WithdrawalMode
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import Reason


def withdraws(p: Profile) -> bool:
    return p.withdrawal.mode in {WithdrawalMode.BALANCE, WithdrawalMode.UNUSED_TOPUPS}


_MODES = {
    None: "About a withdrawal a human decides: the policy is silent.",
    WithdrawalMode.NEVER: "Unused money does not leave; a withdrawal is denied by its reason.",
    WithdrawalMode.BALANCE: "What is on the balance can be withdrawn.",
    WithdrawalMode.UNUSED_TOPUPS: (
        "Top-ups later than the last activated purchase can be withdrawn, less what was paid out"
        " and bought since."
    ),
}
_SPENT = {
    choices.SpentBars.ANY: "Once anything was spent, a withdrawal is denied.",
    choices.SpentBars.ACTIVATED: "Once a number was activated, a withdrawal is denied.",
    choices.SpentBars.NOTHING: None,
}


def _destination(p: Profile) -> str | None:
    if not withdraws(p):
        return None
    place = p.withdrawal.destination.value.replace("_", " ")
    return f"A withdrawal goes to the {place}."


def _withdrawal_decided(p: Profile) -> str | None:
    if not withdraws(p):
        return None
    granted = p.withdrawal.decided is choices.WithdrawalDecided.GRANT
    return f"A withdrawal is {'paid at once' if granted else 'decided by a human'}."


def _spent(p: Profile) -> str | None:
    return _SPENT[p.withdrawal.spent_bars] if p.withdrawal.mode is WithdrawalMode.BALANCE else None


def _least(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.least_minor:
        return None
    return f"A withdrawal under {minor(p.withdrawal.least_minor)} is denied."


def _age(p: Profile) -> str | None:
    age = p.withdrawal.topup_max_age_days
    if not withdraws(p) or age is None:
        return None
    each = p.withdrawal.mode is WithdrawalMode.UNUSED_TOPUPS
    what = "A top-up" if each else "Money whose last deposit is"
    return f"{what} older than {days(age, p)} at the contact is not paid out."


def _withdrawal_channels(p: Profile) -> str | None:
    if not withdraws(p) or p.withdrawal.channels is None:
        return None
    return f"A withdrawal must be asked for by {listed(p.withdrawal.channels, 'or')}."


def _withdrawal_reasons(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.reasons_required:
        return None
    return "A withdrawal must give its reasons."


def _withdrawal_fields(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.required_fields:
        return None
    return f"A withdrawal must state {listed(p.withdrawal.required_fields)}."


def _email(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.email_must_match:
        return None
    return "The e-mail of a withdrawal must be that of the account."


def _excluded(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.exclude_reasons:
        return None
    reasons = listed((each.value for each in p.withdrawal.exclude_reasons), "or")
    return f"A withdrawal for the reason {reasons} is denied."


def _evidence_for(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.evidence_for:
        return None
    reasons = listed((each.value for each in p.withdrawal.evidence_for), "or")
    return f"A withdrawal for the reason {reasons} needs evidence."


def _commission(p: Profile) -> str | None:
    if not withdraws(p) or not p.withdrawal.psp_commission:
        return None
    return "The payment system's commission is withheld from a withdrawal."


_EXPIRY = {None: "About an idle balance a human decides.", False: "A balance never expires."}
_IDLE = {choices.IdleThen.VOID: "it is void", choices.IdleThen.REVIEW: "a human decides about it"}
_BLOCKED = {
    choices.RulesBlock.KEEP: "A block for breaking the rules leaves the balance to be spent.",
    choices.RulesBlock.VOID: "A block for breaking the rules makes the balance void; orders end.",
}
_CHARGEBACK = {
    None: "About a chargeback a human decides: the policy is silent.",
    choices.Chargeback.FREEZE: "A chargeback freezes the balance.",
    choices.Chargeback.VOID: "A chargeback makes the balance void.",
    choices.Chargeback.REVIEW: "About a chargeback a human decides.",
}


def _expires(p: Profile) -> str | None:
    return None if p.balance.idle_months is not None else _EXPIRY[p.balance.expires]


def _idle(p: Profile) -> str | None:
    if p.balance.idle_months is None:
        return None
    months = counted(p.balance.idle_months, "calendar month")
    return f"A balance is idle when it had no entry for over {months}."


def _idle_then(p: Profile) -> str | None:
    return None if p.balance.idle_months is None else f"Then {_IDLE[p.balance.idle_then]}."


def _deletion(p: Profile) -> str:
    if p.balance.deletion_voids:
        return "What is left is void once a deletion is confirmed."
    return "About what is left when an account is deleted a human decides."


ACCOUNTS = (
    Template(
        "withdrawal.mode",
        lambda p: _MODES[p.withdrawal.mode],
        (
            Reason.BALANCE_WITHDRAWAL,
            Reason.REFUNDABLE_TOPUPS,
            Reason.PARTIAL_REFUNDABLE,
            Reason.UNUSED_FUNDS,
        ),
    ),
    Template("withdrawal.destination", _destination),
    Template("withdrawal.decided", _withdrawal_decided, (Reason.JUDGE_REQUEST,)),
    Template("withdrawal.spent_bars", _spent, (Reason.TOPUP_USED,)),
    Template("withdrawal.least_minor", _least, (Reason.BELOW_LEAST_SUM,)),
    Template("withdrawal.topup_max_age_days", _age, (Reason.TOPUP_TOO_OLD,)),
    Template("withdrawal.channels", _withdrawal_channels, (Reason.WRONG_CHANNEL,)),
    Template("withdrawal.reasons_required", _withdrawal_reasons, (Reason.REASONS_MISSING,)),
    Template("withdrawal.required_fields", _withdrawal_fields, (Reason.REQUEST_INCOMPLETE,)),
    Template("withdrawal.email_must_match", _email, (Reason.EMAIL_MISMATCH,)),
    Template("withdrawal.exclude_reasons", _excluded, (Reason.ACCIDENTAL_TOPUP,)),
    Template("withdrawal.evidence_for", _evidence_for, (Reason.EVIDENCE_MISSING,)),
    Template("withdrawal.psp_commission", _commission),
    Template("balance.expires", _expires, (Reason.NEVER_EXPIRES,)),
    Template("balance.idle_months", _idle, (Reason.IDLE_RUNNING,)),
    Template("balance.idle_then", _idle_then, (Reason.IDLE,)),
    Template(
        "balance.deletion_voids", _deletion, (Reason.DELETED_BY_CUSTOMER, Reason.ACCOUNT_DELETED)
    ),
    Template("balance.rules_block", lambda p: _BLOCKED[p.balance.rules_block], (Reason.FORFEITED,)),
    Template(
        "balance.chargeback", lambda p: _CHARGEBACK[p.balance.chargeback], (Reason.CHARGEBACK,)
    ),
)
