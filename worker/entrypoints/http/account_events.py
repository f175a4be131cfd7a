"""Account events: deletion requests and blocks, and what they do to the balance."""

from collections.abc import Sequence
from typing import Literal

from worker.domain.ids import AccountId
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.case_answers import OPENED
from worker.entrypoints.http.case_calls import Faults, opened_or_problem
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import Once
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import Body, Instant, Name, Reference
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases.case_service import AccountEventReport


class AccountEvent(Body):
    """What happened to the account; the same event again is the same case.

    One that happens again is told by another `reference`, or else by another `at`.
    """

    event: Literal["delete_requested", "law_enforcement_block", "rules_block"]
    reference: Reference | None = None
    at: Instant | None = None
    policy: Name | None = None


class AccountEvents:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def tell(self, account: Name, body: AccountEvent) -> Answer:
        """Tell what happened to an account."""
        occurrence = AccountEventReport(body.event, body.reference, body.at)
        cases = self._deps.cases
        with Faults(at="/at"):
            cases.not_in_future("at", body.at)
            opened = await cases.account_event(AccountId(account), occurrence, body.policy)
        if opened is None:
            raise Problem(Kind.UNKNOWN_POLICY)
        return opened_or_problem(opened, Kind.UNKNOWN_ACCOUNT)


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            method="POST",
            path="/v1/accounts/{account}/events",
            handler=AccountEvents(deps).tell,
            scope=Scope.OPERATE,
            once=Once(deps),
            answers=OPENED,
            problems=(
                Kind.UNKNOWN_ACCOUNT,
                Kind.UNKNOWN_POLICY,
                Kind.OTHER_CONTENT,
                Kind.NOT_OFFERED,
            ),
        ),
    )
