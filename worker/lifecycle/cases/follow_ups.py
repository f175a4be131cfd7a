"""What follows for other cases from a change of one: for a deletion, and for claims beside it.

Each is decided again by its own record, in a transaction of its own. Where the process dies before
that, a deletion has a timer, and a claim is decided from its record when its human answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.lifecycle.cases import case_steps
from worker.lifecycle.cases.deletions import Deletions
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store import cases as port
from worker.ports.store.case_view import Case, CaseKind, CaseState

#: Ends of a claim that give back what was set aside for it.
_FREES: Final = frozenset({CaseState.DENIED, CaseState.RESOLVED, CaseState.DONE})
_OPEN: Final = frozenset({CaseState.WAITING, CaseState.NEEDS_EVIDENCE, CaseState.IN_REVIEW})


#: For an account that somebody has locked since; a timer that fired does not ring for it again.
WAIT_OF_TIMERS: Final = timedelta(seconds=1)


async def after_timer(
    cases: port.CaseStore,
    judges: Mapping[CaseKind, case_steps.KindJudge],
    policies: PolicyBook,
    changed: Case | None,
) -> None:
    """What follows from a change that a timer made."""
    follow_ups = FollowUps(cases=cases, judges=judges, policies=policies, lock_wait=WAIT_OF_TIMERS)
    await follow_ups.after(changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    cases: port.CaseStore
    judges: Mapping[CaseKind, case_steps.KindJudge]
    policies: PolicyBook
    told_by: str | None = None
    lock_wait: timedelta | None = None  #: For a locked account; None: as long as the store waits.

    @property
    def deletions(self) -> Deletions:
        return Deletions(
            cases=self.cases,
            judges=self.judges,
            policies=self.policies,
            told_by=self.told_by,
            lock_wait=self.lock_wait,
        )

    async def after(self, case: Case | None) -> None:
        await self.deletions.after(case)
        if case is not None and case.kind is CaseKind.CLAIM and case.state in _FREES:
            await self._decide_beside(case)

    async def _decide_beside(self, ended: Case) -> None:
        """The other open claims about its order: what it had set aside is there for them."""
        for other in await self._about_its_order(ended):
            if other.kind is CaseKind.CLAIM and other.state in _OPEN and other.id != ended.id:
                await self._decide_again(other)

    async def _decide_again(self, case: Case) -> None:
        judge = self.judges[case.kind]
        await self.policies.judged(
            lambda policy_of: self.cases.change_case(
                case.id,
                lambda view: case_steps.recheck_step(judge, view),
                policy_of,
                by=self.told_by,
                lock_wait=self.lock_wait,
            )
        )

    async def _about_its_order(self, case: Case) -> list[Case]:
        if case.activation is not None:
            return list(await self.cases.cases_about(case.activation))
        assert case.rental is not None  # A claim is about a number or a rental.
        rental = await self.cases.rental_of(case.rental)
        return [] if rental is None else list(rental.claims)
