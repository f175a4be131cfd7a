"""Accounts: open one, book a top-up, see its balance and its ledger."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from worker.domain.ids import AccountId
from worker.domain.transfer import TransferKind
from worker.entrypoints.http import cases, requests
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.pagination import after_name, after_number, name_in, number_in, page
from worker.entrypoints.http.problems import FieldError, Problem, ProblemKind, pointer_to
from worker.entrypoints.http.responses import Moment, ResponseBody, SchemaName
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.books import (
    Account,
    AccountOpened,
    AccountPolicy,
    Entry,
    TopUpOutcome,
)

#: References count for each account by itself.
BOOKED_OTHERWISE: Final = (
    "This account has the reference with another amount or date."
    " Another payment needs another reference; a repeat has the amount and the date of the first"
)
NOTES_MAX: Final = 100  #: Shown with an account, the newest ones.


class OpenAccount(requests.RequestBody):
    currency: requests.Currency
    policy: requests.Name | None = None


class TopUp(requests.RequestBody):
    reference: requests.Reference
    amount_minor: requests.Amount
    at: requests.Instant | None = None


class AccountShown(ResponseBody):
    account: str
    currency: str
    policy: str | None  #: It judges withdrawals and what happens to the account.
    available_minor: int
    held_minor: int
    state: Literal["open", "closing", "blocked", "frozen", "deleted"]
    obligations: list[cases.ObligationShown]  #: What is owed in its cases, soonest first.


class NotedShown(ResponseBody):
    at: Moment
    note: str
    by: str | None


class AccountWhole(AccountShown):
    """With what staff noted about it, the newest first."""

    notes: list[NotedShown]


class AccountList(ResponseBody):
    items: list[AccountShown]
    next_cursor: str | None


class EntryShown(ResponseBody):
    """One ledger entry; the amount is signed for the account's available balance."""

    id: int
    at: Moment
    kind: Annotated[TransferKind, SchemaName("Kind")]
    key: str
    source: str
    destination: str
    amount_minor: int
    currency: str
    activation: str | None


class EntryList(ResponseBody):
    items: list[EntryShown]
    next_cursor: str | None


class AccountHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._books = deps.books
        self._cases = deps.cases

    async def open(self, account: requests.Name, body: OpenAccount) -> Answer:
        """Open an account, or find it open already."""
        policy = AccountPolicy(self._known(body.policy), self._default)
        outcome, row = await self._books.open_account(AccountId(account), body.currency, policy)
        match outcome:
            case AccountOpened.NEW:
                return Answer(201, await self._json(row), {"Location": f"/v1/accounts/{account}"})
            case AccountOpened.SAME:
                return Answer(200, await self._json(row))
            case AccountOpened.OTHER_POLICY:
                raise Problem(ProblemKind.POLICY_MISMATCH)
            case AccountOpened.OTHER_CONTENT:
                raise Problem(ProblemKind.OTHER_CONTENT, "The account has another currency")

    async def show(self, account: requests.Name) -> Answer:
        """Show an account and its balances, with what staff noted about it."""
        name = AccountId(account)
        content = await self._json(await self._account(name))
        notes = await self._books.notes(name, NOTES_MAX)
        return Answer(200, {**content, "notes": [NotedShown.of(note) for note in notes]})

    async def listed(
        self, cursor: requests.Cursor | None = None, limit: requests.Limit = 50
    ) -> Answer:
        """List accounts by name."""
        after = name_in("accounts", cursor)
        rows = await self._books.accounts(
            after=None if after is None else AccountId(after), limit=limit + 1
        )
        shown = dict(zip(rows, await self._all_json(rows), strict=True))
        return Answer(200, page(rows, limit, shown.__getitem__, _cursor_after_account))

    async def top_up(self, account: requests.Name, body: TopUp) -> Answer:
        """Book a top-up, once however often it is sent."""
        outcome, row = await self._books.top_up(
            AccountId(account), body.reference, body.amount_minor, body.at
        )
        match outcome:
            case TopUpOutcome.NEW | TopUpOutcome.SAME:
                current = row if row is not None else await self._account(AccountId(account))
                status = 201 if outcome is TopUpOutcome.NEW else 200
                return Answer(status, await self._json(current))
            case TopUpOutcome.OTHER_CONTENT:
                raise Problem(ProblemKind.OTHER_CONTENT, BOOKED_OTHERWISE)
            case TopUpOutcome.IN_FUTURE:
                error = FieldError(pointer_to("at"), "Lies in the future")
                raise Problem(ProblemKind.INVALID, errors=(error,))
            case TopUpOutcome.UNKNOWN_ACCOUNT:
                raise Problem(ProblemKind.UNKNOWN_ACCOUNT)
            case TopUpOutcome.ACCOUNT_CLOSING:
                raise Problem(ProblemKind.ACCOUNT_CLOSING)
            case TopUpOutcome.ACCOUNT_FROZEN:
                raise Problem(ProblemKind.ACCOUNT_FROZEN)

    async def entries(
        self,
        account: requests.Name,
        cursor: requests.Cursor | None = None,
        limit: requests.Limit = 50,
    ) -> Answer:
        """List an account's ledger entries, newest first."""
        before = number_in("entries", cursor)
        rows = await self._books.entries(AccountId(account), before=before, limit=limit + 1)
        if not rows:
            await self._account(AccountId(account))
        return Answer(200, page(rows, limit, EntryShown.of, _cursor_after))

    @property
    def _default(self) -> str | None:
        return None if self._cases is None else self._cases.default_policy

    def _known(self, policy: str | None) -> str | None:
        if policy is not None and (self._cases is None or not self._cases.policy_version(policy)):
            raise Problem(ProblemKind.UNKNOWN_POLICY)
        return policy

    async def _json(self, account: Account) -> dict[str, Any]:
        (shown,) = await self._all_json([account])
        return shown

    async def _all_json(self, accounts: Sequence[Account]) -> list[dict[str, Any]]:
        store = None if self._cases is None else self._cases.cases
        names = [account.account for account in accounts]
        owed = [] if store is None else await store.obligations_of(names)
        return [
            AccountShown.of(
                account,
                policy=account.policy or self._default,
                obligations=[
                    cases.obligation_json(one) for one in owed if one.account == account.account
                ],
            )
            for account in accounts
        ]

    async def _account(self, account: AccountId) -> Account:
        row = await self._books.account(account)
        if row is None:
            raise Problem(ProblemKind.UNKNOWN_ACCOUNT)
        return row


def _cursor_after_account(account: Account) -> str:
    return after_name("accounts", account.account)


def _cursor_after(entry: Entry) -> str:
    return after_number("entries", entry.id)


def routes(deps: ApiDeps) -> Sequence[Route]:
    accounts = AccountHandlers(deps)
    path = "/v1/accounts/{account}"
    return (
        Route(
            name="open_account",
            method="PUT",
            path=path,
            handler=accounts.open,
            scope=Scope.OPERATE,
            answers={201: AccountShown, 200: AccountShown},
            problems=(
                ProblemKind.OTHER_CONTENT,
                ProblemKind.POLICY_MISMATCH,
                ProblemKind.UNKNOWN_POLICY,
            ),
        ),
        Route(
            name="get_account",
            method="GET",
            path=path,
            handler=accounts.show,
            scope=Scope.READ,
            answers={200: AccountWhole},
            problems=(ProblemKind.UNKNOWN_ACCOUNT,),
        ),
        _list_route(accounts),
        Route(
            name="top_up_account",
            method="POST",
            path=f"{path}/topups",
            handler=accounts.top_up,
            scope=Scope.OPERATE,
            answers={201: AccountShown, 200: AccountShown},
            problems=(
                ProblemKind.UNKNOWN_ACCOUNT,
                ProblemKind.OTHER_CONTENT,
                ProblemKind.ACCOUNT_CLOSING,
                ProblemKind.ACCOUNT_FROZEN,
            ),
        ),
        Route(
            name="list_entries",
            method="GET",
            path=f"{path}/entries",
            handler=accounts.entries,
            scope=Scope.READ,
            answers={200: EntryList},
            problems=(ProblemKind.UNKNOWN_ACCOUNT,),
        ),
    )


def _list_route(accounts: AccountHandlers) -> Route:
    return Route(
        name="list_accounts",
        method="GET",
        path="/v1/accounts",
        handler=accounts.listed,
        scope=Scope.READ,
        answers={200: AccountList},
    )
