"""What a closed case holds against its account, and how a named human takes it back.

A verdict on the same case ends it, with a note: no for a chargeback that does not stand; for what
an earlier verdict found, the flags that are left.
"""

from typing import Any, Final, Protocol

from worker.domain.policy import Outcome
from worker.ports.store import case_view as port

_FLAGS: Final = "account_flags"


class GivenVerdict(Protocol):
    """Of a verdict what is asked here."""

    @property
    def grant(self) -> bool: ...

    @property
    def amount_minor(self) -> int | None: ...

    @property
    def findings(self) -> port.CaseFacts: ...


def lifts_chargeback(case: port.Case, verdict: GivenVerdict) -> bool:
    """Whether it says no to a chargeback that has had its effect.

    What a chargeback made void stays so: its money is booked anew by a top-up.
    """
    if case.kind is not port.CaseKind.ACCOUNT or case.state is not port.CaseState.DONE:
        return False
    voided = case.decided is not None and case.decided.outcome == Outcome.BALANCE_VOID.value
    return case.facts["event"] == "chargeback" and not verdict.grant and not voided


def lifted_flags(case: port.Case, verdict: GivenVerdict) -> tuple[str, ...]:
    """The flags that this closed case found, and that its human takes back now.

    He says again what he decided, and names the flags that are left: nothing else changes.
    """
    given = case.verdict
    if given is None or case.state not in port.CLOSED or set(verdict.findings) != {_FLAGS}:
        return ()
    found, left = _found(case.facts), set(verdict.findings[_FLAGS])
    same = verdict.grant is given["grant"] and verdict.amount_minor in {None, given["amount_minor"]}
    return tuple(sorted(found - left)) if same and left < found else ()


def lifted_step(case: port.Case, flags: tuple[str, ...]) -> port.CaseStep:
    facts: dict[str, Any] = {**case.facts, _FLAGS: sorted(_found(case.facts) - set(flags))}
    return port.CaseStep(state=case.state, facts=facts, lifted_flags=flags, reopens=True)


def _found(facts: port.CaseFacts) -> set[str]:
    return set(facts.get(_FLAGS, ()))
