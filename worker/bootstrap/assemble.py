"""Puts the parts together: every step of the lifecycle gets what it needs, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.adapters.retry import TenacityRetry
from worker.adapters.telemetry.progress import Progress
from worker.bootstrap.canary import canary_of
from worker.bootstrap.from_settings import payments_of
from worker.bootstrap.resources import Resources
from worker.domain.policy import Profile, Reason
from worker.domain.policy.clauses import grounds, load_clauses
from worker.lifecycle.accept import Accept, IntakePolicy
from worker.lifecycle.audit import Audit
from worker.lifecycle.backstop import Backstop
from worker.lifecycle.cases.activation_reviews import ActivationReviews
from worker.lifecycle.cases.case_service import CaseService, judges_by_kind
from worker.lifecycle.cases.claim_windows import ClaimWindows
from worker.lifecycle.cases.due_timers import DueTimers
from worker.lifecycle.cases.questions import ClauseLookup
from worker.lifecycle.cases.rental_closing import RentalCloser
from worker.lifecycle.deliver import Deliver
from worker.lifecycle.expire import Expire
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.outcome import PolicyOutcomes
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.lifecycle.rent import Rent
from worker.lifecycle.repair import Repair
from worker.lifecycle.service import ActivationService
from worker.lifecycle.settle import Settle
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.ticks import Ticks
from worker.lifecycle.watch import Watch

#: How long each loop may be silent before `/livez` says that a restart would help. A database that
#: died without a word holds one up for a minute, and for that a restart is no help.
LOOPS: Final = {"backstop": timedelta(seconds=120)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerService(ActivationService):
    """The one desk of the worker: numbers, and the cases about them."""

    cases: CaseService


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Everything that runs, put together once."""

    parts: Resources
    desk: WorkerService
    ticks: Ticks
    backstop: Backstop
    audit: Audit
    progress: Progress
    grace: timedelta


def assemble(parts: Resources) -> Worker:
    profiles = parts.policies
    clauses = _clauses(parts, profiles)
    timers = _timers(parts, profiles, clauses)
    progress = Progress(parts.clock.monotonic, LOOPS)
    settle = Settle(settlements=parts.store.settlements, reporter=parts.reporter)
    accept = _accept(parts, profiles)
    rules = PolicyOutcomes(profiles, parts.store.policies.kept, parts.reporter)
    expire = Expire(
        settlements=parts.store.settlements,
        activations=parts.store.activations,
        schedule=parts.schedule,
        reporter=parts.reporter,
        settle=settle,
        rules=rules,
        clock=parts.clock,
        terms=parts.terms,
    )
    sweep = _sweep(parts, settle, rules)
    cases = _cases(parts, profiles, timers, settle)
    desk = _desk(parts, accept, expire, sweep, cases)
    ticks = Ticks(
        providers=parts.providers,
        watching=_watch(parts, settle, rules),
        expiring=expire,
        pursuing=_pursue(parts, settle),
        sweeping=sweep,
        repairing=_repair(parts, accept),
        reconciling=_reconcile(parts, accept),
        timing=timers,
        clock=parts.clock,
        canary_run=canary_of(parts, desk),
        delivering=_deliver(parts),
    )
    return Worker(
        parts=parts,
        desk=desk,
        ticks=ticks,
        backstop=_backstop(parts, ticks, progress),
        audit=Audit(books=parts.store.books, reporter=parts.reporter, clock=parts.clock),
        progress=progress,
        grace=sweep.grace,
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


def _accept(parts: Resources, profiles: Mapping[str, Profile]) -> Accept:
    def terms(name: str) -> IntakePolicy | None:
        profile = profiles.get(name)
        if profile is None:
            return None
        return IntakePolicy(profile.version, profile.window if profile.states_window else None)

    return Accept(
        activations=parts.store.activations,
        purchases=parts.store.purchases,
        schedule=parts.schedule,
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


def _clauses(parts: Resources, profiles: Mapping[str, Profile]) -> ClauseLookup:
    directory = parts.settings.policies.directory
    known = {name: load_clauses(name, directory) for name in profiles}

    def clauses(policy: str, reason: Reason) -> tuple[str, ...]:
        return grounds(known.get(policy, ()), reason)

    return clauses


def _timers(parts: Resources, profiles: Mapping[str, Profile], clauses: ClauseLookup) -> DueTimers:
    return DueTimers(
        cases=parts.store.cases,
        books=parts.store.books,
        activations=parts.store.activations,
        reporter=parts.reporter,
        judges=judges_by_kind(clauses),
        claim_windows=ClaimWindows(parts.store.cases, clauses, profiles),
        rental_closer=RentalCloser(
            cases=parts.store.cases,
            rentals=parts.rentals,
            wait_for_budget=payments_of(parts.terms, parts.schedule, parts.clock),
            reporter=parts.reporter,
            now=parts.clock.now,
        ),
    )


def _cases(
    parts: Resources, profiles: Mapping[str, Profile], timers: DueTimers, settle: Settle
) -> CaseService:
    return CaseService(
        cases=parts.store.cases,
        books=parts.store.books,
        judges=timers.judges,
        activation_reviews=ActivationReviews(parts.store.activations, settle),
        profiles=profiles,
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


def _desk(
    parts: Resources, accept: Accept, expire: Expire, sweep: Sweep, cases: CaseService
) -> WorkerService:
    return WorkerService(
        cases=cases,
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
            retry=TenacityRetry(
                sleep=parts.clock.sleep,
                monotonic=parts.clock.monotonic,
                chance=parts.clock.chance,
            ),
        ),
        expire=expire,
        sweep=sweep,
        clock=parts.clock,
    )


def _deliver(parts: Resources) -> Deliver | None:
    if parts.webhook is None:
        return None
    return Deliver(
        outbox=parts.store.outbox, sender=parts.webhook, reporter=parts.reporter, clock=parts.clock
    )


def _backstop(parts: Resources, ticks: Ticks, progress: Progress) -> Backstop:
    return Backstop(
        settlements=parts.store.settlements,
        leadership=parts.store.leadership,
        ticks=ticks,
        reporter=parts.reporter,
        clock=parts.clock,
        redis_away=lambda: parts.schedule.away,
        moved=lambda: progress.moved("backstop"),
    )
