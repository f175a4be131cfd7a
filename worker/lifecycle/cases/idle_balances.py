"""Balances that nothing moved for as many months as their policy says: void, or left to a human.

Each account of such a policy has a dated row; its time begins when it is dated, at the earliest. An
entry does not move the date: when it rings, the last entry says whether it rings again later. What
follows is an account event like any other, decided under the account's lock, so that money which
moves meanwhile is seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from worker.domain import calendar
from worker.domain.ids import AccountId
from worker.domain.policy.vocabulary import AccountEventKind
from worker.lifecycle.cases import case_steps
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store import cases
from worker.ports.store.books import BookStore, IdleDate, QuietAccount
from worker.ports.store.case_view import CaseKind, Timer, TimerKind

BATCH: Final = 500  #: Accounts that one tick looks through for those that have no date yet.
_SUBJECTS: Final = UUID("a5f2d1c6-0c0e-5d0b-9a3e-3f6d6b1f7c42")
_EVENT: Final = AccountEventKind.IDLE.value
#: From when an account is told to a policy of months, or of fewer; and before one is looked at anew
#: that something open holds back.
NOTICE: Final = timedelta(days=30)


def idle_subject(account: AccountId) -> UUID:
    """What the timer of an account is about."""
    return uuid5(_SUBJECTS, account)


@dataclass(slots=True, kw_only=True)
class IdleBalances:
    cases: cases.CaseStore
    books: BookStore
    policies: PolicyBook
    judges: Mapping[CaseKind, case_steps.KindJudge]
    clock: Clock
    batch: int = BATCH
    _after: AccountId | None = field(default=None, init=False)  #: How far it has looked.
    #: Whether it has looked through all once: a policy changes only with a new process.
    _seen_all: bool = field(default=False, init=False)

    async def seed(self) -> int:
        """Date the next accounts that have none, of policies that name a time; how many."""
        if not any(self._months(name) for name in self.policies.today):
            return 0
        page = await self.books.undated_accounts(
            self._after, self.batch, and_dated=not self._seen_all
        )
        self._after = page.up_to
        self._seen_all = self._seen_all or page.up_to is None
        now = self.clock.now()
        dates = [date for account in page.accounts for date in self._date(account, now)]
        if dates:
            await self.books.date_accounts(dates, now)
        return len(dates)

    def _date(self, account: QuietAccount, now: datetime) -> Iterator[IdleDate]:
        """Its first date, or an earlier one where its policy names fewer months now."""
        months = self._months(account.policy)
        if months is None or (account.months is not None and account.months <= months):
            return
        since = account.idle_since if account.months is not None else max(account.idle_since, now)
        due = max(calendar.after_months(since, months), now + NOTICE)
        timer = Timer(TimerKind.BALANCE_IDLE, idle_subject(account.account), due)
        yield IdleDate(account.account, timer, months)

    async def fire(self, timer: Timer) -> None:
        account = await self.books.dated_account(timer.subject)
        months = None if account is None else self._months(account.policy)
        if account is None or months is None or account.state == "deleted":
            await self.books.undate_account(timer)
            return
        end = calendar.after_months(account.idle_since, months)
        if end <= timer.due_at:
            end = await self._ended(account, months, timer.lock_wait)
        await self.books.date_again(timer, end, months)

    async def _ended(self, account: QuietAccount, months: int, lock_wait: timedelta) -> datetime:
        """Its time is over: what follows, and when it is looked at again."""
        now = self.clock.now()
        if account.available_minor == 0 or account.state != "open":
            return calendar.after_months(now, months)
        if account.case_open or not await self._open(account, lock_wait):
            return now + NOTICE
        return calendar.after_months(now, months)

    async def _open(self, account: QuietAccount, lock_wait: timedelta) -> bool:
        profile = self.policies.today[account.policy]
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
                    new,
                    lambda view: case_steps.open_step(judge, view, None, {}),
                    policy_of,
                    lock_wait=lock_wait,
                )
            )
        except case_steps.NothingFollows:
            return False  # An entry came meanwhile, or a case that may move its money.
        return True

    def _months(self, policy: str) -> int | None:
        profile = self.policies.today.get(policy)
        return None if profile is None else profile.balance.idle_months
