"""Questions to a policy: read from JSON as typed facts, and decided by the rules they belong to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, assert_never

from worker.domain.policy.account_events import account_event
from worker.domain.policy.cancels import cancel
from worker.domain.policy.decision import Decision
from worker.domain.policy.fact_readers import READERS, TEXT_MAX, BadFact
from worker.domain.policy.facts import (
    FACTS_FOR,
    AccountFacts,
    ClaimFacts,
    Facts,
    OrderFacts,
    OutageFacts,
    SlaFacts,
    WithdrawalFacts,
    order_words,
)
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.obligations import sla_tick
from worker.domain.policy.orders import order_tick, silence_tick
from worker.domain.policy.told_dates import decide_claim, decide_outage, decide_withdrawal
from worker.domain.policy.vocabulary import Op


class FactError(ValueError):
    """A fact that cannot be used: where it stands, and what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Question(NamedTuple):
    """What `decide` needs besides the policy."""

    op: Op
    facts: Facts
    now: datetime


def question_from(given: Mapping[str, object]) -> Question:
    """The question that *given* (a JSON object) asks, or a `FactError` naming the fact.

    A name that nothing is known about is an error: a misspelt fact must not be decided as if
    it were absent. Known facts that the operation does not use are checked and left out.
    """
    values = _read_all(given)
    op, now = values.get("op"), values.get("now")
    if not isinstance(op, Op):
        raise FactError("given.op", "missing")
    if not isinstance(now, datetime):
        raise FactError("given.now", "missing")
    _rental_in_order(values)
    _label_in_labels(values)
    kind = FACTS_FOR[op]
    facts = _claim_facts(values) if kind is ClaimFacts else _build(kind, values)
    return Question(op, facts, now)


def _read_all(given: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in given.items():
        read = READERS.get(name)
        if read is None:
            raise FactError(f"given.{name[:TEXT_MAX]}", "unknown fact")
        if value is None:
            if name == "outage_verified":
                values[name] = None  # null: asked for and not known; absent: nobody doubts it.
            continue
        try:
            values[name] = read(value)
        except BadFact as error:
            raise FactError(f"given.{name}", str(error)) from None
    return values


def _rental_in_order(values: Mapping[str, object]) -> None:
    start, end = values.get("rental_start"), values.get("rental_end")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise FactError("given.rental_end", "must be later than rental_start")


def _label_in_labels(values: dict[str, object]) -> None:
    """`label` adds one name to `labels`."""
    label = values.pop("label", None)
    if label is not None:
        told = values.get("labels", frozenset())
        assert isinstance(told, frozenset)
        values["labels"] = told | {label}


def _claim_facts(values: dict[str, object]) -> Facts:
    values["order"] = _build(OrderFacts, values)
    return _build(ClaimFacts, values)


def _build(kind: type[Facts], values: Mapping[str, object]) -> Facts:
    shape = _SHAPES[kind]
    for fact in shape.needed:
        if fact not in values:
            raise FactError(f"given.{fact}", "missing")
    known = shape.fields
    return shape.make(**{known[fact]: value for fact, value in values.items() if fact in known})


@dataclass(frozen=True, slots=True)
class _Shape:
    """How facts of one kind are made: each reader gives what its field holds."""

    make: Callable[..., Facts]
    needed: tuple[str, ...]
    fields: Mapping[str, str]  #: Name of the fact -> field.


def _shape(kind: type[Facts]) -> _Shape:
    names = {field: _NAMED_ELSE.get(field, field) for field in kind._fields}
    needed = tuple(names[field] for field in kind._fields if field not in kind._field_defaults)
    return _Shape(kind, needed, {fact: field for field, fact in names.items()})


_NAMED_ELSE = {"kind": "claim_kind", "channel": "claim_channel"}
_SHAPES: Mapping[type[Facts], _Shape] = {kind: _shape(kind) for kind in set(FACTS_FOR.values())}


def decide(profile: Profile, op: Op, facts: Facts, now: datetime) -> Decision:
    """Pure and total: the same four values give the same decision, at any time, anywhere.

    *facts* are of the kind *op* needs: `OrderFacts` for the first three, then `ClaimFacts`,
    `OutageFacts`, `WithdrawalFacts`, `AccountFacts`, `SlaFacts`.
    """
    if not isinstance(facts, FACTS_FOR[op]):
        raise TypeError(f"{op.value} is not decided from {type(facts).__name__}")
    match facts:
        case OrderFacts():
            if profile.whens:
                profile = profile.for_order(order_words(facts))
            return _ORDER_OPS[op](profile, facts, now)
        case ClaimFacts():
            return decide_claim(_for_order(profile, facts.order), facts, now)
        case OutageFacts():
            return decide_outage(_for_order(profile, facts), facts, now)
        case WithdrawalFacts():
            return decide_withdrawal(profile, facts, now)
        case AccountFacts():
            return account_event(profile, facts, now)
        case SlaFacts():
            return sla_tick(profile, facts, now)
        case _:
            assert_never(facts)


_ORDER_OPS = {Op.ORDER_TICK: order_tick, Op.CANCEL: cancel, Op.SILENCE_TICK: silence_tick}


def _for_order(profile: Profile, facts: OrderFacts | OutageFacts) -> Profile:
    """What the policy says for this very order: an exception may hold for it."""
    return profile.for_order(order_words(facts)) if profile.whens else profile
