"""A decision, a constructor for each common outcome, and how a list of checks gives one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from worker.domain.policy.vocabulary import Destination, Outcome, Reason

CaseT = TypeVar("CaseT")  #: What the checks of one list are given.


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision; equal facts give equal decisions.

    `amount_minor` is the net sum this outcome moves; for `needs_review` what a yes would pay now
    (0: it cannot be computed), for a kept or frozen balance the balance. `fee_minor` is withheld.
    `deadline` is the last instant that is still in time, `None` where the policy gives none.
    `from_balance_minor` is what of it, fee included, a claim takes out of the balance (R-CLIENT).
    """

    outcome: Outcome
    reason: Reason
    amount_minor: int = 0
    fee_minor: int = 0
    destination: Destination | None = None
    deadline: datetime | None = None
    from_balance_minor: int = 0


def wait(reason: Reason, deadline: datetime | None) -> Decision:
    return Decision(Outcome.WAIT, reason, deadline=deadline)


def nothing(reason: Reason) -> Decision:
    return Decision(Outcome.NONE, reason)


def deny(reason: Reason) -> Decision:
    return Decision(Outcome.DENY, reason)


def needs_evidence(reason: Reason, deadline: datetime | None = None) -> Decision:
    """The customer must add something."""
    return Decision(Outcome.NEEDS_EVIDENCE, reason, deadline=deadline)


def review(reason: Reason, deadline: datetime | None = None) -> Decision:
    """A human decides, and no sum can be proposed."""
    return Decision(Outcome.NEEDS_REVIEW, reason, deadline=deadline)


def propose(
    reason: Reason,
    amount_minor: int,
    destination: Destination | None,
    deadline: datetime | None,
    fee_minor: int = 0,
    from_balance_minor: int = 0,
) -> Decision:
    """A human decides about *amount_minor*; where there is no sum, there is no place for it."""
    to = destination if amount_minor or fee_minor else None
    return Decision(
        Outcome.NEEDS_REVIEW, reason, amount_minor, fee_minor, to, deadline, from_balance_minor
    )


def credit(
    reason: Reason,
    amount_minor: int,
    deadline: datetime | None,
    outcome: Outcome = Outcome.CREDIT,
    fee_minor: int = 0,
) -> Decision:
    """Money goes to the balance."""
    return Decision(outcome, reason, amount_minor, fee_minor, Destination.BALANCE, deadline)


def first_answer(checks: Iterable[Callable[[CaseT], Decision | None]], case: CaseT) -> Decision:
    """The answer of the first check that has one; the last check of a list always has."""
    for check in checks:
        decision = check(case)
        if decision is not None:
            return decision
    raise AssertionError("no check answered: the last one of a list always must")
