"""Claims: what customers complain about, what they add, and what humans say to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from worker.entrypoints.http.activations import id_in
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
    Said,
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
from worker.entrypoints.http.problems import Kind
from worker.entrypoints.http.requests import ActivationPath, Body, Instant, Price, Word
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import added_facts
from worker.lifecycle.cases.added_facts import FactsToAdd
from worker.ports.store.case_view import CaseKind

#: What may be said about an order besides what our own log knows.
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


class NewClaim(Body):
    """A claim about one activation or one rental, by its id.

    The same kind and destination again is the same claim.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["activation"]}, {"required": ["rental"]}]}
    )

    activation: ActivationPath | None = None
    rental: CaseId | None = Field(default=None, validate_default=True)
    claim_kind: Word
    claim_channel: Word | None = None
    claim_at: Instant | None = None
    reason: Said | None = None
    evidence: EvidenceList = Field(default_factory=list)
    destination: Literal["balance", "client", "wallet", "original_method"] = "balance"
    facts: FactTable = Field(default_factory=dict)

    @field_validator("rental")
    @classmethod
    def _about_one_order(cls, rental: str | None, read: ValidationInfo) -> str | None:
        if (rental is None) == (read.data.get("activation") is None):
            raise ValueError("a claim is about either an activation or a rental")
        return rental


class MoreEvidence(Body):
    evidence: EvidenceList = Field(default_factory=list)
    reason: Said | None = None
    claim_channel: Word | None = None
    facts: FactTable = Field(default_factory=dict)


class Access(Body):
    event: Literal["requested", "granted", "refused"]
    at: Instant | None = None


class Rectified(Body):
    at: Instant | None = None


class Choice(Body):
    """Refund or replacement, once a repair was missed; what it is worth, if one is on offer."""

    choice: Literal["refund", "replacement"]
    replacement_value_minor: Price | None = None


class Claims:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def open(self, body: NewClaim) -> Answer:
        """Open a claim, or find it open already."""
        cases = self._deps.cases
        facts = {
            **allowed(body.facts, CLAIM_FACTS),
            "claim_kind": body.claim_kind,
            "destination": body.destination,
            **_given(body.reason, body.claim_channel),
            **({"evidence": sorted(set(body.evidence))} if body.evidence else {}),
            **when("claim_at", body.claim_at),
        }
        said = {} if body.reason is None else {"reason": body.reason}
        with Faults(facts="/facts", claim_at="/claim_at"):
            cases.not_in_future("claim_at", body.claim_at)
            if body.rental is not None:
                rental = case_in(body.rental)
                opened = await cases.open_rental_claim(rental, facts, said)
                return opened_or_problem(opened, Kind.NOT_FOUND, path="/v1/claims")
            assert body.activation is not None
            opened = await cases.open_claim(id_in(body.activation), facts, said)
        return opened_or_problem(opened, Kind.UNKNOWN_ACTIVATION, path="/v1/claims")

    async def show(self, id: CaseId) -> Answer:
        """Show a claim with its decisions, its evidence and its timers."""
        return shown_or_problem(await self._deps.cases.case(case_in(id), CaseKind.CLAIM))

    async def evidence(self, id: CaseId, body: MoreEvidence) -> Answer:
        """Add what was missing; what came after its date does not count."""
        facts = {
            **allowed(body.facts, CLAIM_FACTS),
            **_given(body.reason, body.claim_channel, asked=False),
        }
        adds = added_facts.evidence(body.evidence, **facts)
        said = {} if body.reason is None else {"reason": body.reason}
        with Faults(facts="/facts"):
            self._deps.cases.check(CaseKind.CLAIM, facts)
            added = await self._deps.cases.add(case_in(id), CaseKind.CLAIM, adds, "evidence", said)
        return changed_or_problem(added)

    async def verdict(self, id: CaseId, body: VerdictGiven) -> Answer:
        """Give a human's verdict, once."""
        findings = allowed(body.findings, CLAIM_FACTS, "/findings")
        verdict = verdict_in(body, findings)
        with Faults(facts="/findings"):
            changed = await self._deps.cases.verdict(case_in(id), CaseKind.CLAIM, verdict)
        return changed_or_problem(changed)

    async def access(self, id: CaseId, body: Access) -> Answer:
        """Say that access to the customer's host was asked for, granted or refused."""
        self._not_in_future(body.at)
        return await self._add(id, added_facts.access(body.event, body.at), f"access_{body.event}")

    async def rectified(self, id: CaseId, body: Rectified) -> Answer:
        """Say that the defect is repaired."""
        self._not_in_future(body.at)
        return await self._add(id, added_facts.first_instants(rectified_at=body.at), "rectified")

    async def choice(self, id: CaseId, body: Choice) -> Answer:
        """Say what the customer chooses when the repair is missed."""
        value = body.replacement_value_minor
        facts = {
            "customer_choice": body.choice,
            **({} if value is None else {"replacement_value_minor": value}),
        }
        return await self._add(id, added_facts.plain_facts(**facts), "choice")

    async def paid(self, id: CaseId, body: Paid) -> Answer:
        """Record that a claim was paid out, or until when it will be and why."""
        return await paid_or_later(self._deps.cases, id, CaseKind.CLAIM, body)

    async def _add(self, id_: str, facts: FactsToAdd, what: str) -> Answer:
        added = await self._deps.cases.add(case_in(id_), CaseKind.CLAIM, facts, what)
        return changed_or_problem(added)

    def _not_in_future(self, at: datetime | None) -> None:
        with Faults(at="/at"):
            self._deps.cases.not_in_future("at", at)


def _given(reason: str | None, channel: str | None, *, asked: bool = True) -> dict[str, Any]:
    """Whether grounds were given is all the policies ask; what they are worth, a human says."""
    reasons = {"reasons_given": reason is not None} if asked or reason is not None else {}
    return {**reasons, **({} if channel is None else {"claim_channel": channel})}


def routes(deps: ApiDeps) -> Sequence[Route]:
    once = Once(deps)
    claims = Claims(deps)
    one = "/v1/claims/{id}"
    steps: Mapping[str, Handler] = {
        "evidence": claims.evidence,
        "verdict": claims.verdict,
        "access": claims.access,
        "rectified": claims.rectified,
        "choice": claims.choice,
        "paid": claims.paid,
    }
    return (
        Route(
            method="POST",
            path="/v1/claims",
            handler=claims.open,
            scope=Scope.OPERATE,
            once=once,
            answers=OPENED,
            problems=(
                Kind.UNKNOWN_ACTIVATION,
                Kind.NOT_FOUND,
                Kind.OTHER_CONTENT,
                Kind.NOT_OFFERED,
            ),
        ),
        Route(
            method="GET",
            path=one,
            handler=claims.show,
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
