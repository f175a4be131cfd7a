"""What tests do to any schedule."""

from worker.domain.ids import ProviderName
from worker.ports.schedule import Schedule


async def mark_rebuilt(schedule: Schedule, provider: ProviderName) -> None:
    """As after a rebuild."""
    assert await schedule.rebuilt(provider, await schedule.begin_rebuild(provider))
