"""The calls of the tag `events`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from worker.client.api_connection import ApiConnection
from worker.client.calls.shapes import EventList


class EventCalls(ApiConnection):
    """What is told to the outside."""

    async def list_events(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> EventList:
        """List outgoing events, newest first."""
        answer: EventList = await self.call(
            "GET", "/v1/events", query={"cursor": cursor, "limit": limit}
        )
        return answer
