"""The calls of the tag `claims`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.parts import Piece
from worker.client.calls.shapes import Case, Instant


class ClaimCalls(ApiConnection):
    """What customers ask back."""

    async def open_claim(
        self,
        *,
        claim_kind: str,
        activation: str | None = None,
        claim_at: Instant | None = None,
        claim_channel: str | None = None,
        destination: Literal["balance", "client", "wallet", "original_method"] | None = None,
        evidence: Sequence[Literal["screenshot", "screenshot_2fa", "photo", "video"] | Piece]
        | None = None,
        issue_at: Instant | None = None,
        payment_details: Mapping[str, Any] | None = None,
        reason: str | None = None,
        rental: str | None = None,
        request_fields: Sequence[str] | None = None,
        stopped_at: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Open a claim, or find it open already.

        A claim about one activation or one rental, by its id.

        It states the customer's part; the record has the rest. The same kind and destination again
        is the same claim.
        """
        answer: Case = await self.call(
            "POST",
            "/v1/claims",
            body={
                "activation": activation,
                "claim_at": claim_at,
                "claim_channel": claim_channel,
                "claim_kind": claim_kind,
                "destination": destination,
                "evidence": evidence,
                "issue_at": issue_at,
                "payment_details": payment_details,
                "reason": reason,
                "rental": rental,
                "request_fields": request_fields,
                "stopped_at": stopped_at,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def get_claim(self, id: str) -> Case:
        """Show a claim with its decisions, its evidence and its timers."""
        answer: Case = await self.call("GET", f"/v1/claims/{segment(id)}")
        return answer

    async def tell_claim_access(
        self,
        id: str,
        *,
        event: Literal["requested", "granted", "refused"],
        at: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Say that access to the customer's host was asked for, granted or refused."""
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/access",
            body={"at": at, "event": event},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_alternative(
        self,
        id: str,
        *,
        event: Literal["offered", "agreed"],
        method: str,
        idempotency_key: str | None = None,
    ) -> Case:
        """Record that another way of payment was offered, or agreed with the customer.

        Another way of payment, where the one asked for takes no refund.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/alternative",
            body={"event": event, "method": method},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_choice(
        self,
        id: str,
        *,
        choice: Literal["refund", "replacement"],
        replacement_value_minor: int | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Say what the customer chooses when the repair is missed.

        Refund or replacement, once a repair was missed; what it is worth, if one is on offer.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/choice",
            body={"choice": choice, "replacement_value_minor": replacement_value_minor},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_contest(
        self, id: str, *, reason: str, idempotency_key: str | None = None
    ) -> Case:
        """Say that the repair does not hold, once, within the time to repair.

        Why the repair does not hold.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/contest",
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )
        return answer

    async def add_claim_evidence(
        self,
        id: str,
        *,
        claim_channel: str | None = None,
        evidence: Sequence[Literal["screenshot", "screenshot_2fa", "photo", "video"] | Piece]
        | None = None,
        reason: str | None = None,
        request_fields: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Add what was missing; what came after its date does not count."""
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/evidence",
            body={
                "claim_channel": claim_channel,
                "evidence": evidence,
                "reason": reason,
                "request_fields": request_fields,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_kyc(
        self,
        id: str,
        *,
        status: Literal["requested", "passed", "failed"],
        idempotency_key: str | None = None,
    ) -> Case:
        """Record that proof of the wallet's owner was asked for, given or refused."""
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/kyc",
            body={"status": status},
            idempotency_key=idempotency_key,
        )
        return answer

    async def add_claim_note(
        self, id: str, *, note: str, idempotency_key: str | None = None
    ) -> Case:
        """Note something about a claim; it stands with its evidence.

        The same words of the same person again are the same note.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/notes",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_paid(
        self,
        id: str,
        *,
        extension_beyond_control: bool | None = None,
        extension_until: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Record that a claim was paid out, or until when it will be and why.

        It was paid out; or, with a reason beyond our control, it will be by a later date.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/paid",
            body={
                "extension_beyond_control": extension_beyond_control,
                "extension_until": extension_until,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_rectified(
        self, id: str, *, at: Instant | None = None, idempotency_key: str | None = None
    ) -> Case:
        """Say that the defect is repaired."""
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/rectified",
            body={"at": at},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_claim_replacement(
        self,
        id: str,
        *,
        activation: str | None = None,
        available: Literal[False] | None = None,
        rental: str | None = None,
        value_minor: int | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Link the number or rental that replaces the order, or say that none can be had.

        The number or rental that replaces the order, or that none can be had.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/replacement",
            body={
                "activation": activation,
                "available": available,
                "rental": rental,
                "value_minor": value_minor,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def decide_claim(
        self,
        id: str,
        *,
        grant: bool,
        note: str,
        amount_minor: int | None = None,
        findings: Mapping[str, Any] | None = None,
        outcome: Literal["refunded", "closed", "delivered"] | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Give a human's verdict, once.

        Also names the ending of the order: granting is `refunded`; denying `closed` or `delivered`.

        An outcome that contradicts `grant` is refused: a slip of the pen moves no money.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/claims/{segment(id)}/verdict",
            body={
                "amount_minor": amount_minor,
                "findings": findings,
                "grant": grant,
                "note": note,
                "outcome": outcome,
            },
            idempotency_key=idempotency_key,
        )
        return answer
