"""The calls of the tag `providers`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import ProviderList
from worker.client.calls.shapes import ProviderWhole


class ProviderCalls(ApiConnection):
    """Companies that rent numbers out: their figures; stop and start renting there."""

    async def list_providers(self) -> ProviderList:
        """List the providers that are configured, with their last 24 hours."""
        answer: ProviderList = await self.call("GET", "/v1/providers")
        return answer

    async def get_provider(self, name: str) -> ProviderWhole:
        """Show a provider, with its services by country of the last seven days."""
        answer: ProviderWhole = await self.call("GET", f"/v1/providers/{segment(name)}")
        return answer

    async def drain_provider(
        self, name: str, *, note: str, idempotency_key: str | None = None
    ) -> ProviderWhole:
        """Leave it: rent nothing more there; each of its numbers ends by its policy.

        Why; it is kept with the name of the token, and shown as `why` while it holds.
        """
        answer: ProviderWhole = await self.call(
            "POST",
            f"/v1/providers/{segment(name)}/drain",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer

    async def pause_provider(
        self, name: str, *, note: str, idempotency_key: str | None = None
    ) -> ProviderWhole:
        """Rent nothing more there for now.

        Why; it is kept with the name of the token, and shown as `why` while it holds.
        """
        answer: ProviderWhole = await self.call(
            "POST",
            f"/v1/providers/{segment(name)}/pause",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer

    async def resume_provider(
        self, name: str, *, note: str, idempotency_key: str | None = None
    ) -> ProviderWhole:
        """Rent there again.

        Why; it is kept with the name of the token, and shown as `why` while it holds.
        """
        answer: ProviderWhole = await self.call(
            "POST",
            f"/v1/providers/{segment(name)}/resume",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer
