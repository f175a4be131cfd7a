"""The calls of the tag `reviews`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Mapping
from typing import Any, Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import ReviewList
from worker.client.calls.shapes import ReviewEnded


class ReviewCalls(ApiConnection):
    """What waits for a human."""

    async def list_reviews(
        self,
        *,
        id: str | None = None,
        case: str | None = None,
        activation: str | None = None,
        brief: Literal["true", "false"] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ReviewList:
        """List what waits for a human, what has to be decided first first, what is late on top."""
        answer: ReviewList = await self.call(
            "GET",
            "/v1/reviews",
            query={
                "id": id,
                "case": case,
                "activation": activation,
                "brief": brief,
                "cursor": cursor,
                "limit": limit,
            },
        )
        return answer

    async def decide_review(
        self,
        id: str,
        *,
        grant: bool,
        note: str,
        amount_minor: int | None = None,
        findings: Mapping[str, Any] | None = None,
        outcome: Literal["refunded", "closed", "delivered"] | None = None,
        idempotency_key: str | None = None,
    ) -> ReviewEnded:
        """Decide what waits, once.

        `outcome` is for activations and claims: granting is `refunded`; denying is the others.

        Without it, denying closes an activation; one that contradicts `grant` is refused. An
        activation ends with its whole price. Granting an order of a long rental gives its hold
        back; denying says that it prolonged the rental. A number that was sold is booked instead:
        then denying is refused.
        """
        answer: ReviewEnded = await self.call(
            "POST",
            f"/v1/reviews/{segment(id)}/verdict",
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
