"""Deletions of accounts in their order: what is refundable is offered first, as a withdrawal.

The offer is a case of its own, which the customer completes, declines or lets pass. What a
deletion waits for tells it when it has ended; after a crash its own timer asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from worker.domain.ids import AccountId
from worker.domain.policy import Reason
from worker.domain.policy.vocabulary import BALANCE, WithdrawReason
from worker.lifecycle.cases import case_steps, questions
from worker.lifecycle.cases.record_facts import OFFERED
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store import cases as port
from worker.ports.store.case_view import CLOSED, Case, CaseFacts, CaseJudge, CaseKind, CaseState

_REASON: Final = WithdrawReason.ACCOUNT_DELETION.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    cases: port.CaseStore
    judges: Mapping[CaseKind, case_steps.KindJudge]
    policies: PolicyBook
    told_by: str | None = None
    lock_wait: timedelta | None = None  #: For a locked account; None: as long as the store waits.

    async def after(self, case: Case | None) -> None:
        """What follows for the deletion of an account from a change of one of its cases."""
        if case is None:
            return
        if case.kind is CaseKind.ACCOUNT:
            if _offers(case):
                await self._offer(case)
        elif case.state in CLOSED and _held_money(case):
            await self.recheck(case.account)

    async def recheck(self, account: AccountId) -> None:
        """Decide again those that wait for something that may have ended."""
        judge = self.judges[CaseKind.ACCOUNT]
        for id_ in await self.cases.open_deletions(account):
            change = await self._judged(id_, lambda view: case_steps.recheck_step(judge, view))
            if change.case is not None and _offers(change.case):
                await self._offer(change.case)

    async def taken_back(self, account: AccountId) -> None:
        """The customer stays: nothing is offered him any more."""
        await self.recheck(account)
        judge = self.judges[CaseKind.WITHDRAWAL]
        for id_ in await self._open_offers(account):
            await self._judged(id_, lambda view: case_steps.taken_back_step(judge, view))

    async def complete(
        self,
        account: AccountId,
        reference: str,
        facts: CaseFacts,
        policy: str | None,
        words: Mapping[str, Any],
    ) -> port.CaseOpenResult | None:
        """The customer takes what is offered; None: nothing is offered, his request is its own."""
        if facts.get("withdraw_reason") != _REASON:
            return None
        case = await self._offered(account)
        if case is None:
            return None
        if policy not in {None, case.policy}:
            return port.CaseOpenResult(port.CaseOpenOutcome.OTHER_POLICY)
        told = {**words, "reference": reference}
        if not case.facts[OFFERED]:
            same = any(entry.content.get("reference") == reference for entry in case.evidence)
            return port.CaseOpenResult(port.CaseOpenOutcome.SAME, case) if same else None
        judge, adds = self.judges[case.kind], questions.plain_facts(**facts, **{OFFERED: False})
        change = await self._judged(
            case.id, lambda view: case_steps.add_step(judge, view, adds, "completed", told)
        )
        if change.rejected is not None:  # It was declined, or it passed, meanwhile.
            return None
        return port.CaseOpenResult(port.CaseOpenOutcome.SAME, change.case)

    async def _offer(self, deletion: Case) -> None:
        facts = {"withdraw_reason": _REASON, "reasons_given": False, OFFERED: True}
        new = port.NewCase(
            id=_offer_id(deletion.account, deletion.id),
            kind=CaseKind.WITHDRAWAL,
            subject=_reference(deletion.id),
            facts=facts,
            content={**facts, "policy": deletion.policy},
            account=deletion.account,
            policy=deletion.policy,
            policy_version=deletion.policy_version,
        )
        judge = self.judges[CaseKind.WITHDRAWAL]
        await self.policies.judged(
            lambda policy_of: self.cases.open_case(
                new,
                lambda view: case_steps.open_step(judge, view, "claim_at", {}),
                policy_of,
                by=self.told_by,
                lock_wait=self.lock_wait,
            )
        )

    async def _open_offers(self, account: AccountId) -> list[UUID]:
        return await self.cases.open_cases_of(
            account, CaseKind.WITHDRAWAL, waiting_for=Reason.WITHDRAWAL_OFFERED.value
        )

    async def _offered(self, account: AccountId) -> Case | None:
        for deletion in await self.cases.open_deletions(account):
            offer = await self.cases.case(_offer_id(account, deletion))
            if offer is not None:
                return offer
        return None

    async def _judged(self, id_: UUID, judge: CaseJudge) -> port.CaseChange:
        return await self.policies.judged(
            lambda policy_of: self.cases.change_case(
                id_, judge, policy_of, by=self.told_by, lock_wait=self.lock_wait
            )
        )


def _reference(deletion: UUID) -> str:
    return f"{_REASON}:{deletion}"


def _offer_id(account: AccountId, deletion: UUID) -> UUID:
    return port.case_id(CaseKind.WITHDRAWAL, account, _reference(deletion))


def _offers(case: Case) -> bool:
    decided = case.decided
    if case.state is not CaseState.WAITING or decided is None:
        return False
    return decided.reason == Reason.WITHDRAWAL_OFFERED.value


def _held_money(case: Case) -> bool:
    """Whether money of the account may have been set aside for it."""
    leaves = any(row.destination not in {None, BALANCE} for row in case.decisions)
    return case.kind is CaseKind.WITHDRAWAL or leaves
