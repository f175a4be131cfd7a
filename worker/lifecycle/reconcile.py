"""Reconcile: hold the provider's own list against what we know.

A number the provider lists and nobody handed over costs money every minute. It is only told, never
cancelled: it may be on its way to us, or belong to another program with the same key.
"""

from dataclasses import dataclass

from worker.lifecycle.repair import Repair
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    repair: Repair
    reporter: Reporter

    async def tick(self, provider: Provider) -> int:
        """How many numbers the provider lists that no activation has."""
        if provider.capabilities.list_page_size is None:
            return 0
        listed = await self.repair.listed(provider)
        unknown = await self.repair.store.unknown_refs(provider.name, list(listed))
        if unknown:
            self.reporter.trouble(
                "provider.unknown_numbers", provider=provider.name, detail=str(len(unknown))
            )
        return len(unknown)
