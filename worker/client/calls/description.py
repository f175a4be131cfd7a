"""The calls of the tag `description`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from worker.client.api_connection import ApiConnection
from worker.client.calls.shapes import Document


class DescriptionCalls(ApiConnection):
    """This description."""

    async def describe_api(self) -> Document:
        """Describe this API in OpenAPI 3.1."""
        answer: Document = await self.call("GET", "/openapi.json")
        return answer
