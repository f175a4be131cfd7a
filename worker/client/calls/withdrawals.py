"""The calls of the tag `withdrawals`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import CaseList
from worker.client.calls.parts import Piece
from worker.client.calls.shapes import Case, Instant


class WithdrawalCalls(ApiConnection):
    """Money that leaves the platform."""

    async def list_withdrawals(
        self,
        *,
        account: str | None = None,
        state: Literal[
            "waiting",
            "needs_evidence",
            "in_review",
            "approved",
            "granted",
            "denied",
            "resolved",
            "replaced",
            "paid",
            "done",
            "cancelled",
        ]
        | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> CaseList:
        """List withdrawals, newest first."""
        answer: CaseList = await self.call(
            "GET",
            "/v1/withdrawals",
            query={"account": account, "state": state, "cursor": cursor, "limit": limit},
        )
        return answer

    async def open_withdrawal(
        self,
        *,
        account: str,
        reference: str,
        amount_minor: int | None = None,
        claim_at: Instant | None = None,
        claim_channel: str | None = None,
        evidence: Sequence[Literal["screenshot", "screenshot_2fa", "photo", "video"] | Piece]
        | None = None,
        policy: str | None = None,
        reason: str | None = None,
        request_fields: Sequence[
            Literal["service", "amount", "reason", "details", "payment_system", "email"]
        ]
        | None = None,
        withdraw_reason: Literal[
            "unused_funds",
            "changed_mind",
            "accidental_topup",
            "misunderstanding",
            "caller_id",
            "sms_problem",
            "account_deletion",
        ]
        | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Ask for money, which is set aside from now on.

        One request of an account; the same reference again is the same request.
        """
        answer: Case = await self.call(
            "POST",
            "/v1/withdrawals",
            body={
                "account": account,
                "amount_minor": amount_minor,
                "claim_at": claim_at,
                "claim_channel": claim_channel,
                "evidence": evidence,
                "policy": policy,
                "reason": reason,
                "reference": reference,
                "request_fields": request_fields,
                "withdraw_reason": withdraw_reason,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def get_withdrawal(self, id: str) -> Case:
        """Show a withdrawal with its decisions and its timers."""
        answer: Case = await self.call("GET", f"/v1/withdrawals/{segment(id)}")
        return answer

    async def tell_withdrawal_alternative(
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
            f"/v1/withdrawals/{segment(id)}/alternative",
            body={"event": event, "method": method},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_withdrawal_cancel(self, id: str, *, idempotency_key: str | None = None) -> Case:
        """Take a withdrawal back while nobody paid it.

        Nothing has to be said.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/cancel",
            body={},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_withdrawal_kyc(
        self,
        id: str,
        *,
        status: Literal["requested", "passed", "failed"],
        idempotency_key: str | None = None,
    ) -> Case:
        """Record that proof of the wallet's owner was asked for, given or refused."""
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/kyc",
            body={"status": status},
            idempotency_key=idempotency_key,
        )
        return answer

    async def add_withdrawal_note(
        self, id: str, *, note: str, idempotency_key: str | None = None
    ) -> Case:
        """Note something about a withdrawal; it stands with what was told in it.

        The same words of the same person again are the same note.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/notes",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_withdrawal_paid(
        self,
        id: str,
        *,
        extension_beyond_control: bool | None = None,
        extension_until: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Record that the money was paid out, or until when it will be and why.

        It was paid out; or, with a reason beyond our control, it will be by a later date.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/paid",
            body={
                "extension_beyond_control": extension_beyond_control,
                "extension_until": extension_until,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def tell_withdrawal_payment_info(
        self,
        id: str,
        *,
        event: Literal["requested", "provided", "added"],
        at: Instant | None = None,
        claim_channel: str | None = None,
        evidence: Sequence[Literal["screenshot", "screenshot_2fa", "photo", "video"] | Piece]
        | None = None,
        payment_details: Mapping[str, Any] | None = None,
        reason: str | None = None,
        request_fields: Sequence[
            Literal["service", "amount", "reason", "details", "payment_system", "email"]
        ]
        | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Record our question for payment details, and the answer.

        Our question for details, the customer's answer, or what a request still lacked.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/payment-info",
            body={
                "at": at,
                "claim_channel": claim_channel,
                "event": event,
                "evidence": evidence,
                "payment_details": payment_details,
                "reason": reason,
                "request_fields": request_fields,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def decide_withdrawal(
        self,
        id: str,
        *,
        grant: bool,
        note: str,
        amount_minor: int | None = None,
        findings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Give a human's verdict, once.

        A human's word with its reason; `amount_minor` for less than proposed, or where no sum is.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/withdrawals/{segment(id)}/verdict",
            body={"amount_minor": amount_minor, "findings": findings, "grant": grant, "note": note},
            idempotency_key=idempotency_key,
        )
        return answer
