"""Outages that end by no report: an SMS came on the number, or its rental was given back.

Each is decided again by its own record, in a transaction of its own. Where the process dies before
that, the next look at the rental does it, or the date of the outage itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from worker.lifecycle.cases import case_steps
from worker.lifecycle.cases.follow_ups import FollowUps
from worker.lifecycle.cases.outages import first_sms
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store.case_view import CLOSED, Case, CaseKind, CaseState, CaseStep, CaseView
from worker.ports.store.cases import CaseStore
from worker.ports.store.rentals import Rental

_WAITING: Final = frozenset({CaseState.WAITING})
_OPEN: Final = frozenset(CaseState) - CLOSED


def is_down(rental: Rental) -> bool:
    """Whether an outage of it is still to be decided by a rule."""
    return any(outage.state in _WAITING for outage in rental.outages)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEnds:
    cases: CaseStore
    judges: Mapping[CaseKind, case_steps.KindJudge]
    policies: PolicyBook
    told_by: str | None = None

    async def by_sms(self, rental: Rental) -> None:
        """The outage that an SMS in our log has ended is credited now, not with the rental."""
        waiting = [outage for outage in rental.outages if outage.state in _WAITING]
        log = await self.cases.messages(rental.id) if waiting else []
        for outage in waiting:
            if first_sms(outage, log) is not None:
                await self._decide_again(outage, _WAITING)

    async def with_rental(self, id_: UUID) -> None:
        """Those of a rental that was given back: each ends with it, and is credited now."""
        rental = await self.cases.rental_of(id_)
        if rental is None or rental.ended_at is None:
            return
        for outage in rental.outages:
            if outage.state in _OPEN:
                await self._decide_again(outage, _OPEN)

    async def _decide_again(self, outage: Case, states: Collection[CaseState]) -> None:
        judge = self.judges[CaseKind.OUTAGE]

        def decided(view: CaseView) -> CaseStep:
            if view.case.state not in states:  # Another process was faster.
                return case_steps.unchanged(view)
            return case_steps.recheck_step(judge, view)

        change = await self.policies.judged(
            lambda policy_of: self.cases.change_case(outage.id, decided, policy_of, by=self.told_by)
        )
        follow_ups = FollowUps(
            cases=self.cases, judges=self.judges, policies=self.policies, told_by=self.told_by
        )
        await follow_ups.after(change.case)
