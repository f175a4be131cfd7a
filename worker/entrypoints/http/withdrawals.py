"""Withdrawals: money that is to leave the platform, set aside while it is looked at."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from worker.domain.ids import AccountId
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.case_answers import OPENED, SHOWN
from worker.entrypoints.http.case_calls import (
    REFUSALS,
    CaseId,
    EvidenceList,
    FactTable,
    Faults,
    Handler,
    Paid,
    VerdictGiven,
    allowed,
    case_in,
    changed_or_problem,
    opened_or_problem,
    paid_or_later,
    shown_or_problem,
    verdict_in,
    when,
)
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import Once
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import Amount, Body, Instant, Name, Reference, Word
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import added_facts
from worker.lifecycle.cases.added_facts import FactsToAdd
from worker.ports.store.case_view import CaseKind

FACTS = frozenset(
    {
        "account_flags",
        "contradicts_terms",
        "email_matches",
        "kyc",
        "payment_method_refundable",
        "psp_commission_minor",
        "reasons_given",
    }
)
FieldName = Literal["service", "amount", "reason", "details", "payment_system", "email"]
FieldList = Annotated[list[FieldName], Field(max_length=6)]
ReasonWord = Literal[
    "unused_funds",
    "changed_mind",
    "accidental_topup",
    "misunderstanding",
    "caller_id",
    "sms_problem",
    "account_deletion",
]


class NewWithdrawal(Body):
    """One request of an account; the same reference again is the same request."""

    account: Name
    reference: Reference
    amount_minor: Amount | None = None
    withdraw_reason: ReasonWord = "unused_funds"
    claim_channel: Word | None = None
    claim_at: Instant | None = None
    request_fields: FieldList | None = None
    evidence: EvidenceList = Field(default_factory=list)
    policy: Name | None = None
    facts: FactTable = Field(default_factory=dict)


class PaymentInfo(Body):
    """Our question for details, the customer's answer, or what a request still lacked."""

    event: Literal["requested", "provided", "added"]
    at: Instant | None = None
    request_fields: FieldList | None = None
    evidence: EvidenceList = Field(default_factory=list)
    claim_channel: Word | None = None
    facts: FactTable = Field(default_factory=dict)


class KycStatus(Body):
    status: Literal["requested", "passed", "failed"]


class Withdrawals:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def open(self, body: NewWithdrawal) -> Answer:
        """Ask for money, which is set aside from now on."""
        facts = {
            **allowed(body.facts, FACTS),
            **_said(body.request_fields, body.claim_channel),
            "withdraw_reason": body.withdraw_reason,
            **({} if body.amount_minor is None else {"amount_minor": body.amount_minor}),
            **({"evidence": sorted(set(body.evidence))} if body.evidence else {}),
            **when("claim_at", body.claim_at),
        }
        cases = self._deps.cases
        with Faults(facts="/facts", claim_at="/claim_at"):
            cases.not_in_future("claim_at", body.claim_at)
            opened = await cases.open_withdrawal(
                AccountId(body.account), body.reference, facts, body.policy
            )
        if opened is None:
            raise Problem(Kind.UNKNOWN_POLICY)
        return opened_or_problem(opened, Kind.UNKNOWN_ACCOUNT, path="/v1/withdrawals")

    async def show(self, id: CaseId) -> Answer:
        """Show a withdrawal with its decisions and its timers."""
        return shown_or_problem(await self._deps.cases.case(case_in(id), CaseKind.WITHDRAWAL))

    async def verdict(self, id: CaseId, body: VerdictGiven) -> Answer:
        """Give a human's verdict, once."""
        findings = allowed(body.findings, FACTS, "/findings")
        verdict = verdict_in(body, findings)
        with Faults(facts="/findings"):
            done = await self._deps.cases.verdict(case_in(id), CaseKind.WITHDRAWAL, verdict)
        return changed_or_problem(done)

    async def payment_info(self, id: CaseId, body: PaymentInfo) -> Answer:
        """Record our question for payment details, and the answer."""
        said = {
            **allowed(body.facts, FACTS),
            **_said(body.request_fields, body.claim_channel),
            **({"evidence": sorted(set(body.evidence))} if body.evidence else {}),
        }
        with Faults(at="/at", facts="/facts"):
            self._deps.cases.not_in_future("at", body.at)
        adds = added_facts.payment_info(body.event, body.at, **said)
        return await self._add(id, adds, f"payment_info_{body.event}", said)

    async def paid(self, id: CaseId, body: Paid) -> Answer:
        """Record that the money was paid out, or until when it will be and why."""
        return await paid_or_later(self._deps.cases, id, CaseKind.WITHDRAWAL, body)

    async def kyc(self, id: CaseId, body: KycStatus) -> Answer:
        """Record that proof of the wallet's owner was asked for, given or refused."""
        return await self._add(id, added_facts.plain_facts(kyc=body.status), "kyc", {})

    async def _add(self, id_: str, adds: FactsToAdd, what: str, said: dict[str, Any]) -> Answer:
        with Faults(facts="/facts"):
            self._deps.cases.check(CaseKind.WITHDRAWAL, said)
            done = await self._deps.cases.add(case_in(id_), CaseKind.WITHDRAWAL, adds, what)
        return changed_or_problem(done)


def _said(fields: Sequence[str] | None, channel: str | None) -> dict[str, Any]:
    given = {} if fields is None else {"request_fields": sorted(set(fields))}
    return {**given, **({} if channel is None else {"claim_channel": channel})}


def routes(deps: ApiDeps) -> Sequence[Route]:
    once = Once(deps)
    withdrawals = Withdrawals(deps)
    one = "/v1/withdrawals/{id}"
    steps: Mapping[str, Handler] = {
        "verdict": withdrawals.verdict,
        "payment-info": withdrawals.payment_info,
        "paid": withdrawals.paid,
        "kyc": withdrawals.kyc,
    }
    return (
        Route(
            method="POST",
            path="/v1/withdrawals",
            handler=withdrawals.open,
            scope=Scope.OPERATE,
            once=once,
            answers=OPENED,
            problems=(
                Kind.UNKNOWN_ACCOUNT,
                Kind.UNKNOWN_POLICY,
                Kind.OTHER_CONTENT,
                Kind.NOT_OFFERED,
            ),
        ),
        Route(
            method="GET",
            path=one,
            handler=withdrawals.show,
            scope=Scope.READ,
            answers=SHOWN,
            problems=(Kind.NOT_FOUND, Kind.NOT_OFFERED),
        ),
        *(
            Route(
                method="POST",
                path=f"{one}/{step}",
                handler=handler,
                scope=Scope.OPERATE,
                once=once,
                answers=SHOWN,
                problems=REFUSALS,
            )
            for step, handler in steps.items()
        ),
    )
