"""Puts the parts together: every step of the lifecycle gets what it needs, once."""

from dataclasses import dataclass
from datetime import timedelta

from worker.adapters.tenacity_retry import TenacityRetry
from worker.bootstrap.from_settings import Resources, payments_of
from worker.domain.ids import ProviderName
from worker.lifecycle.accept import Accept, IntakePolicy
from worker.lifecycle.audit import Audit
from worker.lifecycle.backstop import Backstop
from worker.lifecycle.batcher import Batcher
from worker.lifecycle.canary import Canary, CanaryOrder
from worker.lifecycle.cases.activation_reviews import ActivationReviews
from worker.lifecycle.cases.case_service import CaseService, judges_by_kind
from worker.lifecycle.cases.due_timers import ClaimWindows, DueTimers
from worker.lifecycle.cases.rental_closing import RentalCloser
from worker.lifecycle.deliver import Deliver
from worker.lifecycle.drain import Drain
from worker.lifecycle.expire import Expire
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.outcome import PolicyOutcomes
from worker.lifecycle.press_cancel import PressCancel
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.lifecycle.rent import Rent
from worker.lifecycle.rent_long import RentLong
from worker.lifecycle.repair import Repair
from worker.lifecycle.service import ActivationService
from worker.lifecycle.settle import Settle
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.ticks import Ticks, TickSteps
from worker.lifecycle.unscheduled import Unscheduled
from worker.lifecycle.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerService(ActivationService):
    """What shops may ask for: numbers, and the cases about them."""

    cases: CaseService
    rent_long: RentLong


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Everything that runs, put together once."""

    parts: Resources
    service: WorkerService
    ticks: Ticks
    backstop: Backstop
    drain: Drain

    @property
    def steps(self) -> TickSteps:
        return self.ticks.steps


def assemble(parts: Resources) -> Worker:
    timers = _timers(parts)
    settle = Settle(settlements=parts.store.settlements, reporter=parts.reporter)
    unscheduled = Unscheduled(schedule=parts.schedule, reporter=parts.reporter)
    accept = _accept(parts, unscheduled)
    rules = PolicyOutcomes(parts.policies, parts.reporter)
    expire = Expire(
        settlements=parts.store.settlements,
        activations=parts.store.activations,
        schedule=parts.schedule,
        reporter=parts.reporter,
        settle=settle,
        rules=rules,
        clock=parts.clock,
        holder=parts.store.instances.holder,
        terms=parts.terms,
    )
    sweep = _sweep(parts, settle, rules)
    cases = _cases(parts, timers, settle)
    service = _service(parts, accept, expire, sweep, cases)
    steps = TickSteps(
        clock=parts.clock,
        watch=_watch(parts, settle, rules),
        expire=expire,
        pursue=_pursue(parts, settle),
        repair=_repair(parts, accept),
        reconcile=_reconcile(parts, accept),
        sweep=sweep,
        timers=timers,
        deliver=_deliver(parts),
        audit=Audit(books=parts.store.books, reporter=parts.reporter, clock=parts.clock),
        canary=_canary(parts, service),
    )
    ticks = Ticks(steps=steps, providers=parts.providers)
    return Worker(
        parts=parts,
        service=service,
        ticks=ticks,
        backstop=_backstop(parts, ticks, unscheduled),
        drain=Drain(
            purchases=parts.store.purchases,
            settlements=parts.store.settlements,
            settle=settle,
            rules=rules,
            clock=parts.clock,
        ),
    )


def _sweep(parts: Resources, settle: Settle, rules: PolicyOutcomes) -> Sweep:
    return Sweep(
        settlements=parts.store.settlements,
        reporter=parts.reporter,
        settle=settle,
        rules=rules,
        clock=parts.clock,
        grace=timedelta(seconds=parts.settings.defaults.credit_grace_seconds),
    )


def _accept(parts: Resources, unscheduled: Unscheduled) -> Accept:
    def terms(name: str) -> IntakePolicy | None:
        profile = parts.policies.today.get(name)
        if profile is None:
            return None
        return IntakePolicy(profile.version, profile.window if profile.states_window else None)

    return Accept(
        activations=parts.store.activations,
        purchases=parts.store.purchases,
        schedule=parts.schedule,
        unscheduled=unscheduled,
        reporter=parts.reporter,
        clock=parts.clock,
        terms=parts.terms,
        listed=lambda name: parts.providers[name].capabilities.list_page_size is not None,
        pushes=lambda name: parts.providers[name].capabilities.push,
        policies=terms,
        default_policy=parts.settings.defaults.policy,
        default_window=timedelta(seconds=parts.settings.defaults.window_seconds),
    )


def _watch(parts: Resources, settle: Settle, rules: PolicyOutcomes) -> Watch:
    look = Look(
        activations=parts.store.activations,
        settlements=parts.store.settlements,
        reporter=parts.reporter,
        settle=settle,
        rules=rules,
        clock=parts.clock,
    )
    listing = Listing(
        activations=parts.store.activations,
        schedule=parts.schedule,
        reporter=parts.reporter,
        look=look,
        clock=parts.clock,
    )
    return Watch(
        schedule=parts.schedule,
        reporter=parts.reporter,
        look=look,
        listing=listing,
        clock=parts.clock,
        terms=parts.terms,
    )


def _pursue(parts: Resources, settle: Settle) -> Pursue:
    return Pursue(
        settlements=parts.store.settlements,
        activations=parts.store.activations,
        schedule=parts.schedule,
        reporter=parts.reporter,
        settle=settle,
        clock=parts.clock,
        holder=parts.store.instances.holder,
        terms=parts.terms,
    )


def _repair(parts: Resources, accept: Accept) -> Repair:
    return Repair(
        purchases=parts.store.purchases,
        activations=parts.store.activations,
        schedule=parts.schedule,
        reporter=parts.reporter,
        accept=accept,
        clock=parts.clock,
        terms=parts.terms,
    )


def _timers(parts: Resources) -> DueTimers:
    return DueTimers(
        cases=parts.store.cases,
        books=parts.store.books,
        activations=parts.store.activations,
        reporter=parts.reporter,
        policies=parts.policies,
        judges=judges_by_kind(parts.clauses),
        claim_windows=ClaimWindows(parts.store.cases, parts.clauses, parts.policies),
        rental_closer=RentalCloser(
            cases=parts.store.cases,
            rentals=parts.rentals,
            wait_for_budget=payments_of(parts.terms, parts.schedule, parts.clock),
            reporter=parts.reporter,
            now=parts.clock.now,
        ),
    )


def _cases(parts: Resources, timers: DueTimers, settle: Settle) -> CaseService:
    return CaseService(
        cases=parts.store.cases,
        books=parts.store.books,
        judges=timers.judges,
        activation_reviews=ActivationReviews(parts.store.activations, settle),
        policies=parts.policies,
        default_policy=parts.settings.defaults.policy,
        clock=parts.clock,
    )


def _reconcile(parts: Resources, accept: Accept) -> Reconcile:
    return Reconcile(
        purchases=parts.store.purchases,
        schedule=parts.schedule,
        reporter=parts.reporter,
        clock=parts.clock,
        terms=parts.terms,
        accept=accept,
    )


def _service(
    parts: Resources, accept: Accept, expire: Expire, sweep: Sweep, cases: CaseService
) -> WorkerService:
    return WorkerService(
        cases=cases,
        rent_long=RentLong(
            cases=parts.store.cases,
            purchases=parts.store.purchases,
            rentals=parts.rentals,
            wait_for_budget=payments_of(parts.terms, parts.schedule, parts.clock),
            reporter=parts.reporter,
            retry=_retry(parts),
            clock=parts.clock,
        ),
        activations=parts.store.activations,
        settlements=parts.store.settlements,
        purchases=parts.store.purchases,
        schedule=parts.schedule,
        providers=parts.providers,
        accepting=accept,
        renting=Rent(
            purchases=parts.store.purchases,
            reporter=parts.reporter,
            accept=accept,
            providers=parts.providers,
            terms=parts.terms,
            retry=_retry(parts),
        ),
        expire=expire,
        pressing=PressCancel(
            activations=parts.store.activations, providers=parts.providers, expire=expire
        ),
        reading=Batcher(
            together=parts.store.activations.activations_of,
            alone=parts.store.activations.activation,
            sleep=parts.clock.sleep,
        ),
        sweep=sweep,
        clock=parts.clock,
    )


def _retry(parts: Resources) -> TenacityRetry:
    clock = parts.clock
    return TenacityRetry(sleep=clock.sleep, monotonic=clock.monotonic, chance=clock.chance)


def _deliver(parts: Resources) -> Deliver | None:
    if parts.sender is None:
        return None
    return Deliver(
        outbox=parts.store.outbox, sender=parts.sender, reporter=parts.reporter, clock=parts.clock
    )


def _canary(parts: Resources, service: WorkerService) -> Canary | None:
    settings = parts.settings.canary
    if settings.provider is None:
        return None
    provider = ProviderName(settings.provider)
    order = CanaryOrder(
        provider=provider,
        service=settings.service,
        country=settings.country,
        every=timedelta(seconds=settings.every_seconds),
        currency=parts.terms[provider].currency,
    )
    return Canary(
        purchases=parts.store.purchases,
        books=parts.store.books,
        activations=parts.store.activations,
        service=service,
        reporter=parts.reporter,
        clock=parts.clock,
        order=order,
    )


def _backstop(parts: Resources, ticks: Ticks, unscheduled: Unscheduled) -> Backstop:
    return Backstop(
        settlements=parts.store.settlements,
        leadership=parts.store.leadership,
        schedule=parts.schedule,
        unscheduled=unscheduled,
        ticks=ticks,
        reporter=parts.reporter,
        clock=parts.clock,
        redis_away=parts.redis_away,
    )
