"""Account events: deletion requests and blocks, and what they do to the balance."""

from collections.abc import Sequence
from typing import Literal

from worker.domain.ids import AccountId
from worker.entrypoints.http import cases
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import Instant, Name, Reference, RequestBody
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases.account_events import AccountEventReport


class AccountEvent(RequestBody):
    """What happened to the account; the same event again is the same case.

    One that happens again is told by another `reference`, or else by another `at`. Without both, it
    has happened again once the one before it has ended: a block after the last one was lifted.
    """

    event: Literal[
        "delete_requested",
        "delete_withdrawn",
        "law_enforcement_block",
        "law_enforcement_unblock",
        "rules_block",
        "rules_unblock",
        "chargeback",
    ]
    reference: Reference | None = None
    at: Instant | None = None
    policy: Name | None = None


class AccountEventHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def record(self, account: Name, body: AccountEvent) -> Answer:
        """Tell what happened to an account."""
        report = AccountEventReport(body.event, body.reference, body.at)
        service = self._deps.case_service
        with cases.fact_problems(at="/at"):
            service.not_in_future("at", body.at)
            opening = await service.account_event(AccountId(account), report, body.policy)
        if opening is None:
            raise Problem(ProblemKind.UNKNOWN_POLICY)
        return cases.opened_or_problem(opening, ProblemKind.UNKNOWN_ACCOUNT)


def _scope_of(body: AccountEvent) -> Scope:
    """A customer has his account deleted; whether it is blocked is for staff to say."""
    return Scope.OPERATE if body.event.startswith("delete_") else Scope.DECIDE


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            name="tell_account_event",
            method="POST",
            path="/v1/accounts/{account}/events",
            handler=AccountEventHandlers(deps).record,
            scope=Scope.OPERATE | Scope.DECIDE,
            scope_of_body=_scope_of,
            run_once=IdempotentCalls(deps),
            answers=cases.OPENED,
            problems=(
                ProblemKind.UNKNOWN_ACCOUNT,
                ProblemKind.UNKNOWN_POLICY,
                ProblemKind.OTHER_CONTENT,
                ProblemKind.POLICY_MISMATCH,
                ProblemKind.NOT_OFFERED,
            ),
        ),
    )
