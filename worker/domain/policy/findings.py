"""What is known against an account: which findings bar money, and which a human must see first.

Findings are a human's, never computed. A bar of `client` stops only money that leaves: credits to
the balance go on (R-HEAD). Money that leaves a blocked, frozen, deleted or charged-back account is
seen by a human even where the policy is silent (R-FROZEN).
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from worker.domain.policy.language.choices import Bar
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import AccountFlag, Reason


class _Finding(NamedTuple):
    flag: AccountFlag
    bar: Callable[[Profile], Bar | None]
    reason: Reason


#: In the order in which they answer; the first three are states of the account itself.
_BLOCKS = (
    _Finding(
        AccountFlag.DELETED_BY_CUSTOMER,
        lambda profile: Bar.CLIENT if profile.balance.deletion_voids else None,
        Reason.ACCOUNT_DELETED,
    ),
    _Finding(
        AccountFlag.BLOCKED_LAW_ENFORCEMENT,
        lambda profile: profile.bars.law_enforcement,
        Reason.ACCOUNT_FROZEN,
    ),
    _Finding(
        AccountFlag.BLOCKED_RULES,
        lambda profile: profile.bars.rules_block,
        Reason.ACCOUNT_BLOCKED_RULES,
    ),
)
_FINDINGS = (
    *_BLOCKS,
    _Finding(
        AccountFlag.UNLAWFUL_USE_CONFIRMED,
        lambda profile: profile.bars.unlawful,
        Reason.UNLAWFUL_USE,
    ),
    _Finding(AccountFlag.FRAUD_CONFIRMED, lambda profile: profile.bars.fraud, Reason.FRAUD),
    _Finding(
        AccountFlag.COMPLAINT_PROVIDER,
        lambda profile: profile.bars.complaint,
        Reason.COMPLAINT_RECEIVED,
    ),
    _Finding(
        AccountFlag.COMPLAINT_LAW_ENFORCEMENT,
        lambda profile: profile.bars.complaint,
        Reason.COMPLAINT_RECEIVED,
    ),
)
_SUSPICIONS: Mapping[AccountFlag, Callable[[Profile], Bar | None]] = {
    AccountFlag.UNLAWFUL_USE_SUSPECTED: lambda profile: profile.bars.unlawful,
    AccountFlag.FRAUD_SUSPECTED: lambda profile: profile.bars.fraud,
}

Flags = AbstractSet[AccountFlag]


def denied_by(profile: Profile, flags: Flags, *, leaves: bool) -> Reason | None:
    """The finding that bars this money, if there is one."""
    if not flags:
        return None
    for finding in _FINDINGS:
        if finding.flag in flags and _bars(finding.bar(profile), leaves=leaves):
            return finding.reason
    return None


def unseen_freeze(flags: Flags) -> Reason | None:
    """The state of the account that a human must see before its money leaves."""
    for block in _BLOCKS:
        if block.flag in flags:
            return block.reason
    return Reason.CHARGEBACK if AccountFlag.CHARGED_BACK in flags else None


def is_suspected(profile: Profile, flags: Flags, *, leaves: bool) -> bool:
    """Whether there is a suspicion of something that would bar this money."""
    return any(
        flag in flags and _bars(bar(profile), leaves=leaves) for flag, bar in _SUSPICIONS.items()
    )


def barred_since(profile: Profile, flags: Flags) -> Reason | None:
    """What stands against carrying out now what was approved before."""
    for finding in _FINDINGS:
        if finding.flag in flags and (finding in _BLOCKS or finding.bar(profile) is not None):
            return finding.reason
    return Reason.CHARGEBACK if AccountFlag.CHARGED_BACK in flags else None


def _bars(bar: Bar | None, *, leaves: bool) -> bool:
    return bar is Bar.ALL or (bar is Bar.CLIENT and leaves)
