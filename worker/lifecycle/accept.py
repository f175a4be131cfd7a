"""Accept: a number that was already rented is stored with its hold, and watched from then on."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.unscheduled import Unscheduled
from worker.lifecycle.watch import first_look
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store import activations as port
from worker.ports.store.purchases import PurchaseStore

BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class IntakePolicy:
    """What intake needs of a policy: its version is fixed with the number."""

    version: str
    window: timedelta | None  #: None: the worker's default window.


@dataclass(frozen=True, slots=True, kw_only=True)
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
    intake_policy: Callable[[str], IntakePolicy | None]  #: Of a policy's name
    default_policy: str
    default_window: timedelta

    async def __call__(self, handed: Sequence[port.NumberIntake]) -> list[port.AcceptResult]:
        results: list[port.AcceptResult] = []
        for start in range(0, len(handed), BATCH):
            results += await self._batch(handed[start : start + BATCH])
        refused = Counter(result.how for result in results if result.how not in port.STORED)
        for how, count in refused.items():
            self.reporter.intake_refused(how.value, count)
        return results

    async def _batch(self, handed: Sequence[port.NumberIntake]) -> list[port.AcceptResult]:
        drafts = [self.draft(number) for number in handed]
        intakes = [draft for draft in drafts if isinstance(draft, port.CompleteIntake)]
        stored = iter(await self.activations.accept(intakes) if intakes else [])
        results = [
            next(stored)
            if isinstance(draft, port.CompleteIntake)
            else port.AcceptResult(draft, None)
            for draft in drafts
        ]
        await self.watch(
            [r.activation for r in results if r.how is port.AcceptOutcome.NEW and r.activation]
        )
        return results

    def draft(self, handed: port.NumberIntake) -> port.CompleteIntake | port.AcceptOutcome:
        """The intake with its defaults filled in, or why there can be none."""
        terms = self.terms.get(handed.provider)
        if terms is None:
            return port.AcceptOutcome.UNKNOWN_PROVIDER
        name = handed.policy or self.default_policy
        policy = self.intake_policy(name)
        if policy is None:
            return port.AcceptOutcome.UNKNOWN_POLICY
        window = handed.window or policy.window or self.default_window
        return port.CompleteIntake(
            number=replace(handed, window=window, policy=name),
            policy_version=policy.version,
            min_cancel_age=terms.min_cancel_age,
        )

    async def watch(self, activations: Sequence[port.Activation]) -> None:
        """Put stored numbers on the schedule; `repair` finds what is lost here."""
        by_provider: dict[ProviderName, list[port.LiveNumber]] = {}
        for stored in activations:
            if stored.ref is not None:
                number = port.LiveNumber(
                    stored.id, stored.ref, stored.rented_at, stored.deadline_at
                )
                by_provider.setdefault(stored.provider, []).append(number)
        for provider, numbers in by_provider.items():
            self.reporter.accepted(provider, len(numbers))
            looks = self.looks(provider, numbers)
            await self.unscheduled.add(provider, await self._with_pushed(provider, looks))

    async def _with_pushed(
        self, provider: ProviderName, looks: Sequence[tuple[port.LiveNumber, datetime]]
    ) -> Sequence[tuple[port.LiveNumber, datetime]]:
        """A number whose SMS was pushed before it was handed over is looked at now."""
        if not self.pushes(provider):
            return looks
        pushed = await self.purchases.pushed_refs(provider, [number.ref for number, _ in looks])
        now = self.clock.now()
        return [(number, now if number.ref in pushed else at) for number, at in looks]

    def looks(
        self, provider: ProviderName, numbers: Sequence[port.LiveNumber]
    ) -> list[tuple[port.LiveNumber, datetime]]:
        now, terms = self.clock.now(), self.terms[provider]
        listed = self.listed(provider)
        return [(number, first_look(number, terms, listed=listed, now=now)) for number in numbers]
