"""Questions to a policy: facts in JSON, checked and turned into typed facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from worker.domain.policy.fact_readers import READERS, TEXT_MAX, BadFact
from worker.domain.policy.facts import FACTS_FOR, ClaimFacts, Facts, OrderFacts
from worker.domain.policy.outcomes import Op


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
    kind = FACTS_FOR[op]
    facts = _claim(values) if kind is ClaimFacts else _build(kind, values)
    return Question(op, facts, now)


def _read_all(given: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in given.items():
        read = READERS.get(name)
        if read is None:
            raise FactError(f"given.{name[:TEXT_MAX]}", "unknown fact")
        if value is None:
            if name == "outage_verified":
                values[name] = None  # null: the probes are silent; absent: they agree.
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


def _claim(values: Mapping[str, object]) -> Facts:
    order = _build(OrderFacts, values)
    return _build(ClaimFacts, {**values, "order": order})


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
