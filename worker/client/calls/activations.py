"""The calls of the tag `activations`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Sequence
from typing import Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import ActivationList
from worker.client.calls.parts import (
    CodeShownElsewhere,
    OrderFactsTold,
    RentedNumberItem,
    RentOptionsGiven,
)
from worker.client.calls.shapes import Activation, ActivationExpanded, BulkResults, Instant, Rented


class ActivationCalls(ApiConnection):
    """Numbers rented for one SMS: rent one, or hand over one; follow and cancel it."""

    async def list_activations(
        self,
        *,
        state: Literal[
            "waiting", "expiring", "received", "in_review", "delivered", "refunded", "closed"
        ]
        | None = None,
        provider: str | None = None,
        account: str | None = None,
        service: str | None = None,
        country: str | None = None,
        phone: str | None = None,
        provider_ref: str | None = None,
        id_tail: str | None = None,
        order_ref: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ActivationList:
        """List activations, newest first, without their timelines."""
        answer: ActivationList = await self.call(
            "GET",
            "/v1/activations",
            query={
                "state": state,
                "provider": provider,
                "account": account,
                "service": service,
                "country": country,
                "phone": phone,
                "provider_ref": provider_ref,
                "id_tail": id_tail,
                "order_ref": order_ref,
                "cursor": cursor,
                "limit": limit,
            },
        )
        return answer

    async def rent_number(
        self,
        *,
        account: str,
        country: str,
        price_minor: int,
        provider: str | Sequence[str],
        service: str,
        idempotency_key: str,
        charge: Literal["hold", "external"] | None = None,
        max_cost_minor: int | None = None,
        options: RentOptionsGiven | None = None,
        order_facts: OrderFactsTold | None = None,
        order_ref: str | None = None,
        policy: str | None = None,
        prefer: Literal["order", "success", "price", "speed"] | None = None,
        window_seconds: int | None = None,
    ) -> Rented:
        """Rent a number at the provider, or the first of several that sells it, and watch it.

        A number to rent at the provider, or at the first of several that sells it.

        `max_cost_minor` is in the currency of the first; where it is given, those that count in
        another currency are not asked.
        """
        answer: Rented = await self.call(
            "POST",
            "/v1/activations",
            body={
                "account": account,
                "charge": charge,
                "country": country,
                "max_cost_minor": max_cost_minor,
                "options": options,
                "order_facts": order_facts,
                "order_ref": order_ref,
                "policy": policy,
                "prefer": prefer,
                "price_minor": price_minor,
                "provider": provider,
                "service": service,
                "window_seconds": window_seconds,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def watch_numbers(self, *, activations: Sequence[RentedNumberItem]) -> BulkResults:
        """Watch many numbers that were already rented; each item succeeds or fails alone."""
        answer: BulkResults = await self.call(
            "POST", "/v1/activations/bulk", body={"activations": activations}
        )
        return answer

    async def get_activation(
        self, id: str, *, wait_seconds: int | None = None, expand: str | None = None
    ) -> ActivationExpanded:
        """Show an activation with its timeline; with `wait_seconds`, once it has changed."""
        answer: ActivationExpanded = await self.call(
            "GET",
            f"/v1/activations/{segment(id)}",
            query={"wait_seconds": wait_seconds, "expand": expand},
        )
        return answer

    async def cancel_activation(self, id: str) -> Activation:
        """Press the Cancel button."""
        answer: Activation = await self.call("POST", f"/v1/activations/{segment(id)}/cancel")
        return answer

    async def finish_activation(self, id: str) -> Activation:
        """Close an activation after its code."""
        answer: Activation = await self.call("POST", f"/v1/activations/{segment(id)}/finish")
        return answer

    async def add_activation_note(
        self, id: str, *, note: str, idempotency_key: str | None = None
    ) -> Activation:
        """Note something about a number; it stands in its timeline.

        The same words of the same person again are the same note.
        """
        answer: Activation = await self.call(
            "POST",
            f"/v1/activations/{segment(id)}/notes",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer

    async def report_activation(self, id: str, *, reason: str) -> Activation:
        """Tell the provider that the number is bad; what it takes gives the number back.

        What is wrong with the number; it stands in its timeline and is not sent to the provider.
        """
        answer: Activation = await self.call(
            "POST", f"/v1/activations/{segment(id)}/report", body={"reason": reason}
        )
        return answer

    async def resend_activation(self, id: str, *, idempotency_key: str | None = None) -> Activation:
        """Ask for another SMS."""
        answer: Activation = await self.call(
            "POST", f"/v1/activations/{segment(id)}/resend", idempotency_key=idempotency_key
        )
        return answer

    async def record_codes_shown(self, id: str) -> Activation:
        """Record that somebody of the staff looked at its codes."""
        answer: Activation = await self.call("POST", f"/v1/activations/{segment(id)}/shown")
        return answer

    async def get_activation_by_reference(
        self, provider: str, provider_ref: str, *, expand: str | None = None
    ) -> ActivationExpanded:
        """Show the newest activation with this reference of its provider."""
        answer: ActivationExpanded = await self.call(
            "GET",
            f"/v1/activations/{segment(provider)}/{segment(provider_ref)}",
            query={"expand": expand},
        )
        return answer

    async def watch_number(
        self,
        provider: str,
        provider_ref: str,
        *,
        account: str,
        country: str,
        phone: str,
        price_minor: int,
        service: str,
        charge: Literal["hold", "external"] | None = None,
        codes: Sequence[CodeShownElsewhere] | None = None,
        expires_at: Instant | None = None,
        order_facts: OrderFactsTold | None = None,
        order_ref: str | None = None,
        policy: str | None = None,
        rented_at: Instant | None = None,
        window_seconds: int | None = None,
    ) -> Activation:
        """Watch a number that was already rented.

        A number that was already rented; what is left out is the default.
        """
        answer: Activation = await self.call(
            "PUT",
            f"/v1/activations/{segment(provider)}/{segment(provider_ref)}",
            body={
                "account": account,
                "charge": charge,
                "codes": codes,
                "country": country,
                "expires_at": expires_at,
                "order_facts": order_facts,
                "order_ref": order_ref,
                "phone": phone,
                "policy": policy,
                "price_minor": price_minor,
                "rented_at": rented_at,
                "service": service,
                "window_seconds": window_seconds,
            },
        )
        return answer
