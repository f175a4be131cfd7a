"""Accept: a number that was already rented is stored with its hold, and watched from then on."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from worker.domain.activation import State
from worker.domain.ids import AccountId, ProviderName
from worker.domain.policy import Profile
from worker.domain.policy.at_intake import ANY_TIME, CancelTerms, cancel_terms, order_words
from worker.lifecycle.batcher import Batcher
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.unscheduled import Unscheduled
from worker.lifecycle.watch import first_look
from worker.ports.errors import StoreError
from worker.ports.handover import ACCEPT_MAX, RefusedIntake
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.service import PurchaseOrder
from worker.ports.store import activations as port
from worker.ports.store.outbox import OutboxStore
from worker.ports.store.purchases import PurchaseStore

BATCH: Final = ACCEPT_MAX
AnyOrder: TypeAlias = port.NumberIntake | PurchaseOrder


@dataclass(frozen=True, slots=True)
class IntakePolicy:
    """What intake fixes of a policy with a number, as it holds for this very order."""

    version: str
    window: timedelta | None  #: The longest; None: the worker's default window, and any other.
    cancel: CancelTerms

    def too_short_for(self, window: timedelta | None) -> bool:
        return window is not None and self.window is not None and window > self.window


NO_POLICY: Final = IntakePolicy("", None, ANY_TIME)  #: Of a number that is not stored.


def intake_policy(profile: Profile, order: AnyOrder) -> IntakePolicy:
    told = order.order_facts or {}
    holds = profile
    if profile.whens:  # Most files have no exceptions: nothing is asked of the order then.
        words = order_words(order.service, order.country, order.price_minor, told)
        holds = profile.for_order(words)
    window = holds.window if holds.states_window else None
    return IntakePolicy(profile.version, window, cancel_terms(holds, told))


@dataclass(frozen=True, slots=True, eq=False)
class _Handed:
    """The number of one caller: two who hand over the same are two."""

    number: port.NumberIntake
    patient: bool


@dataclass(slots=True, kw_only=True)
class Accept:
    activations: port.ActivationStore
    purchases: PurchaseStore
    schedule: Schedule
    unscheduled: Unscheduled
    reporter: Reporter
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    listed: Callable[[ProviderName], bool]  #: Whether the provider has a list.
    pushes: Callable[[ProviderName], bool]  #: Whether the provider pushes SMS.
    policies: PolicyBook
    default_policy: str
    default_window: timedelta
    _single: Batcher[_Handed, port.AcceptResult] = field(init=False)
    #: Of the numbers that wait for their account, by account; each lives while somebody waits.
    _waiting: WeakValueDictionary[AccountId, Batcher[_Handed, port.AcceptResult]] = field(
        default_factory=WeakValueDictionary
    )

    def __post_init__(self) -> None:
        self._single = Batcher(together=self._together, alone=self._alone, sleep=self.clock.sleep)

    async def __call__(
        self, handed: Sequence[port.NumberIntake], *, patient: bool = True
    ) -> list[port.AcceptResult]:
        results: list[port.AcceptResult] = []
        for start in range(0, len(handed), BATCH):
            results += await self._batch(handed[start : start + BATCH], patient=patient)
        return results

    async def one(self, number: port.NumberIntake, *, patient: bool = True) -> port.AcceptResult:
        """One caller's number, in one transaction with those of others who call now."""
        result = await self._single(_Handed(number, patient))
        assert result is not None
        return result

    async def _together(self, handed: Sequence[_Handed]) -> Mapping[_Handed, port.AcceptResult]:
        """All but those of a locked account, which nobody else is to wait for."""
        results = await self([one.number for one in handed], patient=False)
        return {
            one: result
            for one, result in zip(handed, results, strict=True)
            if result.how is not port.AcceptOutcome.ACCOUNT_LOCKED or not one.patient
        }

    async def _alone(self, handed: _Handed) -> port.AcceptResult | None:
        """With those that wait for the same account: one transaction more, and not one for each."""
        if not handed.patient:
            return await self._by_itself(handed)
        waiting = self._waiting.setdefault(
            handed.number.account,
            Batcher(together=self._patiently, alone=self._by_itself, sleep=self.clock.sleep),
        )
        return await waiting(handed)

    async def _patiently(self, handed: Sequence[_Handed]) -> Mapping[_Handed, port.AcceptResult]:
        results = await self([one.number for one in handed])
        return dict(zip(handed, results, strict=True))

    async def _by_itself(self, handed: _Handed) -> port.AcceptResult:
        (result,) = await self([handed.number], patient=handed.patient)
        return result

    async def _batch(
        self, handed: Sequence[port.NumberIntake], *, patient: bool
    ) -> list[port.AcceptResult]:
        intakes = [self.draft(number) for number in handed]
        results = await self.activations.accept(intakes, patient=patient)
        await self.watch(
            [r.activation for r in results if r.how is port.AcceptOutcome.NEW and r.activation],
            [r.activation for r in results if r.how is port.AcceptOutcome.SAME and r.activation],
        )
        return results

    def draft(self, handed: port.NumberIntake) -> port.CompleteIntake:
        """The intake with its defaults filled in, and why it is not taken where it is not stored.

        What today's configuration refuses may be stored already, under that of another day.
        """
        terms = self.terms.get(handed.provider)
        name = handed.policy or self.default_policy
        policy, refused = self.intake_policy(name, handed), None
        if policy is None:
            policy, refused = NO_POLICY, port.AcceptOutcome.UNKNOWN_POLICY
        elif policy.too_short_for(handed.window):
            refused = port.AcceptOutcome.WINDOW_TOO_LONG
        if terms is None:
            refused = port.AcceptOutcome.UNKNOWN_PROVIDER
        window = handed.window or policy.window or self.default_window
        return port.CompleteIntake(
            number=replace(handed, window=window, policy=name),
            told=handed,
            refused=refused,
            policy_version=policy.version,
            min_cancel_age=timedelta(0) if terms is None else terms.min_cancel_age,
            cancel=policy.cancel,
        )

    def intake_policy(self, name: str, order: AnyOrder) -> IntakePolicy | None:
        """What today's policy of this name says of the order; None: there is none."""
        profile = self.policies.today.get(name)
        return None if profile is None else intake_policy(profile, order)

    async def watch(
        self,
        activations: Sequence[port.Activation],
        told_again: Sequence[port.Activation] = (),
    ) -> None:
        """Put stored numbers on the schedule; `repair` finds what is lost here.

        Those that are *told_again* were counted as accepted before, and are there already unless
        that was lost: the schedule leaves alone what it has. Those whose time is over stay away,
        and those whose provider is not configured any more.
        """
        now = self.clock.now()
        again = [
            stored
            for stored in told_again
            if _has_time(stored, now) and stored.provider in self.terms
        ]
        by_provider: dict[ProviderName, list[port.LiveNumber]] = {}
        new = Counter(stored.provider for stored in activations if stored.ref is not None)
        for stored in (*activations, *again):
            if stored.ref is not None:
                number = port.LiveNumber(
                    stored.id, stored.ref, stored.rented_at, stored.deadline_at
                )
                by_provider.setdefault(stored.provider, []).append(number)
        for provider, numbers in by_provider.items():
            if new[provider]:
                self.reporter.accepted(provider, new[provider])
            await self.put_on_schedule(provider, numbers)

    async def put_on_schedule(
        self, provider: ProviderName, numbers: Sequence[port.LiveNumber]
    ) -> None:
        looks = self.looks(provider, numbers)
        await self.unscheduled.add(provider, await self._with_pushed(provider, looks))

    async def _with_pushed(
        self, provider: ProviderName, looks: Sequence[tuple[port.LiveNumber, datetime]]
    ) -> Sequence[tuple[port.LiveNumber, datetime]]:
        """A number whose SMS was pushed before it was handed over is looked at now."""
        if not self.pushes(provider):
            return looks
        try:
            pushed = await self.purchases.pushed_refs(provider, [number.ref for number, _ in looks])
        except StoreError:
            return looks  # They are stored and must be watched; the push is a hint.
        now = self.clock.now()
        return [(number, now if number.ref in pushed else at) for number, at in looks]

    def looks(
        self, provider: ProviderName, numbers: Sequence[port.LiveNumber]
    ) -> list[tuple[port.LiveNumber, datetime]]:
        now, terms = self.clock.now(), self.terms[provider]
        listed = self.listed(provider)
        return [(number, first_look(number, terms, listed=listed, now=now)) for number in numbers]


def _has_time(stored: port.Activation, now: datetime) -> bool:
    """Whether a code of this number may still be shown.

    It may be on no schedule: the COMMIT was not answered and ran again, or the process ended
    between its COMMIT and the schedule.
    """
    return stored.state in {State.WAITING, State.RECEIVED} and stored.deadline_at > now


@dataclass(frozen=True, slots=True)
class RefuseIntake:
    """Keeps what was handed over and is not taken: an event tells it, as no caller waits."""

    outbox: OutboxStore
    reporter: Reporter

    async def __call__(self, refused: Sequence[RefusedIntake]) -> None:
        for each in await self.outbox.refuse_intake(refused):
            known, job = each.known, each.job.id
            self.reporter.intake_refused(
                each.reason, f"{known.get('provider', '?')}/{known.get('provider_ref', job)}"
            )
