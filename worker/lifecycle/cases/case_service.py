"""The service for cases: customers open them, the shop acts on them, and humans decide them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from worker.domain.account_state import turns_before
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import FactError, Op
from worker.lifecycle.cases import case_steps, order_reviews, questions, replacing, withdrawals
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.lifecycle.cases.activation_reviews import (
    ActivationReviews,
    ReviewOutcome,
    ReviewResult,
    with_clauses,
)
from worker.lifecycle.cases.claims import added_by, claimed_as, may_be_claimed_anew
from worker.lifecycle.cases.follow_ups import FollowUps
from worker.lifecycle.cases.keyed_calls import CallKey, opened_before, under
from worker.lifecycle.cases.outage_ends import OutageEnds
from worker.lifecycle.cases.outages import (
    new_outage,
    outage_restored_at,
    probed_step,
    restored_step,
)
from worker.lifecycle.cases.rental_cancels import new_press
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.long_rental import Availability
from worker.ports.store import cases as port
from worker.ports.store.books import BookStore
from worker.ports.store.case_search import ANY_REVIEW, Review, ReviewPlace, ReviewSearch
from worker.ports.store.case_view import (
    CLOSED,
    Case,
    CaseFacts,
    CaseJudge,
    CaseKind,
    CaseState,
    Rejected,
)
from worker.ports.store.rentals import Rental
from worker.ports.store.said import StaffNote

CustomerWords: TypeAlias = Mapping[str, Any]  #: For a human to read; no fact to decide from.

NO_WORDS: Final[CustomerWords] = {}
SKEW: Final = timedelta(seconds=60)  #: How far a caller's clock may be ahead of ours.
_OPS: Final = {
    CaseKind.CLAIM: Op.CLAIM,
    CaseKind.OUTAGE: Op.OUTAGE_TICK,
    CaseKind.RENTAL_CANCEL: Op.CANCEL,
    CaseKind.RENTAL_END: Op.ORDER_TICK,
    CaseKind.WITHDRAWAL: Op.WITHDRAWAL,
    CaseKind.ACCOUNT: Op.ACCOUNT_EVENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseService:
    """Raises `StoreError`, and `FactError` for facts that cannot be decided from."""

    cases: port.CaseStore
    books: BookStore
    judges: Mapping[CaseKind, case_steps.KindJudge]
    activation_reviews: ActivationReviews
    policies: PolicyBook
    default_policy: str
    clock: Clock
    told_by: str | None = None  #: Who tells what is said now.
    call: CallKey | None = None  #: Under which it is told, where it has one.

    async def open_claim(
        self, activation: ActivationId, facts: CaseFacts, words: CustomerWords = NO_WORDS
    ) -> port.CaseOpenResult:
        """One claim per order, kind and destination: the same content again is the same claim."""
        new = replace(self._claim(activation, facts, words), activation=activation)
        return await self._claimed(new, words)

    async def open_rental_claim(
        self,
        rental: UUID,
        facts: CaseFacts,
        words: CustomerWords = NO_WORDS,
        *,
        log_is_whole: bool = True,
    ) -> port.CaseOpenResult:
        """As `open_claim`, about a long rental, whose SMS its provider may keep from us."""
        new = self._claim(rental, facts, words)
        found = {} if log_is_whole else {"messages_missing": True}
        return await self._claimed(replace(new, rental=rental, facts={**facts, **found}), words)

    async def _claimed(
        self, new: port.NewCase, words: CustomerWords, turn: int = 1
    ) -> port.CaseOpenResult:
        """Open it; sent again while it waits it is completed in place, after that numbered anew."""
        opening = await self._open(new, "claim_at", words)
        case = opening.case
        if opening.how is port.CaseOpenOutcome.OTHER_CONTENT and may_be_claimed_anew(case):
            again = (CaseKind.CLAIM, new.subject, *claimed_as(new.facts), "turn", turn)
            return await self._claimed(replace(new, id=port.case_id(*again)), words, turn + 1)
        if opening.how is not port.CaseOpenOutcome.OTHER_CONTENT or case is None:
            return opening
        if case.state is not CaseState.NEEDS_EVIDENCE:
            judged = case.state in CLOSED and case.verdict is not None
            how = port.CaseOpenOutcome.DECIDED if judged else opening.how
            return port.CaseOpenResult(how, case)
        added = added_by(new.facts)
        adds = questions.evidence(new.facts.get("evidence", ()), **added)
        change = await self.add(case.id, case.kind, adds, "evidence", words)
        if change.rejected is not None:
            return opening
        return port.CaseOpenResult(port.CaseOpenOutcome.SAME, change.case)

    async def open_outage(
        self, provider: ProviderName, ref: ProviderRef, facts: CaseFacts
    ) -> port.CaseOpenResult:
        """The outage that runs, or the next one of this rental."""
        self.check(CaseKind.OUTAGE, facts)
        rental = await self.cases.rental(provider, ref)
        if rental is None:
            return port.CaseOpenResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
        log = await self.cases.messages(rental.id) if rental.outages else []
        return await self._open(new_outage(rental, facts, log), "contacted_at")

    async def restored(
        self, provider: ProviderName, ref: ProviderRef, at: datetime | None
    ) -> port.CaseChange:
        rental = await self.cases.rental(provider, ref)
        if rental is None or not rental.outages:
            return port.CaseChange(None)
        outage, kind = outage_restored_at(rental.outages, at), CaseKind.OUTAGE
        judge = self.judges[kind]
        return await self._change(outage.id, kind, lambda view: restored_step(judge, view, at))

    async def probed(self, outage: UUID, said: Availability) -> port.CaseChange:
        """What the provider said of the number, for whoever judges: no policy asks it."""
        return await self._change(outage, CaseKind.OUTAGE, lambda view: probed_step(view, said))

    async def cancel_rental(self, rental: Rental, facts: CaseFacts) -> port.CaseOpenResult:
        """Give it back, a renewal of it, or end it early; raises `CancelRefused`."""
        self.check(CaseKind.RENTAL_CANCEL, facts)
        opened = await self._open(new_press(rental, facts, self.clock.now()), None)
        outage_ends = OutageEnds(
            cases=self.cases, judges=self.judges, policies=self.policies, told_by=self.told_by
        )
        await outage_ends.with_rental(rental.id)
        return opened

    async def open_withdrawal(
        self,
        account: AccountId,
        reference: str,
        facts: CaseFacts,
        policy: str | None,
        words: CustomerWords = NO_WORDS,
    ) -> port.CaseOpenResult | None:
        """By the account's policy; None: there is no such policy."""
        self.check(CaseKind.WITHDRAWAL, facts)
        taken = await self._follow_ups.deletions.complete(account, reference, facts, policy, words)
        if taken is not None:
            return taken
        new = await self._of_account(CaseKind.WITHDRAWAL, account, reference, facts, policy)
        if not isinstance(new, port.NewCase):
            return new
        said = {"said": dict(words)} if words else {}
        return await self._open(replace(new, content={**new.content, **said}), "claim_at", words)

    async def account_event(
        self, account: AccountId, report: AccountEventReport, policy: str | None
    ) -> port.CaseOpenResult | None:
        """One case per event; its reference, else its date, distinguishes it from other events."""
        event = report.event
        new = await self._of_account(CaseKind.ACCOUNT, account, event, {"event": event}, policy)
        if not isinstance(new, port.NewCase):
            return new
        words = report.words()
        identity = report.identity() or await self._turn(account, event)
        id_ = port.case_id(CaseKind.ACCOUNT, account, event, *identity)
        new = replace(new, id=id_, content={**new.content, **words})
        opened = await self._open(new, None, words)
        if event == "delete_withdrawn" and opened.case is not None:
            await self._follow_ups.deletions.taken_back(account)
        return opened

    async def _turn(self, account: AccountId, event: str) -> tuple[str, ...]:
        """What tells an event without a reference from the one of its kind that has ended."""
        turn = turns_before(event, await self.cases.account_events(account))
        return ("turn", str(turn)) if turn else ()

    async def add(
        self,
        id_: UUID,
        kind: CaseKind,
        facts: questions.FactsToAdd,
        what: str,
        words: CustomerWords = NO_WORDS,
    ) -> port.CaseChange:
        judge = self.judges[kind]
        return await self._change(
            id_, kind, lambda view: case_steps.add_step(judge, view, facts, what, words)
        )

    async def replaced(
        self, id_: UUID, by: UUID, *, value_minor: int | None = None
    ) -> port.CaseChange:
        """Link what replaces the order of this claim. Raises `FactError` for another's number."""
        case, new = await self.case(id_, CaseKind.CLAIM), await self.cases.order_record(by)
        if case is None:
            return port.CaseChange(None)
        if new is None or new.account != case.account or by in {case.activation, case.rental}:
            raise FactError("given.replacement", "not another order of the same account")
        number = replacing.NewNumber(by, new.purchased_at, value_minor)
        try:
            return await self._change(
                id_, CaseKind.CLAIM, lambda view: replacing.replaced_step(view, number)
            )
        except port.NumberTaken:
            return port.CaseChange(await self.case(id_, CaseKind.CLAIM), Rejected.REPLACED)

    async def no_replacement(self, id_: UUID) -> port.CaseChange:
        """None can be had: the claim is decided as if it had never been chosen."""
        judge = self.judges[CaseKind.CLAIM]
        return await self._change(
            id_, CaseKind.CLAIM, lambda view: replacing.no_replacement_step(judge, view)
        )

    async def verdict(
        self, id_: UUID, kind: CaseKind, verdict: case_steps.Verdict
    ) -> port.CaseChange:
        self.check(kind, verdict.findings)
        judge = self.judges[kind]
        return await self._change(
            id_, kind, lambda view: case_steps.verdict_step(judge, view, verdict)
        )

    async def review_verdict(
        self, id_: UUID, verdict: case_steps.Verdict, outcome: str | None
    ) -> port.CaseChange | ReviewResult:
        """A verdict on what waits under this id: a case, an order of a rental or an activation."""
        case = await self.cases.case(id_)
        owed = None if case is not None else await self.cases.obligation(id_)
        if owed is not None:
            call = f"…/{case_steps.CARRIED_OUT_BY[owed.what]}"
            return ReviewResult(ReviewOutcome.OF_ANOTHER_CALL, call=call)
        if case is None:
            said = StaffNote(verdict.note, self.told_by)
            order = await order_reviews.decide(self.cases, id_, verdict, outcome, said)
            return order or await self.activation_reviews(
                ActivationId(id_),
                outcome,
                grant=verdict.grant,
                amount_minor=verdict.amount_minor,
                said=said,
            )
        if outcome is not None and case.kind is not CaseKind.CLAIM:
            raise FactError("given.outcome", "only an activation or a claim ends by it")
        return await self.verdict(id_, case.kind, verdict)

    async def paid(self, id_: UUID, kind: CaseKind) -> port.CaseChange:
        prefix = self.judges[kind].event_prefix
        return await self._change(id_, kind, lambda view: withdrawals.paid_step(view, prefix))

    async def contest(self, id_: UUID, words: CustomerWords) -> port.CaseChange:
        """The customer says that a repair does not hold."""
        judge = self.judges[CaseKind.CLAIM]
        return await self._change(
            id_, CaseKind.CLAIM, lambda view: case_steps.contested_step(judge, view, words)
        )

    async def take_back(self, id_: UUID) -> port.CaseChange:
        """The customer takes a withdrawal back."""
        judge = self.judges[CaseKind.WITHDRAWAL]
        return await self._change(
            id_, CaseKind.WITHDRAWAL, lambda view: case_steps.taken_back_step(judge, view)
        )

    async def extend(self, id_: UUID, kind: CaseKind, facts: CaseFacts) -> port.CaseChange:
        return await self._change(id_, kind, lambda view: withdrawals.extended_step(view, facts))

    async def case(self, id_: UUID, kind: CaseKind) -> Case | None:
        case = await self.cases.case(id_)
        return case if case is not None and case.kind is kind else None

    async def reviews(
        self,
        limit: int,
        after: ReviewPlace | None = None,
        about: ReviewSearch = ANY_REVIEW,
    ) -> list[Review]:
        policies = await self.policies.every_version()
        reviews = await self.cases.reviews(policies, limit=limit, after=after, about=about)
        clauses = self.judges[CaseKind.CLAIM].clauses
        return [with_clauses(review, clauses) for review in reviews]

    async def review(self, id_: UUID) -> Review | None:
        reviews = await self.reviews(1, about=ReviewSearch(only=id_))
        return reviews[0] if reviews else None

    def policy_version(self, name: str | None) -> tuple[str, str] | None:
        profile = self.policies.today.get(name or self.default_policy)
        return None if profile is None else (profile.name, profile.version)

    def not_in_future(self, name: str, at: datetime | None) -> None:
        """Refuse the instant of something that has happened, if it is still to come."""
        if at is not None and at > self.clock.now() + SKEW:
            raise FactError(f"given.{name}", "lies in the future")

    async def not_before_purchase(self, name: str, at: datetime | None, order: UUID) -> None:
        """Refuse the instant of a contact about an order that was not made by then."""
        if at is None:
            return
        record = await self.cases.order_record(order)
        if record is not None and at < record.purchased_at:
            raise FactError(f"given.{name}", "lies before the purchase")

    async def not_before_rental(
        self, name: str, at: datetime | None, provider: str, ref: str
    ) -> None:
        rental = await self.cases.rental(ProviderName(provider), ProviderRef(ref))
        if rental is not None:
            await self.not_before_purchase(name, at, rental.id)

    def check(self, kind: CaseKind, facts: CaseFacts) -> None:
        questions.check_facts(_OPS[kind], facts, self.clock.now())

    def _claim(self, order: UUID, facts: CaseFacts, words: CustomerWords) -> port.NewCase:
        self.check(CaseKind.CLAIM, facts)
        return port.NewCase(
            id=port.case_id(CaseKind.CLAIM, order, *claimed_as(facts)),
            kind=CaseKind.CLAIM,
            subject=str(order),
            facts=facts,
            content={**facts, "said": dict(words)},
        )

    async def _of_account(
        self,
        kind: CaseKind,
        account: AccountId,
        reference: str,
        facts: CaseFacts,
        policy: str | None,
    ) -> port.NewCase | port.CaseOpenResult | None:
        """By the policy the account belongs to; another one that the caller names is refused."""
        known = await self.books.account(account)
        bound = None if known is None else known.policy or self.default_policy
        version = self.policies.version_for(policy or bound or self.default_policy, bound)
        if version is None:
            return None
        if bound not in {None, version[0]}:
            return port.CaseOpenResult(port.CaseOpenOutcome.OTHER_POLICY)
        return port.NewCase(
            id=port.case_id(kind, account, reference),
            kind=kind,
            subject=reference,
            facts=facts,
            content={**facts, "policy": version[0]},
            account=account,
            policy=version[0],
            policy_version=version[1],
        )

    async def _open(
        self, new: port.NewCase, dated_by: str | None, words: CustomerWords = NO_WORDS
    ) -> port.CaseOpenResult:
        result = await opened_before(self.cases, self.call)
        if result is None:
            result = await self.policies.judged(
                lambda policy_of: self.cases.open_case(
                    under(new, self.call),
                    lambda view: case_steps.open_step(self.judges[new.kind], view, dated_by, words),
                    policy_of,
                    by=self.told_by,
                )
            )
        await self._follow_ups.after(result.case)
        return result

    async def _change(self, id_: UUID, kind: CaseKind, judge: CaseJudge) -> port.CaseChange:
        if await self.case(id_, kind) is None:
            return port.CaseChange(None)
        result = await self._judged(id_, judge)
        await self._follow_ups.after(result.case)
        return result

    @property
    def _follow_ups(self) -> FollowUps:
        return FollowUps(
            cases=self.cases, judges=self.judges, policies=self.policies, told_by=self.told_by
        )

    async def _judged(self, id_: UUID, judge: CaseJudge) -> port.CaseChange:
        return await self.policies.judged(
            lambda policy_of: self.cases.change_case(id_, judge, policy_of, by=self.told_by)
        )
