"""Accounts: open one, book a top-up, see its balance and its ledger."""

from collections.abc import Sequence
from typing import Annotated

from worker.domain.ids import AccountId
from worker.domain.transfer import TransferKind
from worker.entrypoints.http import requests
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.pagination import after_number, number_in, page
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.responses import Moment, ResponseBody, SchemaName
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.books import Account, AccountOpened, BookStore, Entry, TopUpOutcome


class OpenAccount(requests.RequestBody):
    currency: requests.Currency


class TopUp(requests.RequestBody):
    reference: requests.Reference
    amount_minor: requests.Amount


class AccountShown(ResponseBody):
    account: str
    currency: str
    available_minor: int
    held_minor: int
    state: str


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
    def __init__(self, books: BookStore) -> None:
        self._books = books

    async def open(self, account: requests.Name, body: OpenAccount) -> Answer:
        """Open an account, or find it open already."""
        outcome, row = await self._books.open_account(AccountId(account), body.currency)
        match outcome:
            case AccountOpened.NEW:
                return Answer(201, AccountShown.of(row), {"Location": f"/v1/accounts/{account}"})
            case AccountOpened.SAME:
                return Answer(200, AccountShown.of(row))
            case AccountOpened.OTHER_CONTENT:
                raise Problem(ProblemKind.OTHER_CONTENT, "The account has another currency")

    async def show(self, account: requests.Name) -> Answer:
        """Show an account and its balances."""
        return Answer(200, AccountShown.of(await self._account(AccountId(account))))

    async def top_up(self, account: requests.Name, body: TopUp) -> Answer:
        """Book a top-up, once however often it is sent."""
        outcome, row = await self._books.top_up(
            AccountId(account), body.reference, body.amount_minor
        )
        match outcome:
            case TopUpOutcome.NEW | TopUpOutcome.SAME:
                current = row if row is not None else await self._account(AccountId(account))
                status = 201 if outcome is TopUpOutcome.NEW else 200
                return Answer(status, AccountShown.of(current))
            case TopUpOutcome.OTHER_CONTENT:
                detail = "This reference was booked with another amount or account"
                raise Problem(ProblemKind.OTHER_CONTENT, detail)
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

    async def _account(self, account: AccountId) -> Account:
        row = await self._books.account(account)
        if row is None:
            raise Problem(ProblemKind.UNKNOWN_ACCOUNT)
        return row


def _cursor_after(entry: Entry) -> str:
    return after_number("entries", entry.id)


def routes(deps: ApiDeps) -> Sequence[Route]:
    accounts = AccountHandlers(deps.books)
    path = "/v1/accounts/{account}"
    return (
        Route(
            name="open_account",
            method="PUT",
            path=path,
            handler=accounts.open,
            scope=Scope.OPERATE,
            answers={201: AccountShown, 200: AccountShown},
            problems=(ProblemKind.OTHER_CONTENT,),
        ),
        Route(
            name="get_account",
            method="GET",
            path=path,
            handler=accounts.show,
            scope=Scope.READ,
            answers={200: AccountShown},
            problems=(ProblemKind.UNKNOWN_ACCOUNT,),
        ),
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
