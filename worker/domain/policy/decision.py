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

    `amount_minor` is the net sum this outcome moves; for `needs_review` the sum proposed to the
    human (0: none can be computed), for a kept or frozen balance the balance. `fee_minor` is
    withheld. `deadline` is the last instant that is still in time, `None` where there is none.
    """

    outcome: Outcome
    reason: Reason
    amount_minor: int = 0
    fee_minor: int = 0
    destination: Destination | None = None
    deadline: datetime | None = None


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
    reason: Reason, amount_minor: int, destination: Destination, deadline: datetime | None
) -> Decision:
    """A human decides about *amount_minor*."""
    return Decision(Outcome.NEEDS_REVIEW, reason, amount_minor, 0, destination, deadline)


def credit(
    reason: Reason,
    amount_minor: int,
    deadline: datetime | None,
    outcome: Outcome = Outcome.CREDIT,
) -> Decision:
    """Money goes to the balance, always without a fee."""
    return Decision(outcome, reason, amount_minor, 0, Destination.BALANCE, deadline)


def first_answer(checks: Iterable[Callable[[CaseT], Decision | None]], case: CaseT) -> Decision:
    """The answer of the first check that has one; the last check of a list always has."""
    for check in checks:
        decision = check(case)
        if decision is not None:
            return decision
    raise AssertionError("no check answered: the last one of a list always must")
