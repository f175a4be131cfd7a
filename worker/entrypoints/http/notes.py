"""Notes: what staff wants remembered of a number, a case or an account."""

from collections.abc import Awaitable, Callable, Sequence

from worker.domain.ids import AccountId
from worker.entrypoints.http import accounts, cases
from worker.entrypoints.http.activations import ActivationShown, activation_json, found_or_problem
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import (
    Name,
    NoteText,
    RequestBody,
    UuidText,
    activation_id_in,
)
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.case_view import CaseKind


class NoteGiven(RequestBody):
    """The same words of the same person again are the same note."""

    note: NoteText


class NoteHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._accounts = accounts.AccountHandlers(deps)

    async def on_activation(self, id: UuidText, body: NoteGiven) -> Answer:
        """Note something about a number; it stands in its timeline."""
        id_, said = activation_id_in(id), self._deps.said(body.note)
        if not await self._deps.activations.tell(id_, "note", said):
            raise Problem(ProblemKind.UNKNOWN_ACTIVATION)
        return Answer(200, activation_json(found_or_problem(await self._deps.service.read(id_))))

    async def on_claim(self, id: UuidText, body: NoteGiven) -> Answer:
        """Note something about a claim; it stands with its evidence."""
        return await self._on_case(id, CaseKind.CLAIM, body)

    async def on_withdrawal(self, id: UuidText, body: NoteGiven) -> Answer:
        """Note something about a withdrawal; it stands with what was told in it."""
        return await self._on_case(id, CaseKind.WITHDRAWAL, body)

    async def on_account(self, id: Name, body: NoteGiven) -> Answer:
        """Note something about an account."""
        account, said = AccountId(id), self._deps.said(body.note)
        if not await self._deps.books.note(account, said):
            raise Problem(ProblemKind.UNKNOWN_ACCOUNT)
        return await self._accounts.show(id)

    async def _on_case(self, id_: str, kind: CaseKind, body: NoteGiven) -> Answer:
        service, case = self._deps.case_service, cases.case_id_in(id_)
        await service.cases.note(case, kind, self._deps.said(body.note))
        return cases.shown_or_problem(await service.case(case, kind))


def routes(deps: ApiDeps) -> Sequence[Route]:
    notes = NoteHandlers(deps)
    none = (ProblemKind.NOT_FOUND, ProblemKind.NOT_OFFERED)
    of_number = (ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.NOT_OFFERED)
    of_account = (ProblemKind.UNKNOWN_ACCOUNT, ProblemKind.NOT_OFFERED)

    def route(
        noun: str,
        handler: Callable[..., Awaitable[Answer]],
        shown: type[ActivationShown | cases.CaseShown | accounts.AccountWhole],
        problems: Sequence[ProblemKind],
    ) -> Route:
        return Route(
            name=f"add_{noun.removesuffix('s')}_note",
            method="POST",
            path=f"/v1/{noun}/{{id}}/notes",
            handler=handler,
            scope=Scope.DECIDE,
            run_once=IdempotentCalls(deps),
            answers={200: shown},
            problems=problems,
        )

    return (
        route("activations", notes.on_activation, ActivationShown, of_number),
        route("claims", notes.on_claim, cases.CaseShown, none),
        route("withdrawals", notes.on_withdrawal, cases.CaseShown, none),
        route("accounts", notes.on_account, accounts.AccountWhole, of_account),
    )
