"""Claims: a customer opens one, adds evidence, and a human gives the verdict."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from worker.entrypoints.http import cases
from worker.entrypoints.http.activations import activation_id_in
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import ProblemKind
from worker.entrypoints.http.requests import Instant, Price, RequestBody, UuidText, Word
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.questions import FactsToAdd
from worker.ports.store.case_view import CaseKind

#: Facts about an order that callers may give; our own log gives the others.
CLAIM_FACTS = frozenset(
    {
        "account_flags", "allocation_failed", "blocked_at", "buy_channel", "cancel_attempt_at",
        "cancel_failed", "client_caused", "compat_listed", "contacted_before", "contradicts_terms",
        "documents_shown_at_order", "due_to_problem", "kyc", "payment_method",
        "payment_method_refundable", "reasons_given", "refund_fee_minor",
        "replacement_available", "replacement_value_minor", "request_fields",
        "restrictions_ignored", "service_2fa", "sms_correct", "was_listed",
    }
)  # fmt: skip
_FINDINGS = CLAIM_FACTS | cases.HUMAN_FINDINGS


class NewClaim(RequestBody):
    """A claim about one activation or one rental, by its id.

    The same kind and destination again is the same claim.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["activation"]}, {"required": ["rental"]}]}
    )

    activation: UuidText | None = None
    rental: UuidText | None = Field(default=None, validate_default=True)
    claim_kind: Word
    claim_channel: Word | None = None
    claim_at: Instant | None = None
    reason: cases.FreeText | None = None
    evidence: cases.EvidenceList = Field(default_factory=list)
    destination: Literal["balance", "client", "wallet", "original_method"] = "balance"
    facts: cases.FactTable = Field(default_factory=dict)

    @field_validator("rental")
    @classmethod
    def _about_one_order(cls, rental: str | None, read: ValidationInfo) -> str | None:
        if (rental is None) == (read.data.get("activation") is None):
            raise ValueError("a claim is about either an activation or a rental")
        return rental


class MoreEvidence(RequestBody):
    evidence: cases.EvidenceList = Field(default_factory=list)
    reason: cases.FreeText | None = None
    claim_channel: Word | None = None
    facts: cases.FactTable = Field(default_factory=dict)


class Access(RequestBody):
    event: Literal["requested", "granted", "refused"]
    at: Instant | None = None


class Rectified(RequestBody):
    at: Instant | None = None


class Choice(RequestBody):
    """Refund or replacement, once a repair was missed; what it is worth, if one is on offer."""

    choice: Literal["refund", "replacement"]
    replacement_value_minor: Price | None = None


class ClaimHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def open(self, body: NewClaim) -> Answer:
        """Open a claim, or find it open already."""
        service = self._deps.case_service
        facts = {
            **cases.allowed(body.facts, CLAIM_FACTS),
            "claim_kind": body.claim_kind,
            "destination": body.destination,
            **_grounds(body.reason, body.claim_channel),
            **({"evidence": sorted(set(body.evidence))} if body.evidence else {}),
            **cases.instant_facts(claim_at=body.claim_at),
        }
        free_text = {} if body.reason is None else {"reason": body.reason}
        with cases.fact_problems(facts="/facts", claim_at="/claim_at"):
            service.not_in_future("claim_at", body.claim_at)
            if body.rental is not None:
                rental = cases.case_id_in(body.rental)
                opening = await service.open_rental_claim(rental, facts, free_text)
                return cases.opened_or_problem(opening, ProblemKind.NOT_FOUND, path="/v1/claims")
            assert body.activation is not None
            activation = activation_id_in(body.activation)
            opening = await service.open_claim(activation, facts, free_text)
        return cases.opened_or_problem(opening, ProblemKind.UNKNOWN_ACTIVATION, path="/v1/claims")

    async def show(self, id: UuidText) -> Answer:
        """Show a claim with its decisions, its evidence and its timers."""
        service = self._deps.case_service
        return cases.shown_or_problem(await service.case(cases.case_id_in(id), CaseKind.CLAIM))

    async def evidence(self, id: UuidText, body: MoreEvidence) -> Answer:
        """Add what was missing; what came after its date does not count."""
        facts = {
            **cases.allowed(body.facts, CLAIM_FACTS),
            **_grounds(body.reason, body.claim_channel, required=False),
        }
        adds = questions.evidence(body.evidence, **facts)
        free_text = {} if body.reason is None else {"reason": body.reason}
        with cases.fact_problems(facts="/facts"):
            self._deps.case_service.check(CaseKind.CLAIM, facts)
            return await self._add(id, adds, "evidence", free_text)

    async def verdict(self, id: UuidText, body: cases.VerdictGiven) -> Answer:
        """Give a human's verdict, once."""
        findings = cases.allowed(body.findings, _FINDINGS, "/findings")
        verdict = cases.verdict_in(body, findings)
        with cases.fact_problems(facts="/findings"):
            service = self._deps.case_service
            change = await service.verdict(cases.case_id_in(id), CaseKind.CLAIM, verdict)
        return cases.changed_or_problem(change)

    async def access(self, id: UuidText, body: Access) -> Answer:
        """Say that access to the customer's host was asked for, granted or refused."""
        self._not_in_future(body.at)
        return await self._add(id, questions.access(body.event, body.at), f"access_{body.event}")

    async def rectified(self, id: UuidText, body: Rectified) -> Answer:
        """Say that the defect is repaired."""
        self._not_in_future(body.at)
        return await self._add(id, questions.first_instants(rectified_at=body.at), "rectified")

    async def choice(self, id: UuidText, body: Choice) -> Answer:
        """Say what the customer chooses when the repair is missed."""
        value = body.replacement_value_minor
        facts = {
            "customer_choice": body.choice,
            **({} if value is None else {"replacement_value_minor": value}),
        }
        return await self._add(id, questions.plain_facts(**facts), "choice")

    async def paid(self, id: UuidText, body: cases.Paid) -> Answer:
        """Record that a claim was paid out, or until when it will be and why."""
        return await cases.record_payout(self._deps.case_service, id, CaseKind.CLAIM, body)

    async def _add(
        self, id_: str, facts: FactsToAdd, what: str, free_text: Mapping[str, Any] | None = None
    ) -> Answer:
        service = self._deps.case_service
        change = await service.add(
            cases.case_id_in(id_), CaseKind.CLAIM, facts, what, free_text or {}
        )
        return cases.changed_or_problem(change)

    def _not_in_future(self, at: datetime | None) -> None:
        with cases.fact_problems(at="/at"):
            self._deps.case_service.not_in_future("at", at)


def _grounds(reason: str | None, channel: str | None, *, required: bool = True) -> dict[str, Any]:
    """Policies only ask whether grounds were given; a human judges the grounds themselves."""
    reasons = {"reasons_given": reason is not None} if required or reason is not None else {}
    return {**reasons, **({} if channel is None else {"claim_channel": channel})}


def routes(deps: ApiDeps) -> Sequence[Route]:
    claims = ClaimHandlers(deps)
    return cases.case_routes(
        deps,
        "claims",
        opens=claims.open,
        unknown=(ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.NOT_FOUND),
        shows=claims.show,
        steps={
            "evidence": claims.evidence,
            "verdict": claims.verdict,
            "access": claims.access,
            "rectified": claims.rectified,
            "choice": claims.choice,
            "paid": claims.paid,
        },
    )
