"""The desk for cases: what customers ask, what the shop does about it, and what humans decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import FactError, Op, Profile, Reason
from worker.lifecycle.cases import adding, payouts
from worker.lifecycle.cases.asking import check_facts, instant, known
from worker.lifecycle.cases.reviews import ActivationReviews, Reviewed
from worker.lifecycle.cases.shape import Adding, Judging, Verdict, added, asked_again, opened, ruled
from worker.lifecycle.clock import Clock
from worker.ports.store.books import BookStore
from worker.ports.store.case_view import CLOSED, Case, CaseFacts, CaseKind
from worker.ports.store.cases import (
    CaseChange,
    CaseOpened,
    CaseOpening,
    CaseStore,
    NewCase,
    Rental,
    RentalBooking,
    Review,
    ReviewPlace,
    case_id,
)

SKEW: Final = timedelta(seconds=60)  #: How far a caller's clock may be ahead of ours.
_OPS: Final = {
    CaseKind.CLAIM: Op.CLAIM,
    CaseKind.OUTAGE: Op.OUTAGE_TICK,
    CaseKind.WITHDRAWAL: Op.WITHDRAWAL,
    CaseKind.ACCOUNT: Op.ACCOUNT_EVENT,
}


_REASONS: Final = {reason.value for reason in Reason}
Said: TypeAlias = Mapping[str, Any]  #: In the customer's own words, for a human to read.
NOTHING: Final[Said] = {}


class Occurrence(NamedTuple):
    """An event of an account; without a reference and a date it is the only one of its kind."""

    event: str
    reference: str | None = None
    at: datetime | None = None

    def name(self) -> tuple[str, ...]:
        if self.reference is not None:
            return ("reference", self.reference)
        return () if self.at is None else ("at", instant(self.at))

    def said(self) -> Said:
        return known({"reference": self.reference, "at": self.at and instant(self.at)})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseService:
    """Raises `StoreError`, and `FactError` for facts that cannot be decided from."""

    cases: CaseStore
    books: BookStore
    judges: Mapping[CaseKind, Judging]
    reviewing: ActivationReviews
    profiles: Mapping[str, Profile]
    default_policy: str
    clock: Clock

    async def open_claim(
        self, activation: ActivationId, facts: CaseFacts, said: Said = NOTHING
    ) -> CaseOpening:
        """One claim per order, kind and destination: the same again is the same."""
        new = self._claim(activation, facts, said)
        return await self._open(replace(new, activation=activation), "claim_at", said)

    async def open_rental_claim(
        self, rental: UUID, facts: CaseFacts, said: Said = NOTHING
    ) -> CaseOpening:
        """The same about a long rental."""
        new = self._claim(rental, facts, said)
        return await self._open(replace(new, rental=rental), "claim_at", said)

    async def open_outage(
        self, provider: ProviderName, ref: ProviderRef, facts: CaseFacts
    ) -> CaseOpening:
        """The outage that runs, or the next one of this rental."""
        self.check(CaseKind.OUTAGE, facts)
        rental = await self.cases.rental(provider, ref)
        if rental is None:
            return CaseOpening(CaseOpened.UNKNOWN_SUBJECT)
        ended = [one for one in rental.outages if one.state in CLOSED]
        new = NewCase(
            # Numbered, so that two who report one outage at once meet each other.
            id=case_id(CaseKind.OUTAGE, rental.id, adding.number_of(ended, facts)),
            kind=CaseKind.OUTAGE,
            subject=f"{provider}/{ref}",
            facts=adding.after_earlier(facts, ended),
            content=facts,
            rental=rental.id,
        )
        return await self._open(new, "contacted_at")

    async def restored(
        self, provider: ProviderName, ref: ProviderRef, at: datetime | None
    ) -> CaseChange:
        rental = await self.cases.rental(provider, ref)
        if rental is None or not rental.outages:
            return CaseChange(None)
        outage = adding.outage_until(rental.outages, at)
        facts = adding.once(restored_at=at)
        return await self.add(outage.id, CaseKind.OUTAGE, facts, "restored")

    async def book_rental(self, rental: Rental) -> RentalBooking:
        return await self.cases.book_rental(rental)

    async def open_withdrawal(
        self, account: AccountId, reference: str, facts: CaseFacts, policy: str | None
    ) -> CaseOpening | None:
        """None: there is no such policy."""
        new = self._of_account(CaseKind.WITHDRAWAL, account, reference, facts, policy)
        return None if new is None else await self._open(new, "claim_at")

    async def account_event(
        self, account: AccountId, occurrence: Occurrence, policy: str | None
    ) -> CaseOpening | None:
        """One case per event: its reference or else its date tells it from the one before."""
        event = occurrence.event
        new = self._of_account(CaseKind.ACCOUNT, account, event, {"event": event}, policy)
        if new is None:
            return None
        said = occurrence.said()
        id_ = case_id(CaseKind.ACCOUNT, account, event, *occurrence.name())
        told = replace(new, id=id_, content={**new.content, **said})
        return await self._open(told, None, said)

    async def add(
        self, id_: UUID, kind: CaseKind, facts: Adding, what: str, said: Said = NOTHING
    ) -> CaseChange:
        judging = self.judges[kind]
        return await self._change(id_, kind, lambda view: added(judging, view, facts, what, said))

    async def verdict(self, id_: UUID, kind: CaseKind, verdict: Verdict) -> CaseChange:
        self.check(kind, verdict.findings)
        judging = self.judges[kind]
        return await self._change(id_, kind, lambda view: ruled(judging, view, verdict))

    async def review_verdict(
        self, id_: UUID, verdict: Verdict, outcome: str | None
    ) -> CaseChange | Reviewed:
        """A verdict on whatever waits under this id: a case, or an activation in review."""
        case = await self.cases.case(id_)
        if case is None:
            activation, amount = ActivationId(id_), verdict.amount_minor
            return await self.reviewing(
                activation, outcome, grant=verdict.grant, amount_minor=amount
            )
        if outcome is not None:
            raise FactError("given.outcome", "only an activation ends by it, and this is a case")
        return await self.verdict(id_, case.kind, verdict)

    async def paid(self, id_: UUID, kind: CaseKind) -> CaseChange:
        return await self._change(id_, kind, payouts.paid)

    async def extend(self, id_: UUID, kind: CaseKind, facts: CaseFacts) -> CaseChange:
        return await self._change(id_, kind, lambda view: payouts.extended(view, facts))

    async def case(self, id_: UUID, kind: CaseKind) -> Case | None:
        found = await self.cases.case(id_)
        return found if found is not None and found.kind is kind else None

    async def reviews(self, limit: int, after: ReviewPlace | None = None) -> list[Review]:
        found = await self.cases.reviews(limit=limit, after=after)
        return [self._with_clauses(one) for one in found]

    async def review(self, id_: UUID) -> Review | None:
        found = await self.cases.review(id_)
        return None if found is None else self._with_clauses(found)

    def _with_clauses(self, review: Review) -> Review:
        """An activation's rests on what its reason does; a reason no policy gives, on none."""
        if review.kind != "activation" or review.reason not in _REASONS:
            return review
        clauses = self.judges[CaseKind.CLAIM].clauses
        return replace(review, clauses=clauses(review.policy, Reason(review.reason)))

    def policy_version(self, name: str | None) -> tuple[str, str] | None:
        profile = self.profiles.get(name or self.default_policy)
        return None if profile is None else (profile.name, profile.version)

    def not_in_future(self, name: str, at: datetime | None) -> None:
        """Whoever says when something happened cannot say that it is still to come."""
        if at is not None and at > self.clock.now() + SKEW:
            raise FactError(f"given.{name}", "lies in the future")

    def check(self, kind: CaseKind, facts: CaseFacts) -> None:
        check_facts(_OPS[kind], facts, self.clock.now())

    def _claim(self, order: UUID, facts: CaseFacts, said: Said) -> NewCase:
        self.check(CaseKind.CLAIM, facts)
        thing = (order, facts["claim_kind"], facts.get("destination", "balance"))
        return NewCase(
            id=case_id(CaseKind.CLAIM, *thing),
            kind=CaseKind.CLAIM,
            subject=str(order),
            facts=facts,
            content={**facts, "said": dict(said)},
        )

    def _of_account(
        self,
        kind: CaseKind,
        account: AccountId,
        reference: str,
        facts: CaseFacts,
        policy: str | None,
    ) -> NewCase | None:
        self.check(kind, facts)
        version = self.policy_version(policy)
        if version is None:
            return None
        return NewCase(
            id=case_id(kind, account, reference),
            kind=kind,
            subject=reference,
            facts=facts,
            content={**facts, "policy": version[0]},
            account=account,
            policy=version[0],
            policy_version=version[1],
        )

    async def _open(self, new: NewCase, at: str | None, said: Said = NOTHING) -> CaseOpening:
        judging = self.judges[new.kind]
        result = await self.cases.open_case(new, lambda view: opened(judging, view, at, said))
        await self._let_go(result.case)
        return result

    async def _change(self, id_: UUID, kind: CaseKind, judge: Callable[[Any], Any]) -> CaseChange:
        if await self.case(id_, kind) is None:
            return CaseChange(None)
        result = await self.cases.change_case(id_, judge)
        await self._let_go(result.case)
        return result

    async def _let_go(self, case: Case | None) -> None:
        """A deletion that waited for this withdrawal goes on; a timer finds what is lost here."""
        if case is None or case.kind is not CaseKind.WITHDRAWAL or case.state not in CLOSED:
            return
        judging = self.judges[CaseKind.ACCOUNT]
        held = await self.cases.open_cases_of(
            case.account, CaseKind.ACCOUNT, waiting_for=Reason.WITHDRAWAL_OPEN.value
        )
        for id_ in held:
            await self.cases.change_case(id_, lambda view: asked_again(judging, view))
