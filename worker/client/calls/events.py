"""The calls of the tag `events`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Sequence
from typing import Literal

from worker.client.api_connection import ApiConnection
from worker.client.calls.list_pages import EventList
from worker.client.calls.shapes import EndpointEnabled, Replayed


class EventCalls(ApiConnection):
    """What is told to the outside."""

    async def list_events(
        self,
        *,
        after: int | None = None,
        type_: str | None = None,
        activation: str | None = None,
        state: Literal["pending", "sent", "dead", "kept"] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        wait_seconds: int | None = None,
    ) -> EventList:
        """Follow outgoing events from a number on, oldest first, or list them newest first."""
        answer: EventList = await self.call(
            "GET",
            "/v1/events",
            query={
                "after": after,
                "type": type_,
                "activation": activation,
                "state": state,
                "cursor": cursor,
                "limit": limit,
                "wait_seconds": wait_seconds,
            },
        )
        return answer

    async def enable_endpoint(self) -> EndpointEnabled:
        """Take an endpoint that answered 410 into use again."""
        answer: EndpointEnabled = await self.call("POST", "/v1/events/endpoint/enable")
        return answer

    async def replay_events(
        self,
        *,
        after: int | None = None,
        ids: Sequence[str] | None = None,
        type_: str | None = None,
        until: int | None = None,
        idempotency_key: str | None = None,
    ) -> Replayed:
        """Send events again, under the ids they had.

        Either `ids`, or the events after one number up to and with another.
        """
        answer: Replayed = await self.call(
            "POST",
            "/v1/events/replay",
            body={"after": after, "ids": ids, "type": type_, "until": until},
            idempotency_key=idempotency_key,
        )
        return answer
