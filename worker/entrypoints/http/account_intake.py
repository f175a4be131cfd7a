"""Accounts of another system, taken over with their top-ups: a thousand in one call."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import FailFast, Field, field_validator

from worker.domain.ids import AccountId
from worker.entrypoints.http import requests
from worker.entrypoints.http.accounts import (
    BOOKED_OTHERWISE,
    AccountHandlers,
    AccountShown,
    OpenAccount,
    TopUp,
)
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.bulk import BULK_MAX, BulkRefused, read_items, refused_item
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import (
    FieldError,
    Problem,
    ProblemDetails,
    ProblemKind,
    pointer_to,
)
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store import books as port

TOPUPS_MAX = 1_000  #: Of one account in one call.


class AccountItem(OpenAccount):
    """An account with the money that was paid in, each with its date."""

    account: requests.Name
    topups: Annotated[
        tuple[TopUp, ...], Field(max_length=TOPUPS_MAX, strict=False), FailFast()
    ] = ()

    @field_validator("topups")
    @classmethod
    def _each_reference_once(cls, topups: tuple[TopUp, ...]) -> tuple[TopUp, ...]:
        if len({topup.reference for topup in topups}) < len(topups):
            raise ValueError("the same reference twice")
        return topups


class BulkAccounts(requests.RequestBody):
    accounts: Annotated[list[AccountItem], Field(max_length=BULK_MAX)]


class BulkAccountTaken(ResponseBody):
    status: Literal[200, 201]
    account: AccountShown  #: As it is after the whole call.
    topups_minor: int  #: What the top-ups of this item come to in the books.
    topups_new_minor: int  #: What of that this item brought; the rest was there already.


class BulkAccountResults(ResponseBody):
    """One result for each account, in the order of the call."""

    results: list[BulkAccountTaken | BulkRefused]


class AccountIntakeHandlers(AccountHandlers):
    async def take_over(self, request: web.Request) -> Answer:
        """Open many accounts with their top-ups; each is taken as a whole, or refused."""
        items = await read_items(request, BulkAccounts, "accounts")
        known: list[tuple[int, port.AccountIntake]] = []
        documents: dict[int, dict[str, Any]] = {}
        for at, item in zip(items.places, items.valid, strict=True):
            try:
                known.append((at, self._intake(item)))
            except Problem as problem:
                documents[at] = refused_item(problem.details)
        taken = await self._books.take_over([intake for _, intake in known])
        results = list(zip([at for at, _ in known], taken, strict=True))
        shown = await self._shown([result for _, result in results])
        for at, result in results:
            documents[at] = (
                refused_item(_problem_of(at, result))
                if result.account is None
                else {
                    "status": 201 if result.how is port.TakeOverOutcome.NEW else 200,
                    "account": shown[result.account.account],
                    "topups_minor": result.topups_minor,
                    "topups_new_minor": result.new_minor,
                }
            )
        return Answer(200, {"results": items.documents([documents[at] for at in items.places])})

    def _intake(self, item: AccountItem) -> port.AccountIntake:
        policy = port.AccountPolicy(self._known(item.policy), self._default)
        topups = tuple(port.DatedTopUp(t.reference, t.amount_minor, t.at) for t in item.topups)
        return port.AccountIntake(AccountId(item.account), item.currency, policy, topups)

    async def _shown(self, taken: Sequence[port.AccountTaken]) -> dict[str, dict[str, Any]]:
        accounts = {t.account.account: t.account for t in taken if t.account is not None}
        return dict(zip(accounts, await self._all_json(list(accounts.values())), strict=True))


_REFUSED = {
    port.TakeOverOutcome.OTHER_CURRENCY: ProblemDetails(
        ProblemKind.OTHER_CONTENT, "The account has another currency"
    ),
    port.TakeOverOutcome.OTHER_POLICY: ProblemDetails(ProblemKind.POLICY_MISMATCH),
    port.TakeOverOutcome.UNKNOWN_ACCOUNT: ProblemDetails(ProblemKind.UNKNOWN_ACCOUNT),
    port.TakeOverOutcome.ACCOUNT_CLOSING: ProblemDetails(ProblemKind.ACCOUNT_CLOSING),
    port.TakeOverOutcome.ACCOUNT_FROZEN: ProblemDetails(ProblemKind.ACCOUNT_FROZEN),
    port.TakeOverOutcome.ACCOUNT_LOCKED: ProblemDetails(
        ProblemKind.STORE_UNAVAILABLE, "The account is locked just now: send it again"
    ),
}
_OF_TOPUP = {
    port.TakeOverOutcome.OTHER_TOPUP: (ProblemKind.OTHER_CONTENT, "reference", BOOKED_OTHERWISE),
    port.TakeOverOutcome.TOPUP_IN_FUTURE: (ProblemKind.INVALID, "at", "Lies in the future"),
}

assert set(port.TakeOverOutcome) == (
    {port.TakeOverOutcome.NEW, port.TakeOverOutcome.SAME} | set(_REFUSED) | set(_OF_TOPUP)
)


def _problem_of(at: int, taken: port.AccountTaken) -> ProblemDetails:
    if taken.how in _REFUSED:
        return _REFUSED[taken.how]
    kind, member, detail = _OF_TOPUP[taken.how]
    assert taken.topup is not None
    error = FieldError(pointer_to("accounts", at, "topups", taken.topup, member), detail)
    return ProblemDetails(kind, errors=(error,))


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            name="open_accounts",
            method="POST",
            path="/v1/accounts/bulk",
            handler=AccountIntakeHandlers(deps).take_over,
            scope=Scope.OPERATE,
            answers={200: BulkAccountResults},
            body=BulkAccounts,
        ),
    )
