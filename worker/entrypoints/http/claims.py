"""Claims: a customer opens one, adds evidence, and a human gives the verdict."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from worker.domain.policy.fact_readers import TEXT_MAX
from worker.entrypoints.http import cases
from worker.entrypoints.http.case_routes import case_routes
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import ProblemKind
from worker.entrypoints.http.requests import (
    Instant,
    Price,
    RequestBody,
    UuidText,
    Word,
    activation_id_in,
)
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.questions import FactsToAdd
from worker.ports.store.case_view import CaseKind


def _without_nul(name: str) -> str:
    if "\x00" in name:
        raise ValueError("no NUL")
    return name


#: No pattern: by one, a description says nothing of the members that do not fit it.
DetailName = Annotated[
    str, StringConstraints(min_length=1, max_length=TEXT_MAX), AfterValidator(_without_nul)
]
RequestFields = Annotated[list[Word], Field(max_length=20)]
#: Kept for whoever pays; no fact of a policy.
PaymentDetails = Annotated[dict[DetailName, cases.FreeText], Field(max_length=20)]


class NewClaim(cases.Statement):
    """A claim about one activation or one rental, by its id.

    It states the customer's part; the record has the rest. The same kind and destination again is
    the same claim.
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
    request_fields: RequestFields | None = None
    issue_at: Instant | None = None
    stopped_at: Instant | None = None
    payment_details: PaymentDetails | None = None

    @field_validator("rental")
    @classmethod
    def _about_one_order(cls, rental: str | None, read: ValidationInfo) -> str | None:
        if (rental is None) == (read.data.get("activation") is None):
            raise ValueError("a claim is about either an activation or a rental")
        return rental


class MoreEvidence(cases.Statement):
    evidence: cases.EvidenceList = Field(default_factory=list)
    reason: cases.FreeText | None = None
    claim_channel: Word | None = None
    request_fields: RequestFields | None = None


class Access(RequestBody):
    event: Literal["requested", "granted", "refused"]
    at: Instant | None = None


class Rectified(RequestBody):
    at: Instant | None = None


class Choice(RequestBody):
    """Refund or replacement, once a repair was missed; what it is worth, if one is on offer."""

    choice: Literal["refund", "replacement"]
    replacement_value_minor: Price | None = None


class Replacement(RequestBody):
    """The number or rental that replaces the order, or that none can be had."""

    activation: UuidText | None = None
    rental: UuidText | None = None
    available: Literal[False] | None = None
    value_minor: Price | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Replacement":
        if [self.activation, self.rental, self.available].count(None) != 2:
            raise ValueError("one of activation, rental, or available: false")
        return self


class KycStatus(RequestBody):
    status: Literal["requested", "passed", "failed"]


class Alternative(RequestBody):
    """Another way of payment, where the one asked for takes no refund."""

    event: Literal["offered", "agreed"]
    method: Annotated[cases.FreeText, Field(max_length=TEXT_MAX)]  #: A fact of the policy.


class Contest(RequestBody):
    """Why the repair does not hold."""

    reason: cases.FreeText


class ClaimHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def open(self, body: NewClaim) -> Answer:
        """Open a claim, or find it open already."""
        service = self._deps.case_service
        kinds, shown = cases.pieces(body.evidence)
        facts = {
            "claim_kind": body.claim_kind,
            "destination": body.destination,
            **_grounds(body.reason, body.claim_channel),
            **_fields(body.request_fields),
            **({"evidence": kinds} if kinds else {}),
            **cases.instant_facts(claim_at=body.claim_at, issue_at=body.issue_at),
        }
        said = {
            "reason": body.reason,
            "payment_details": body.payment_details,
            **cases.instant_facts(issue_at=body.issue_at, stopped_at=body.stopped_at),
            **shown,
        }
        words = {name: value for name, value in said.items() if value is not None}
        with cases.fact_problems(claim_at="/claim_at", evidence="/evidence"):
            service.not_in_future("claim_at", body.claim_at)
            service.not_in_future("issue_at", body.issue_at)
            if body.rental is not None:
                rental = cases.case_id_in(body.rental)
                await service.not_before_purchase("claim_at", body.claim_at, rental)
                whole = await self._log_is_whole(rental)
                opening = await service.open_rental_claim(rental, facts, words, log_is_whole=whole)
                return cases.opened_or_problem(opening, ProblemKind.NOT_FOUND, path="/v1/claims")
            assert body.activation is not None
            activation = activation_id_in(body.activation)
            await service.not_before_purchase("claim_at", body.claim_at, activation)
            opening = await service.open_claim(activation, facts, words)
        return cases.opened_or_problem(opening, ProblemKind.UNKNOWN_ACTIVATION, path="/v1/claims")

    async def _log_is_whole(self, id_: UUID) -> bool:
        """Whether our log has each SMS of a rental, whose provider is read first."""
        rental = await self._deps.case_service.cases.rental_of(id_)
        if rental is None or self._deps.rent_long is None:
            return True
        return await self._deps.rent_long.read(rental)

    async def show(self, id: UuidText) -> Answer:
        """Show a claim with its decisions, its evidence and its timers."""
        service = self._deps.case_service
        return cases.shown_or_problem(await service.case(cases.case_id_in(id), CaseKind.CLAIM))

    async def evidence(self, id: UuidText, body: MoreEvidence) -> Answer:
        """Add what was missing; what came after its date does not count."""
        kinds, shown = cases.pieces(body.evidence)
        facts = {
            **_grounds(body.reason, body.claim_channel, required=False),
            **_fields(body.request_fields),
        }
        adds = questions.evidence(kinds, **facts)
        words = {**({} if body.reason is None else {"reason": body.reason}), **shown}
        with cases.fact_problems():
            self._deps.case_service.check(CaseKind.CLAIM, facts)
            return await self._add(id, adds, "evidence", words)

    async def verdict(self, id: UuidText, body: cases.OutcomeVerdict) -> Answer:
        """Give a human's verdict, once."""
        verdict = cases.verdict_in(body)
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

    async def contest(self, id: UuidText, body: Contest) -> Answer:
        """Say that the repair does not hold, once, within the time to repair."""
        service = self._deps.case_service
        change = await service.contest(cases.case_id_in(id), {"reason": body.reason})
        return cases.changed_or_problem(change)

    async def choice(self, id: UuidText, body: Choice) -> Answer:
        """Say what the customer chooses when the repair is missed."""
        value = body.replacement_value_minor
        facts = {
            "customer_choice": body.choice,
            **({} if value is None else {"replacement_value_minor": value}),
        }
        return await self._add(id, questions.plain_facts(**facts), "choice")

    async def replacement(self, id: UuidText, body: Replacement) -> Answer:
        """Link the number or rental that replaces the order, or say that none can be had."""
        value = body.value_minor
        service, case = self._deps.case_service, cases.case_id_in(id)
        if body.available is False:
            change = await service.no_replacement(case)
        else:
            new = body.activation or body.rental
            assert new is not None
            linked = cases.case_id_in(new)
            place = "/rental" if body.activation is None else "/activation"
            with cases.fact_problems(replacement=place):
                change = await service.replaced(case, linked, value_minor=value)
        return cases.changed_or_problem(change)

    async def kyc(self, id: UuidText, body: KycStatus) -> Answer:
        """Record that proof of the wallet's owner was asked for, given or refused."""
        return await self._add(id, questions.kyc(body.status), "kyc")

    async def alternative(self, id: UuidText, body: Alternative) -> Answer:
        """Record that another way of payment was offered, or agreed with the customer."""
        adds, words = questions.alternative(body.event, body.method), {"method": body.method}
        return await self._add(id, adds, f"alternative_{body.event}", words)

    async def paid(self, id: UuidText, body: cases.Paid) -> Answer:
        """Record that a claim was paid out, or until when it will be and why.

        So also what a rental gives back by itself, once its account is deleted.
        """
        service = self._deps.case_service
        kind = await cases.kind_for_order(service, id)
        return await cases.record_payout(service, id, kind, body)

    async def _add(
        self, id_: str, facts: FactsToAdd, what: str, free_text: Mapping[str, Any] | None = None
    ) -> Answer:
        service = self._deps.case_service
        with cases.fact_problems():
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


def _fields(request_fields: Sequence[str] | None) -> dict[str, Any]:
    return {} if request_fields is None else {"request_fields": sorted(set(request_fields))}


_STEPS: Final = (
    "evidence", "verdict", "access", "rectified", "contest", "choice", "replacement", "kyc",
    "alternative", "paid",
)  # fmt: skip


def routes(deps: ApiDeps) -> Sequence[Route]:
    claims = ClaimHandlers(deps)
    return case_routes(
        deps,
        "claims",
        opens=claims.open,
        unknown=(ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.NOT_FOUND),
        shows=claims.show,
        steps={step: getattr(claims, step) for step in _STEPS},
    )
