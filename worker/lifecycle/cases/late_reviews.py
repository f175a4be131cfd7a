"""Reviews that nobody decides by their date: it is told once, and they wait on."""

from dataclasses import dataclass
from datetime import timedelta

from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store.case_search import ReviewSearch
from worker.ports.store.case_view import Timer
from worker.ports.store.cases import CaseStore, Review


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReviews:
    cases: CaseStore
    policies: PolicyBook
    clock: Clock

    async def fire(self, timer: Timer) -> None:
        """The date of a number is counted by its policy here: its timer first rings at once."""
        review = await self._waiting(timer)
        left = timedelta(0) if review is None else review.by_when - self.clock.now()
        if left >= timedelta(0) and review is not None:
            await self.cases.put_off(timer, left)
        else:
            await self.cases.review_late(timer, review)

    async def _waiting(self, timer: Timer) -> Review | None:
        owed = await self.cases.obligation(timer.subject)
        if owed is not None and owed.ended_at is not None:
            return None  # What is asked by now has a date and a timer of its own.
        id_ = timer.subject if owed is None else owed.case
        policies = await self.policies.every_version()
        found = await self.cases.reviews(policies, limit=1, about=ReviewSearch(only=id_))
        return found[0] if found else None
