"""Balances that nothing moved for as many months as their policy says: void, or left to a human.

Each account of such a policy has a dated row. An entry does not move it: when it rings, the last
entry says whether it rings again later. What follows is an account event like any other, decided
under the account's lock, so that money which moves meanwhile is seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from worker.domain import calendar
from worker.domain.ids import AccountId
from worker.domain.policy.vocabulary import AccountEventKind
from worker.lifecycle.cases import case_steps
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store import cases
from worker.ports.store.books import BookStore, QuietAccount
from worker.ports.store.case_view import CaseKind, Timer, TimerKind

BATCH: Final = 500  #: Accounts that one tick looks through for those that have no date yet.
_SUBJECTS: Final = UUID("a5f2d1c6-0c0e-5d0b-9a3e-3f6d6b1f7c42")
_EVENT: Final = AccountEventKind.IDLE.value
#: Where a customer can move his money: that of a frozen or closing account lies idle for the shop.
_MOVES: Final = frozenset({"open", "blocked"})


def idle_subject(account: AccountId) -> UUID:
    """What the timer of an account is about."""
    return uuid5(_SUBJECTS, account)


@dataclass(slots=True, kw_only=True)
class IdleBalances:
    cases: cases.CaseStore
    books: BookStore
    policies: PolicyBook
    judges: Mapping[CaseKind, case_steps.KindJudge]
    batch: int = BATCH
    _after: AccountId | None = field(default=None, init=False)  #: How far it has looked.

    async def seed(self) -> int:
        """Date the next accounts that have none, of policies that name a time; how many."""
        if not any(self._months(name) for name in self.policies.today):
            return 0
        page = await self.books.undated_accounts(self._after, self.batch)
        self._after = page.up_to
        dated = []
        for account in page.accounts:
            if (end := self._end(account)) is not None:
                subject = idle_subject(account.account)
                dated.append((account.account, Timer(TimerKind.BALANCE_IDLE, subject, end)))
        if dated:
            await self.books.date_accounts(dated)
        return len(dated)

    async def fire(self, timer: Timer) -> None:
        account = await self.books.dated_account(timer.subject)
        end = None if account is None or account.state == "deleted" else self._end(account)
        if account is None or end is None:
            await self.books.undate_account(timer)
            return
        if end <= timer.due_at:
            await self._open(account)
            months = self._months(account.policy)
            assert months is not None  # It has an end.
            end = calendar.after_months(timer.due_at, months)
        await self.books.date_again(timer, end)

    async def _open(self, account: QuietAccount) -> None:
        profile = self.policies.today[account.policy]
        if account.available_minor == 0 or account.state not in _MOVES:
            return
        new = cases.NewCase(
            id=cases.case_id(
                CaseKind.ACCOUNT, account.account, _EVENT, account.idle_since.isoformat()
            ),
            kind=CaseKind.ACCOUNT,
            subject=_EVENT,
            facts={"event": _EVENT},
            content={"event": _EVENT},
            account=account.account,
            policy=profile.name,
            policy_version=profile.version,
        )
        judge = self.judges[CaseKind.ACCOUNT]
        try:
            await self.policies.judged(
                lambda policy_of: self.cases.open_case(
                    new, lambda view: case_steps.open_step(judge, view, None, {}), policy_of
                )
            )
        except case_steps.NothingFollows:
            return  # An entry came meanwhile.

    def _months(self, policy: str) -> int | None:
        profile = self.policies.today.get(policy)
        return None if profile is None else profile.balance.idle_months

    def _end(self, account: QuietAccount) -> datetime | None:
        """The last instant in time, by the account's policy of today."""
        months = self._months(account.policy)
        return None if months is None else calendar.after_months(account.idle_since, months)
