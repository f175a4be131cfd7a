"""The calls of the tag `hooks`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.shapes import Nothing


class HookCalls(ApiConnection):
    """Where providers push SMS."""

    async def push_sms(self, provider: str, secret: str, content: bytes) -> Nothing:
        """Take what a provider pushes."""
        answer: Nothing = await self.call(
            "POST", f"/v1/hooks/{segment(provider)}/{segment(secret)}", content=content
        )
        return answer
