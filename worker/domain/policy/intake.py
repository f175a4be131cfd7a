"""Facts as JSON tells them, checked and turned into typed facts."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime

from worker.domain.policy.fact_readers import READERS, TEXT_MAX, BadFact
from worker.domain.policy.facts import FACTS_FOR, ClaimFacts, Facts, OrderFacts
from worker.domain.policy.outcomes import Op


class FactError(ValueError):
    """A fact that cannot be used: where it stands, and what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Question:
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
    kind = FACTS_FOR[op]
    facts = _claim(values) if kind is ClaimFacts else _build(kind, values)
    return Question(op, facts, now)


def _read_all(given: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in given.items():
        read = READERS.get(name)
        if read is None:
            raise FactError(f"given.{name[:TEXT_MAX]}", "unknown fact")
        if value is None and name != "outage_verified":
            continue  # Absent: nobody has said. Of an outage null says that probes are silent.
        try:
            values[name] = read(value)
        except BadFact as error:
            raise FactError(f"given.{name}", str(error)) from None
    return values


def _claim(values: Mapping[str, object]) -> ClaimFacts:
    order = _build(OrderFacts, values)
    facts = _build(ClaimFacts, {**values, "order": order})
    assert isinstance(facts, ClaimFacts)
    return facts


def _build(kind: type[Facts], values: Mapping[str, object]) -> Facts:
    needed, used = _FIELDS[kind]
    make: Callable[..., Facts] = kind  # Each reader gives what its field holds.
    for fact in needed:
        if fact not in values:
            raise FactError(f"given.{fact}", "missing")
    made = make(**{field: values[fact] for fact, field in used if fact in values})
    start, end = values.get("rental_start"), values.get("rental_end")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise FactError("given.rental_end", "must be later than rental_start")
    return made


_NAMED_ELSE = {"kind": "claim_kind", "channel": "claim_channel"}
_FIELDS: Mapping[type[Facts], tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    kind: (
        tuple(
            _NAMED_ELSE.get(field.name, field.name)
            for field in fields(kind)
            if field.default is MISSING
        ),
        tuple((_NAMED_ELSE.get(field.name, field.name), field.name) for field in fields(kind)),
    )
    for kind in set(FACTS_FOR.values())
}
