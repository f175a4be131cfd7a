"""What each answer to a review will do, told before it is given.

A verdict is judged as it would be, on the case as it stands, and the step it would take is put into
words. Nothing is changed by that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from worker.domain.activation import State
from worker.domain.money import decimal_text
from worker.domain.policy import FactError, Outcome
from worker.domain.policy.vocabulary import Sla
from worker.domain.transfer import Charge, TransferKind
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import (
    CARRIED_OUT_BY,
    PAYING,
    KindJudge,
    Verdict,
    verdict_step,
)
from worker.lifecycle.cases.order_reviews import booking_call
from worker.ports.store import case_view as port
from worker.ports.store.activations import Activation
from worker.ports.store.case_search import Review
from worker.ports.store.rentals import Rental, RentalOrderKind

_TO: Final = {
    "balance": "the balance",
    "client": "the customer",
    "wallet": "the customer's wallet",
    "original_method": "where it was paid from",
}
_REFUSED: Final[Mapping[port.Rejected, str]] = {
    port.Rejected.CLOSED: "It is refused: the case is closed.",
    port.Rejected.OTHER_CONTENT: "It is refused: another verdict was given before.",
    port.Rejected.NOT_ASKED_FOR: "It is refused: the case does not wait for this.",
    port.Rejected.ACCOUNT_BLOCKED: (
        "It is refused: the account is blocked. The finding freeze_seen lets the money go."
    ),
    port.Rejected.ACCOUNT_FROZEN: (
        "It is refused: the account is frozen. The finding freeze_seen lets the money go."
    ),
    port.Rejected.ACCOUNT_DELETED: (
        "It is refused: the account is deleted. The finding freeze_seen lets the money go."
    ),
    port.Rejected.PAID_BACK: "It is refused: money was given back for this order.",
    port.Rejected.REPLACED: "It is refused: this order or number is linked already.",
    port.Rejected.PROLONGED: (
        "It is refused: the rental was prolonged since. Deny it; the customer can press again."
    ),
    port.Rejected.WRONG_SUM: "It needs a sum that it may give.",
    port.Rejected.SET_ASIDE: (
        "It is refused: another open claim about this order has its credit. Decide that one first."
    ),
}
#: What becomes of money that moves at once, after its sum.
_MOVES: Final = {
    TransferKind.WITHHOLD: "is set aside for the case",
    TransferKind.GIVEBACK: "that was set aside is free again",
    TransferKind.EXCESS: "that was set aside too much is free again",
    TransferKind.VOID: "of the balance is forfeited",
}


class Effect(NamedTuple):
    """One answer to a review, and what it will do."""

    answer: str  #: `grant` and `deny` of a verdict, or the call that carries out what is owed.
    says: str
    amount_minor: int = 0  #: What the customer gets by it.
    destination: str | None = None
    refused: bool = False  #: As it stands now.


async def of_cases(
    service: CaseService, cases: Sequence[port.Case]
) -> dict[UUID, tuple[Effect, ...]]:
    """Of both verdicts without findings, as of one moment; a finding may change what they do."""

    def answered(view: port.CaseView) -> tuple[Effect, ...]:
        judge = service.judges[view.case.kind]
        return tuple(_tried(judge, view, grant=grant) for grant in (True, False))

    await service.policies.load({(case.policy, case.policy_version) for case in cases})
    ids = [case.id for case in cases]
    return await service.policies.judged(
        lambda policy_of: service.cases.preview(ids, answered, policy_of, now=service.clock.now())
    )


def of_activation(number: Activation) -> tuple[Effect, ...]:
    price, minor = _money(number.price_minor, number.currency), number.price_minor
    ours = number.charge is Charge.HOLD
    back = f"{price} is back on the balance" if ours else f"the shop gives {price} back"
    kept = f"{price} is charged" if ours else f"the shop keeps {price}"
    to = "balance" if ours else None
    return (
        Effect("grant", f"The number ends {State.REFUNDED.value}: {back}.", minor, to),
        Effect("deny", f"The number ends {State.CLOSED.value}: {kept}."),
    )


def of_rental_order(review: Review, rental: Rental | None) -> tuple[Effect, ...]:
    """*rental*: the one that it prolongs."""
    facts, price = review.facts, _money(review.proposed_minor, review.currency)
    ours = facts["charge"] == Charge.HOLD.value
    back = f"{price} is back on the balance" if ours else f"the shop gives {price} back"
    grant = Effect(
        "grant", f"Nothing was bought: {back}.", review.proposed_minor, review.destination
    )
    if rental is not None and rental.was_given_back:
        return grant, Effect("deny", "It is refused: the rental was given back.", refused=True)
    if facts["order"] == RentalOrderKind.PROLONG.value:
        kept = f"{price} is charged" if ours else f"the shop keeps {price}"
        longer = f"It was prolonged: the rental ends {facts['hours']} hours later, and {kept}."
        return grant, Effect("deny", longer)
    booked = f"It is refused: book a number that was sold with {booking_call(facts['provider'])}."
    return grant, Effect("deny", booked, refused=True)


def carrying_out(review: Review) -> Effect:
    """What the shop owes is done, and then told: no verdict does it."""
    owed = Sla(review.reason)
    call = CARRIED_OUT_BY[owed]
    if owed is Sla.REFUND_PAYMENT:
        money, to = _money(review.proposed_minor, review.currency), review.destination
        says = f"Pay {money} out by hand; this call records that, and the case is closed."
        return Effect(call, says, review.proposed_minor, to)
    return Effect(call, f"Owed: {_words(owed.value)}. This call carries it out.")


def _tried(judge: KindJudge, view: port.CaseView, *, grant: bool) -> Effect:
    answer = "grant" if grant else "deny"
    try:
        step = verdict_step(judge, view, Verdict(grant=grant, findings={}))
    except FactError as error:
        says = f"It needs a finding: {error.field.removeprefix('given.')}, {error.problem}."
        return Effect(answer, says, refused=True)
    if step.rejected is not None:
        return Effect(answer, _REFUSED[step.rejected], refused=True)
    decision = None if step.record is None else step.record.decision
    pays = decision is not None and decision.outcome in PAYING
    return Effect(
        answer,
        " ".join(_sentences(view, step)),
        decision.amount_minor if decision is not None and pays else 0,
        decision.destination.value
        if decision is not None and pays and decision.destination
        else None,
    )


def _sentences(view: port.CaseView, step: port.CaseStep) -> Iterator[str]:
    currency = view.case.currency
    yield _what(view, step)
    for move in step.moves:
        if move.kind in _MOVES:
            yield f"{_money(move.amount_minor, currency)} {_MOVES[move.kind]}."
    if step.account_state is not None:
        yield f"The account becomes {step.account_state}."
    if step.ends_rental:
        yield "The rental ends, and is closed at its provider."
    if step.gives_renewal_back:
        yield "The rental ends when it would have ended without its renewal."


def _what(view: port.CaseView, step: port.CaseStep) -> str:
    decision = None if step.record is None else step.record.decision
    if decision is None:
        return f"The case is {_words(step.state.value)}."
    money, why = _money(decision.amount_minor, view.case.currency), _words(decision.reason.value)
    if decision.outcome is Outcome.REPLACE:
        return "The customer gets another number, which somebody has to link."
    if step.state is port.CaseState.GRANTED:
        outside = view.order is not None and view.order.charge is Charge.EXTERNAL
        return f"The shop gives {money} back." if outside else f"{money} goes to the balance."
    if step.state is port.CaseState.APPROVED:
        to = "" if decision.destination is None else f" to {_TO[decision.destination.value]}"
        return f"{money} is approved; somebody has to pay it out{to} and record that."
    return {
        port.CaseState.WAITING: f"The case waits: {why}.",
        port.CaseState.IN_REVIEW: f"The case stays open, and asks for more: {why}.",
        port.CaseState.NEEDS_EVIDENCE: f"The case stays open, and asks for more: {why}.",
        port.CaseState.DENIED: "The case is closed, and nothing is given.",
    }.get(step.state, f"The case is closed: {why}.")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _money(minor: int, currency: str) -> str:
    return f"{decimal_text(minor, currency)} {currency}"
