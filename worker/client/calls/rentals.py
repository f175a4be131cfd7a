"""The calls of the tag `rentals`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from typing import Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import RentalList
from worker.client.calls.parts import OrderFactsTold
from worker.client.calls.shapes import Case, Instant, Rental, RentalOrder


class RentalCalls(ApiConnection):
    """Numbers rented for hours, days or months."""

    async def list_rentals(
        self,
        *,
        id: str | None = None,
        account: str | None = None,
        state: Literal["running", "ended"] | None = None,
        phone: str | None = None,
        provider_ref: str | None = None,
        order_ref: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> RentalList:
        """List rentals, newest first, without their messages."""
        answer: RentalList = await self.call(
            "GET",
            "/v1/rentals",
            query={
                "id": id,
                "account": account,
                "state": state,
                "phone": phone,
                "provider_ref": provider_ref,
                "order_ref": order_ref,
                "cursor": cursor,
                "limit": limit,
            },
        )
        return answer

    async def order_rental(
        self,
        *,
        account: str,
        country: str,
        hours: int,
        price_minor: int,
        provider: str,
        service: str,
        idempotency_key: str,
        charge: Literal["hold", "external"] | None = None,
        max_cost_minor: int | None = None,
        order_facts: OrderFactsTold | None = None,
        order_ref: str | None = None,
        policy: str | None = None,
    ) -> Rental | RentalOrder:
        """Rent a number for hours, days or months at the provider.

        A number to rent for hours, days or months; `hold` is set aside while it is ordered.
        """
        answer: Rental | RentalOrder = await self.call(
            "POST",
            "/v1/rentals",
            body={
                "account": account,
                "charge": charge,
                "country": country,
                "hours": hours,
                "max_cost_minor": max_cost_minor,
                "order_facts": order_facts,
                "order_ref": order_ref,
                "policy": policy,
                "price_minor": price_minor,
                "provider": provider,
                "service": service,
            },
            idempotency_key=idempotency_key,
        )
        return answer

    async def get_rental(self, provider: str, provider_ref: str) -> Rental:
        """Show the newest rental under this reference, with the messages it got."""
        answer: Rental = await self.call(
            "GET", f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}"
        )
        return answer

    async def book_rental(
        self,
        provider: str,
        provider_ref: str,
        *,
        account: str,
        country: str,
        ends_at: Instant,
        phone: str,
        price_minor: int,
        rented_at: Instant,
        service: str,
        charge: Literal["hold", "external"] | None = None,
        order_facts: OrderFactsTold | None = None,
        order_ref: str | None = None,
        policy: str | None = None,
    ) -> Rental:
        """Book a rental and pay for it, or find it booked already.

        A number rented for days; `hold` is paid from the balance at once.
        """
        answer: Rental = await self.call(
            "PUT",
            f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}",
            body={
                "account": account,
                "charge": charge,
                "country": country,
                "ends_at": ends_at,
                "order_facts": order_facts,
                "order_ref": order_ref,
                "phone": phone,
                "policy": policy,
                "price_minor": price_minor,
                "rented_at": rented_at,
                "service": service,
            },
        )
        return answer

    async def cancel_rental(
        self,
        provider: str,
        provider_ref: str,
        *,
        due_to_problem: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Rental:
        """Give a rental back, give its renewal back, or end it early, as its policy says.

        `due_to_problem`: it is given back because it did not work, as the customer says.
        """
        answer: Rental = await self.call(
            "POST",
            f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}/cancel",
            body={"due_to_problem": due_to_problem},
            idempotency_key=idempotency_key,
        )
        return answer

    async def report_outage(
        self,
        provider: str,
        provider_ref: str,
        *,
        contacted_at: Instant | None = None,
        unavailable_since: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Report that a rented number does not work.

        It does not work: counted from when the customer said so, never from before.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}/outages",
            body={"contacted_at": contacted_at, "unavailable_since": unavailable_since},
            idempotency_key=idempotency_key,
        )
        return answer

    async def prolong_rental(
        self,
        provider: str,
        provider_ref: str,
        *,
        hours: int,
        price_minor: int,
        idempotency_key: str,
        max_cost_minor: int | None = None,
    ) -> Rental | RentalOrder:
        """Prolong a running rental at its provider.

        By how much a running rental goes on, and what that costs.
        """
        answer: Rental | RentalOrder = await self.call(
            "POST",
            f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}/prolong",
            body={"hours": hours, "max_cost_minor": max_cost_minor, "price_minor": price_minor},
            idempotency_key=idempotency_key,
        )
        return answer

    async def report_restored(
        self,
        provider: str,
        provider_ref: str,
        *,
        at: Instant | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Report that it works again: the days it did not are credited."""
        answer: Case = await self.call(
            "POST",
            f"/v1/rentals/{segment(provider)}/{segment(provider_ref)}/restored",
            body={"at": at},
            idempotency_key=idempotency_key,
        )
        return answer
