"""The end of a rental: where its policy promises that, an empty one is paid back by itself.

Our log alone says whether an SMS came, so the provider is asked for the last ones before it is
believed. Nobody waits for a provider that does not answer longer than `PATIENCE`: by then a human
decides, by a date and with the sum before him, as where it gives only a part of its messages. The
credit is a case of its own: it is decided once, under the account's lock. Claims that waited for
the end are decided then, too.

Its timer has a kind of its own: a daemon of a release that does not know it ends the rental by
`rental_end`, and leaves this one to those that do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from worker.domain.policy import Op, Outcome
from worker.domain.policy.at_intake import order_words
from worker.domain.policy.language.choices import EmptyAtEnd
from worker.lifecycle.cases import case_steps, questions, record_facts
from worker.lifecycle.cases.follow_ups import after_timer
from worker.lifecycle.cases.rental_cancels import RentalCancelJudge, reaching_customer
from worker.lifecycle.cases.rental_closing import SHORTEST_DELAY, LogRead, RentalCloser
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store import case_view as port
from worker.ports.store import cases
from worker.ports.store.case_view import CaseKind, Timer
from worker.ports.store.rentals import Rental

PATIENCE: Final = timedelta(hours=24)
MISSING: Final = "messages_missing"  #: The fact that our log may lack an SMS.
_IF_EMPTY: Final = frozenset({EmptyAtEnd.AUTOMATIC, EmptyAtEnd.ON_CLAIM})
_NOTHING: Final = frozenset({Outcome.NONE, Outcome.WAIT})


def _waiting(rental: Rental) -> Sequence[port.Case]:
    """The claims that wait for its end; an outage is decided as of a date of its own."""
    return [claim for claim in rental.claims if claim.state is port.CaseState.WAITING]


@dataclass(frozen=True, slots=True)
class RentalEndJudge(RentalCancelJudge):
    """Decides what the end of a rental gives back by itself; a human's verdict as of a Cancel."""

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            return case_steps.unchanged(view)  # It is owed, whatever is told now.
        record = self._ask(view, facts)
        if record.decision.outcome in _NOTHING and not view.case.decisions:
            raise case_steps.NothingFollows
        return self._step(view, facts, record)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        """It ends by itself: nobody has to close it at its provider."""
        step = super(RentalEndJudge, self)._step(view, facts, record)
        return replace(step, ends_rental=False)

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        assert view.record is not None
        given = record_facts.of_order(view.record, view.account, facts)
        asked = questions.ask_policy(view, Op.ORDER_TICK, given, self.clauses)
        asked = reaching_customer(view, asked)
        return asked if view.case.decisions else replace(asked, as_of=view.record.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalEnds:
    cases: cases.CaseStore
    policies: PolicyBook
    judges: Mapping[CaseKind, case_steps.KindJudge]
    rental_closer: RentalCloser

    async def fire(self, timer: Timer) -> None:
        rental = await self.cases.rental_of(timer.subject)
        assert rental is not None  # Its timer was set with it.
        promised, waiting = await self._promised(rental), _waiting(rental)
        if promised in _IF_EMPTY or waiting:
            log = await self._read(rental, one_is_enough=not waiting)
            read_again = log not in {LogRead.WHOLE, LogRead.OVER}
            if read_again and not self._too_late(rental):
                await self.cases.put_off(timer, self._delay(rental))
                return
            if promised is EmptyAtEnd.AUTOMATIC:
                await self._credit_if_empty(rental, timer, missing=log is not LogRead.WHOLE)
            for case in waiting:
                await self._decide_again(case, timer, missing=log is not LogRead.WHOLE)
        await self.cases.end_rental(timer)

    async def _decide_again(self, case: port.Case, timer: Timer, *, missing: bool) -> None:
        """What waited for the end, now that our log has what its provider told."""
        judge = self.judges[case.kind]

        def decided(view: port.CaseView) -> port.CaseStep:
            if view.case.state in port.CLOSED:
                return case_steps.unchanged(view)
            # Whether they were missing when it was asked for is no matter any more.
            told = {name: fact for name, fact in view.case.facts.items() if name != MISSING}
            case = replace(view.case, facts={**told, **({MISSING: True} if missing else {})})
            return case_steps.recheck_step(judge, replace(view, case=case))

        change = await self.policies.judged(
            lambda policy_of: self.cases.change_case(
                case.id, decided, policy_of, lock_wait=timer.lock_wait
            )
        )
        await after_timer(self.cases, self.judges, self.policies, change.case)

    async def _promised(self, rental: Rental) -> EmptyAtEnd | None:
        """To an empty one; one that was given back before its end is not empty at it."""
        if rental.was_given_back:
            return None
        await self.policies.load([(rental.policy, rental.policy_version)])
        profile = self.policies.of(rental.policy, rental.policy_version)
        if profile is None:
            return None
        told = rental.order_facts or {}
        service, country = rental.service, rental.country
        words = order_words(service, country, rental.price_minor, told, rental=True)
        return profile.for_order(words).rental.empty_at_end

    async def _read(self, rental: Rental, *, one_is_enough: bool) -> LogRead:
        """With one message it is not empty; a claim may ask for the others."""
        if one_is_enough and await self.cases.messages(rental.id):
            return LogRead.WHOLE
        return await self.rental_closer.read_messages(rental)

    def _too_late(self, rental: Rental) -> bool:
        return self.rental_closer.now() > rental.ends_at + PATIENCE

    def _delay(self, rental: Rental) -> timedelta:
        return max(SHORTEST_DELAY, (self.rental_closer.now() - rental.ends_at) / 4)

    async def _credit_if_empty(self, rental: Rental, timer: Timer, *, missing: bool) -> None:
        judge = self.judges[CaseKind.RENTAL_END]
        new = cases.NewCase(
            # A prolonged rental has another end.
            id=cases.case_id(CaseKind.RENTAL_END, rental.id, rental.ends_at.isoformat()),
            kind=CaseKind.RENTAL_END,
            subject=f"{rental.provider}/{rental.ref}",
            facts={MISSING: True} if missing else {},
            content={},
            rental=rental.id,
        )
        try:
            await self.policies.judged(
                lambda policy_of: self.cases.open_case(
                    new,
                    lambda view: case_steps.open_step(judge, view, None, {}),
                    policy_of,
                    lock_wait=timer.lock_wait,
                )
            )
        except case_steps.NothingFollows:
            return
