"""Withdrawals: money that a customer asks for, set aside until the request is decided."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from worker.domain.ids import AccountId
from worker.entrypoints.http import cases, requests
from worker.entrypoints.http.case_routes import case_routes
from worker.entrypoints.http.claims import Alternative, KycStatus, PaymentDetails
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.questions import FactsToAdd
from worker.ports.store.case_view import CaseKind

RequestField = Literal["service", "amount", "reason", "details", "payment_system", "email"]
RequestFields = Annotated[list[RequestField], Field(max_length=6)]
WithdrawReason = Literal[
    "unused_funds",
    "changed_mind",
    "accidental_topup",
    "misunderstanding",
    "caller_id",
    "sms_problem",
    "account_deletion",
]


class NewWithdrawal(cases.Statement):
    """One request of an account; the same reference again is the same request."""

    account: requests.Name
    reference: requests.Reference
    amount_minor: requests.Amount | None = None
    withdraw_reason: WithdrawReason = "unused_funds"
    claim_channel: requests.Word | None = None
    claim_at: requests.Instant | None = None
    request_fields: RequestFields | None = None
    evidence: cases.EvidenceList = Field(default_factory=list)
    reason: cases.FreeText | None = None
    policy: requests.Name | None = None


class PaymentInfo(cases.Statement):
    """Our question for details, the customer's answer, or what a request still lacked."""

    event: Literal["requested", "provided", "added"]
    at: requests.Instant | None = None
    request_fields: RequestFields | None = None
    evidence: cases.EvidenceList = Field(default_factory=list)
    claim_channel: requests.Word | None = None
    reason: cases.FreeText | None = None
    payment_details: PaymentDetails | None = None


class TakenBack(requests.RequestBody):
    """Nothing has to be said."""


class WithdrawalHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def open(self, body: NewWithdrawal) -> Answer:
        """Ask for money, which is set aside from now on."""
        kinds, shown = cases.pieces(body.evidence)
        facts = {
            **_optional(body.request_fields, body.claim_channel),
            "withdraw_reason": body.withdraw_reason,
            "reasons_given": body.reason is not None,
            **({} if body.amount_minor is None else {"amount_minor": body.amount_minor}),
            **({"evidence": kinds} if kinds else {}),
            **cases.instant_facts(claim_at=body.claim_at),
        }
        service = self._deps.case_service
        words = {**({} if body.reason is None else {"reason": body.reason}), **shown}
        with cases.fact_problems(claim_at="/claim_at"):
            service.not_in_future("claim_at", body.claim_at)
            opening = await service.open_withdrawal(
                AccountId(body.account), body.reference, facts, body.policy, words
            )
        if opening is None:
            raise Problem(ProblemKind.UNKNOWN_POLICY)
        return cases.opened_or_problem(opening, ProblemKind.UNKNOWN_ACCOUNT, path="/v1/withdrawals")

    async def show(self, id: requests.UuidText) -> Answer:
        """Show a withdrawal with its decisions and its timers."""
        service = self._deps.case_service
        return cases.shown_or_problem(await service.case(cases.case_id_in(id), CaseKind.WITHDRAWAL))

    async def verdict(self, id: requests.UuidText, body: cases.VerdictGiven) -> Answer:
        """Give a human's verdict, once."""
        verdict = cases.verdict_in(body)
        with cases.fact_problems(facts="/findings"):
            service = self._deps.case_service
            change = await service.verdict(cases.case_id_in(id), CaseKind.WITHDRAWAL, verdict)
        return cases.changed_or_problem(change)

    async def payment_info(self, id: requests.UuidText, body: PaymentInfo) -> Answer:
        """Record our question for payment details, and the answer."""
        kinds, shown = cases.pieces(body.evidence)
        facts = {
            **_optional(body.request_fields, body.claim_channel),
            **({} if body.reason is None else {"reasons_given": True}),
            **({"evidence": kinds} if kinds else {}),
        }
        said = {"reason": body.reason, "payment_details": body.payment_details, **shown}
        words = {name: value for name, value in said.items() if value is not None}
        with cases.fact_problems(at="/at"):
            self._deps.case_service.not_in_future("at", body.at)
        adds = questions.payment_info(body.event, body.at, **facts)
        return await self._add(id, adds, f"payment_info_{body.event}", facts, words)

    async def alternative(self, id: requests.UuidText, body: Alternative) -> Answer:
        """Record that another way of payment was offered, or agreed with the customer."""
        adds, words = questions.alternative(body.event, body.method), {"method": body.method}
        return await self._add(id, adds, f"alternative_{body.event}", {}, words)

    async def paid(self, id: requests.UuidText, body: cases.Paid) -> Answer:
        """Record that the money was paid out, or until when it will be and why."""
        return await cases.record_payout(self._deps.case_service, id, CaseKind.WITHDRAWAL, body)

    async def cancel(self, id: requests.UuidText, body: TakenBack) -> Answer:
        """Take a withdrawal back while nobody paid it."""
        del body
        id_ = cases.case_id_in(id)
        return cases.changed_or_problem(await self._deps.case_service.take_back(id_))

    async def kyc(self, id: requests.UuidText, body: KycStatus) -> Answer:
        """Record that proof of the wallet's owner was asked for, given or refused."""
        return await self._add(id, questions.kyc(body.status), "kyc", {}, {})

    async def _add(
        self,
        id_: str,
        adds: FactsToAdd,
        what: str,
        facts: Mapping[str, Any],
        words: Mapping[str, Any],
    ) -> Answer:
        service = self._deps.case_service
        with cases.fact_problems():
            service.check(CaseKind.WITHDRAWAL, facts)
            change = await service.add(
                cases.case_id_in(id_), CaseKind.WITHDRAWAL, adds, what, words
            )
        return cases.changed_or_problem(change)


def _optional(fields: Sequence[str] | None, channel: str | None) -> dict[str, Any]:
    request_fields = {} if fields is None else {"request_fields": sorted(set(fields))}
    return {**request_fields, **({} if channel is None else {"claim_channel": channel})}


def routes(deps: ApiDeps) -> Sequence[Route]:
    withdrawals = WithdrawalHandlers(deps)
    return case_routes(
        deps,
        "withdrawals",
        opens=withdrawals.open,
        unknown=(
            ProblemKind.UNKNOWN_ACCOUNT,
            ProblemKind.UNKNOWN_POLICY,
            ProblemKind.POLICY_MISMATCH,
        ),
        shows=withdrawals.show,
        steps={
            "verdict": withdrawals.verdict,
            "payment-info": withdrawals.payment_info,
            "paid": withdrawals.paid,
            "kyc": withdrawals.kyc,
            "alternative": withdrawals.alternative,
            "cancel": withdrawals.cancel,
        },
    )
