"""Whether what was approved before may be carried out now: the account is asked again.

A human who has seen what stands against it releases it, with the finding `freeze_seen`.
"""

from typing import Final

from worker.domain.policy.findings import barred_since
from worker.domain.policy.vocabulary import AccountFlag
from worker.ports.store import case_view as port

#: A human's finding: he knows what stands against the account, and lets it go all the same.
FREEZE_SEEN: Final = "freeze_seen"
_BARRED: Final = {
    "blocked": port.Rejected.ACCOUNT_BLOCKED,
    "frozen": port.Rejected.ACCOUNT_FROZEN,
    "deleted": port.Rejected.CLOSED,
}


def barred(view: port.CaseView) -> port.Rejected | None:
    """What stands against it now, unless a human has seen it."""
    return None if view.case.facts.get(FREEZE_SEEN) else stands_against(view)


def stands_against(view: port.CaseView) -> port.Rejected | None:
    by_state = _BARRED.get(view.holdings.state)
    if by_state is not None or view.profile is None:
        return by_state
    flags = frozenset(map(AccountFlag, view.account.account_flags))
    found = barred_since(view.profile, flags)
    return None if found is None else port.Rejected.ACCOUNT_BLOCKED
