"""Accounts: open one, book a top-up, see its balance and its ledger."""

from collections.abc import Sequence

from worker.domain.ids import AccountId
from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.cursor import after_number, number_in
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import Cursor, Limit, Name, OpenAccount, TopUp
from worker.entrypoints.http.responses import AccountShown, EntryList
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.books import Account, AccountOpened, BookStore, TopUpOutcome


class Accounts:
    def __init__(self, books: BookStore) -> None:
        self._books = books

    async def open(self, account: Name, body: OpenAccount) -> Answer:
        """Open an account, or find it open already."""
        how, found = await self._books.open_account(AccountId(account), body.currency)
        match how:
            case AccountOpened.NEW:
                return Answer(201, render.account(found), {"Location": f"/v1/accounts/{account}"})
            case AccountOpened.SAME:
                return Answer(200, render.account(found))
            case AccountOpened.OTHER_CONTENT:
                raise Problem(Kind.OTHER_CONTENT, "The account has another currency")

    async def show(self, account: Name) -> Answer:
        """Show an account and its balances."""
        return Answer(200, render.account(await self._known(AccountId(account))))

    async def top_up(self, account: Name, body: TopUp) -> Answer:
        """Book a top-up, once however often it is sent."""
        how, found = await self._books.top_up(AccountId(account), body.reference, body.amount_minor)
        match how:
            case TopUpOutcome.NEW | TopUpOutcome.SAME:
                shown = found if found is not None else await self._known(AccountId(account))
                return Answer(201 if how is TopUpOutcome.NEW else 200, render.account(shown))
            case TopUpOutcome.OTHER_CONTENT:
                raise Problem(
                    Kind.OTHER_CONTENT, "This reference was booked with another amount or account"
                )
            case TopUpOutcome.UNKNOWN_ACCOUNT:
                raise Problem(Kind.UNKNOWN_ACCOUNT)

    async def entries(
        self, account: Name, cursor: Cursor | None = None, limit: Limit = 50
    ) -> Answer:
        """List an account's ledger entries, newest first."""
        before = number_in("entries", cursor)
        found = await self._books.entries(AccountId(account), before=before, limit=limit + 1)
        if not found:
            await self._known(AccountId(account))
        shown = found[:limit]
        more = after_number("entries", shown[-1].id) if len(found) > limit else None
        return Answer(200, {"items": [render.entry(one) for one in shown], "next_cursor": more})

    async def _known(self, account: AccountId) -> Account:
        found = await self._books.account(account)
        if found is None:
            raise Problem(Kind.UNKNOWN_ACCOUNT)
        return found


def routes(deps: ApiDeps) -> Sequence[Route]:
    accounts = Accounts(deps.books)
    path = "/v1/accounts/{account}"
    return (
        Route(
            method="PUT",
            path=path,
            handler=accounts.open,
            scope=Scope.OPERATE,
            answers={201: AccountShown, 200: AccountShown},
            problems=(Kind.OTHER_CONTENT,),
        ),
        Route(
            method="GET",
            path=path,
            handler=accounts.show,
            scope=Scope.READ,
            answers={200: AccountShown},
            problems=(Kind.UNKNOWN_ACCOUNT,),
        ),
        Route(
            method="POST",
            path=f"{path}/topups",
            handler=accounts.top_up,
            scope=Scope.OPERATE,
            answers={201: AccountShown, 200: AccountShown},
            problems=(Kind.UNKNOWN_ACCOUNT, Kind.OTHER_CONTENT),
        ),
        Route(
            method="GET",
            path=f"{path}/entries",
            handler=accounts.entries,
            scope=Scope.READ,
            answers={200: EntryList},
            problems=(Kind.UNKNOWN_ACCOUNT,),
        ),
    )
