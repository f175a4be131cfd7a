"""Puts the parts together: every step of the lifecycle gets what it needs, once."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any, TypeVar, get_args, get_type_hints

from worker.adapters.tenacity_retry import TenacityRetry
from worker.bootstrap.from_settings import Resources, payments_of, retention_of
from worker.domain.families import has_dialects
from worker.domain.ids import ProviderName
from worker.lifecycle.accept import RefuseIntake
from worker.lifecycle.backstop import Backstop
from worker.lifecycle.batcher import Batcher
from worker.lifecycle.canary import CanaryOrder
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.due_timers import judges_by_kind
from worker.lifecycle.changes import Changes
from worker.lifecycle.clock import Clock
from worker.lifecycle.drain import Drain
from worker.lifecycle.locked_codes import LockedCodes
from worker.lifecycle.outcome import PolicyOutcomes
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.provider_overview import ProviderOverview, ProviderProtocol
from worker.lifecycle.rent_long import RentLong
from worker.lifecycle.retention import RetentionTimes
from worker.lifecycle.service import ActivationService
from worker.lifecycle.take_pushes import TakePushes
from worker.lifecycle.ticks import Ticks, TickSteps
from worker.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerService(ActivationService):
    """What shops may ask for: numbers, and the cases about them."""

    cases: CaseService
    rent_long: RentLong
    refuse_intake: RefuseIntake


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Everything that runs, put together once."""

    parts: Resources
    service: WorkerService
    ticks: Ticks
    backstop: Backstop
    drain: Drain
    overview: ProviderOverview

    @property
    def steps(self) -> TickSteps:
        return self.ticks.steps


def assemble(parts: Resources) -> Worker:
    objects: dict[type, object] = {
        Resources: parts,
        Clock: parts.clock,
        PolicyBook: parts.policies,
        Changes: Changes(),
        CanaryOrder: _canary_order(parts),
        RetentionTimes: retention_of(parts.settings),
    }
    named = _named(parts)
    wiring = Wiring(named, objects)
    pushes = wiring.build(TakePushes)
    named["pushing"] = Batcher(
        together=pushes.together, alone=pushes.alone, sleep=parts.clock.sleep
    )
    named["service"] = wiring.build(WorkerService)  # The canary is a customer like any other.
    return wiring.build(Worker)


def _named(parts: Resources) -> dict[str, object]:
    """What the fields of the steps are called, with what each name stands for."""
    store, clock, defaults = parts.store, parts.clock, parts.settings.defaults
    return {
        **{each.name: getattr(parts, each.name) for each in fields(parts)},
        "activations": store.activations,
        "changes": Changes,  # Its one object: who changes something, and who is told of it.
        "locked_codes": LockedCodes,  # Its one object, too.
        "books": store.books,
        "cases": store.cases,
        "leadership": store.leadership,
        "outbox": store.outbox,
        "purchases": store.purchases,
        "settlements": store.settlements,
        "holder": store.instances.holder,
        "doubts": store.doubts,
        "now": clock.now,
        "retry": TenacityRetry(sleep=clock.sleep, monotonic=clock.monotonic, chance=clock.chance),
        "rules": PolicyOutcomes(parts.policies, parts.reporter, store.cases.account_flags),
        "judges": judges_by_kind(parts.clauses),
        "wait_for_budget": payments_of(parts.terms, parts.schedule, clock),
        "reading": Batcher(
            together=store.activations.activations_of,
            alone=store.activations.activation,
            sleep=clock.sleep,
        ),
        "protocols": _protocols(parts.settings),
        "grace": timedelta(seconds=defaults.credit_grace_seconds),
        "default_policy": defaults.policy,
        "default_window": timedelta(seconds=defaults.window_seconds),
        "listed": lambda name: parts.providers[name].capabilities.list_page_size is not None,
        "pushes": lambda name: parts.providers[name].capabilities.push,
    }


def _protocols(settings: Settings) -> dict[ProviderName, ProviderProtocol]:
    return {
        ProviderName(name): ProviderProtocol(
            provider.family, provider.dialect if has_dialects(provider.family) else None
        )
        for name, provider in settings.providers.items()
    }


def _canary_order(parts: Resources) -> CanaryOrder | None:
    settings = parts.settings.canary
    if settings.provider is None:
        return None
    provider = ProviderName(settings.provider)
    return CanaryOrder(
        provider=provider,
        service=settings.service,
        country=settings.country,
        every=timedelta(seconds=settings.every_seconds),
        currency=parts.terms[provider].currency,
    )


class Wiring:
    """A field whose type is a dataclass gets the one object of that class, built where it is new.

    Any other field gets the resource of its name, or else its default. A part that needs what is
    None is not configured: it is not built, and only a field that may be None does without it.
    """

    def __init__(self, named: Mapping[str, object], objects: Mapping[type, object]) -> None:
        self._named = named
        self._objects = dict(objects)

    def build(self, part: type[T]) -> T:
        built = self._object(part)
        assert isinstance(built, part), f"{part.__name__} is not configured"
        return built

    def _object(self, part: type) -> object:
        if part not in self._objects:
            self._objects[part] = self._built(part)
        return self._objects[part]

    def _built(self, part: type) -> object:
        types = get_type_hints(part)
        given: dict[str, object] = {}
        for each in fields(part):
            if self._keeps_default(each):
                continue
            type_, optional = _without_none(types[each.name])
            given[each.name] = self._value(each.name, type_)
            if given[each.name] is None and not optional:
                return None
        return part(**given)

    def _keeps_default(self, field: "Field[Any]") -> bool:
        has_one = field.default is not MISSING or field.default_factory is not MISSING
        return not field.init or (has_one and field.name not in self._named)

    def _value(self, name: str, type_: object) -> object:
        if isinstance(type_, type) and is_dataclass(type_):
            return self._object(type_)
        return self._named[name]


def _without_none(type_: object) -> tuple[object, bool]:
    """The type itself, and whether None may stand in its place."""
    options = get_args(type_)
    if type(None) not in options:
        return type_, False
    (only,) = (option for option in options if option is not type(None))
    return only, True
