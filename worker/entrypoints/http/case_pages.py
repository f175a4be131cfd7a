"""Cases as lists: all of them, or the withdrawals alone, newest first."""

from collections.abc import Sequence
from typing import Any

from worker.domain.ids import AccountId
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.cases import (
    CaseKindName,
    CaseShown,
    CaseStateName,
    case_id_in,
    case_json,
)
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.pagination import after_rented, page, rented_in
from worker.entrypoints.http.problems import ProblemKind
from worker.entrypoints.http.requests import Cursor, Limit, Name, UuidText, activation_id_in
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.case_search import CaseSearch
from worker.ports.store.case_view import Case, CaseKind, CaseState


class CaseList(ResponseBody):
    items: list[CaseShown]
    next_cursor: str | None


class CaseListHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def cases(  # noqa: PLR0913 - each is a filter of the query
        self,
        *,
        id: UuidText | None = None,
        kind: CaseKindName | None = None,
        state: CaseStateName | None = None,
        account: Name | None = None,
        activation: UuidText | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> Answer:
        """List cases of every kind, newest first.

        `id` finds one of any kind: only claims and withdrawals have calls of their own.
        """
        search = CaseSearch(
            id=None if id is None else case_id_in(id),
            kind=None if kind is None else CaseKind(kind),
            state=None if state is None else CaseState(state),
            account=None if account is None else AccountId(account),
            activation=None if activation is None else activation_id_in(activation),
            before=rented_in("cases", cursor),
        )
        return await self._page("cases", search, limit)

    async def withdrawals(
        self,
        account: Name | None = None,
        state: CaseStateName | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> Answer:
        """List withdrawals, newest first."""
        search = CaseSearch(
            kind=CaseKind.WITHDRAWAL,
            state=None if state is None else CaseState(state),
            account=None if account is None else AccountId(account),
            before=rented_in("withdrawals", cursor),
        )
        return await self._page("withdrawals", search, limit)

    async def _page(self, kind: str, search: CaseSearch, limit: int) -> Answer:
        rows = await self._deps.case_service.cases.list_cases(search, limit + 1)

        def cursor_after(case: Case) -> str:
            return after_rented(kind, case.opened_at, case.id)

        content: dict[str, Any] = page(rows, limit, case_json, cursor_after)
        return Answer(200, content)


def routes(deps: ApiDeps) -> Sequence[Route]:
    lists = CaseListHandlers(deps)
    return (
        Route(
            name="list_cases",
            method="GET",
            path="/v1/cases",
            handler=lists.cases,
            scope=Scope.READ,
            answers={200: CaseList},
            problems=(
                ProblemKind.NOT_FOUND,
                ProblemKind.UNKNOWN_ACTIVATION,
                ProblemKind.NOT_OFFERED,
            ),
        ),
        Route(
            name="list_withdrawals",
            method="GET",
            path="/v1/withdrawals",
            handler=lists.withdrawals,
            scope=Scope.READ,
            answers={200: CaseList},
            problems=(ProblemKind.NOT_OFFERED,),
        ),
    )
