"""What a claim pays, and from where: the house, or the balance where its price came back before.

Money that leaves takes along what was credited for the same order and is still there (R-CLIENT).
It is set aside while the claim is open, so that nothing else can spend it meanwhile.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from worker.domain.policy import Decision, Destination, Outcome, Reason
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases import case_steps
from worker.ports.store import case_view as port

#: Of a rental, too, a human is asked about its whole price.
_OF_THE_PRICE: Final = frozenset({Reason.REPLACEMENT_VALUE_MISMATCH, Reason.NO_SMS_ON_RECORD})
_ASIDE: Final = frozenset({port.CaseState.IN_REVIEW, port.CaseState.APPROVED})


def leaves_platform(decision: Decision) -> bool:
    return decision.outcome in case_steps.PAYING and decision.destination is not Destination.BALANCE


def of_house(decision: Decision) -> int:
    """What the house itself gives: all of it, its fee included, that is not on the balance."""
    return decision.amount_minor + decision.fee_minor - decision.from_balance_minor


def at_most(left_minor: int, decision: Decision) -> Decision:
    """A human decides instead of the policy where the house would give more than is left."""
    if decision.outcome not in case_steps.PAYING or of_house(decision) <= left_minor:
        return decision
    most = max(0, left_minor) + decision.from_balance_minor
    return replace(decision, outcome=Outcome.NEEDS_REVIEW, amount_minor=most, fee_minor=0)


def granted(
    order: port.CaseOrder, proposed: Decision, named: int | None, unnamed: Destination
) -> Decision | None:
    """What a human's yes pays: the sum proposed, else the one he names, within what is left.

    It goes to *unnamed* where nothing was proposed, so that no place was named.
    """
    left = max(0, order.left_minor) + proposed.from_balance_minor
    amount = proposed.amount_minor if named is None else named
    if not 0 < amount <= min(proposed.amount_minor or left, left):
        return None
    to = proposed.destination or unnamed
    part = order.rental and proposed.reason not in _OF_THE_PRICE
    stays = Outcome.PRORATED_CREDIT if part else Outcome.CREDIT
    outcome = stays if to is Destination.BALANCE else Outcome.PAYOUT
    fee = min(proposed.fee_minor, left - amount) if amount == proposed.amount_minor else 0
    return Decision(
        outcome,
        Reason.CLAIM_APPROVED,
        amount,
        fee,
        to,
        from_balance_minor=min(proposed.from_balance_minor, amount + fee),
    )


def moves(
    view: port.CaseView, decision: Decision, state: port.CaseState
) -> tuple[port.MoneyMove, ...]:
    """Money that leaves the platform moves when it is paid out, not when that is approved."""
    aside = tuple(_aside(view.case.withheld_minor, decision, state))
    if decision.outcome not in case_steps.PAYING or leaves_platform(decision):
        return aside
    return (*aside, port.MoneyMove(TransferKind.CLAIM, decision.amount_minor))


def _aside(withheld: int, decision: Decision, state: port.CaseState) -> Iterator[port.MoneyMove]:
    if state in port.CLOSED:
        yield from unset_aside(withheld)
    elif state in _ASIDE:
        more = decision.from_balance_minor - withheld
        if more:
            kind = TransferKind.WITHHOLD if more > 0 else TransferKind.EXCESS
            yield port.MoneyMove(kind, abs(more))


def unset_aside(withheld: int) -> tuple[port.MoneyMove, ...]:
    """What was set aside for money that does not leave after all."""
    return (port.MoneyMove(TransferKind.GIVEBACK, withheld),) if withheld else ()


def paid_moves(case: port.Case, payout: port.DecisionRow) -> Iterator[port.MoneyMove]:
    """What was set aside leaves first; the house pays the rest, and keeps a fee of its own part."""
    out = min(case.withheld_minor, payout.amount_minor)
    parts = {
        TransferKind.WITHDRAW: out,
        TransferKind.FEE: case.withheld_minor - out,
        TransferKind.CLAIM: payout.amount_minor - out,
    }
    for kind, minor in parts.items():
        if minor:
            yield port.MoneyMove(kind, minor, leaves_platform=kind is TransferKind.CLAIM)
