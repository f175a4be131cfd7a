"""Leadership: of all processes, one at most leads a topic."""

from typing import Protocol


class Leadership(Protocol):
    async def leads(self, topic: str) -> bool:
        """Whether this process leads *topic*; raises `StoreUnavailable` where nobody can know."""
        ...
