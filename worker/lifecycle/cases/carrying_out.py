"""Whether a yes may be carried out: what was approved before asks the account again.

A human who has seen what stands against it releases it, with the finding `freeze_seen`. It holds
for what stood then, and for nothing that came later. What a closed case holds against its account
ends by a verdict on the same case, with its note: no for a chargeback that does not stand; for what
an earlier verdict found, the flags that are left.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from worker.domain.account_state import standing_turns
from worker.domain.policy import Outcome, Reason
from worker.domain.policy.findings import barred_since
from worker.domain.policy.vocabulary import AccountFlag
from worker.ports.store import case_view as port

#: A human's finding: he knows what stands against the account, and lets it go all the same.
FREEZE_SEEN: Final = "freeze_seen"
_SEEN: Final = "seen"  #: In the evidence of a verdict: what stood against the account then.
_BARRED: Final = {
    "blocked": port.Rejected.ACCOUNT_BLOCKED,
    "frozen": port.Rejected.ACCOUNT_FROZEN,
    "deleted": port.Rejected.ACCOUNT_DELETED,
}


def unless_set_aside(
    view: port.CaseView, step: port.CaseStep, unchanged: port.CaseStep
) -> port.CaseStep:
    """A yes that would be a denial while another open claim has the credit changes nothing."""
    decision = None if step.record is None else step.record.decision
    aside = 0 if view.record is None else view.record.credit_aside_minor
    if not aside or decision is None or decision.reason is not Reason.NOTHING_REFUNDABLE:
        return step
    return replace(unchanged, rejected=port.Rejected.SET_ASIDE)


def barred(view: port.CaseView) -> port.Rejected | None:
    """What stands against it now, unless a human has seen all of it."""
    unseen = what_stands(view) - _seen(view.case)
    return stands_against(view) if unseen else None


def stands_against(view: port.CaseView) -> port.Rejected | None:
    by_state = _BARRED.get(view.holdings.state)
    if by_state is not None or view.profile is None:
        return by_state
    flags = frozenset(map(AccountFlag, view.account.account_flags))
    found = barred_since(view.profile, flags)
    return None if found is None else port.Rejected.ACCOUNT_BLOCKED


def what_stands(view: port.CaseView) -> frozenset[str]:
    """Each event and finding that stands, told from an earlier one of its kind.

    An account can be shut by what is no event here, by hand or by older code: then that it is shut.
    """
    found = {_finding(flag, view.account.findings_ended) for flag in view.account.findings}
    events = {f"{event} {turn}" for event, turn in standing_turns(view.account.events).items()}
    state = view.holdings.state
    shut = {f"state {state}"} if state in _BARRED and not events else set()
    return frozenset(found | events | shut)


def _finding(flag: str, ended: Mapping[str, int]) -> str:
    before = ended.get(flag, 0)
    return f"finding {flag} {before + 1}" if before else f"finding {flag}"


def seen_now(view: port.CaseView, findings: port.CaseFacts) -> Mapping[str, Any]:
    """What a verdict with these findings has seen, as its evidence keeps it."""
    return {_SEEN: sorted(what_stands(view))} if findings.get(FREEZE_SEEN) else {}


def _seen(case: port.Case) -> frozenset[str]:
    return frozenset(one for entry in case.evidence for one in entry.content.get(_SEEN, ()))


_FLAGS: Final = "account_flags"


class GivenVerdict(Protocol):
    """Of a verdict what is asked here."""

    @property
    def grant(self) -> bool: ...

    @property
    def amount_minor(self) -> int | None: ...

    @property
    def findings(self) -> port.CaseFacts: ...

    def content(self) -> Mapping[str, Any]: ...


def lifts_chargeback(case: port.Case, verdict: GivenVerdict) -> bool:
    """Whether it says no to a chargeback that has had its effect.

    What a chargeback made void stays so: its money is booked anew by a top-up.
    """
    if case.kind is not port.CaseKind.ACCOUNT or case.state is not port.CaseState.DONE:
        return False
    voided = case.decided is not None and case.decided.outcome == Outcome.BALANCE_VOID.value
    return case.facts["event"] == "chargeback" and not verdict.grant and not voided


class FlagChange(NamedTuple):
    """Flags that a closed case takes back, or that it finds again."""

    lifted: frozenset[str]
    found: frozenset[str]


def flag_change(case: port.Case, verdict: GivenVerdict) -> FlagChange | None:
    """What its human changes of the flags that this closed case found; None: nothing.

    He says again what he decided, and names the flags that are left: nothing else changes. Only
    what this case found before, and took back by mistake, can be found again.
    """
    given = case.verdict
    if given is None or case.state not in port.CLOSED or set(verdict.findings) != {_FLAGS}:
        return None
    found, left = frozenset(case.facts.get(_FLAGS, ())), frozenset(verdict.findings[_FLAGS])
    same = verdict.grant is given["grant"] and verdict.amount_minor in {None, given["amount_minor"]}
    if not same or left == found or not left <= found | _ever_found(case):
        return None
    return FlagChange(lifted=found - left, found=left - found)


def _ever_found(case: port.Case) -> frozenset[str]:
    said = (entry.content.get("findings", {}) for entry in case.evidence if entry.what == "verdict")
    return frozenset(flag for findings in said for flag in findings.get(_FLAGS, ()))


def flags_step(case: port.Case, verdict: GivenVerdict, change: FlagChange) -> port.CaseStep:
    return port.CaseStep(
        state=case.state,
        facts={**case.facts, _FLAGS: sorted(verdict.findings[_FLAGS])},
        verdict=verdict.content(),
        account_flags=sorted(change.found),
        lifted_flags=sorted(change.lifted),
        reopens=True,
    )
