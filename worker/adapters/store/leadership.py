"""Who leads a topic while Redis is away: one process at most, by a row and its epoch."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.instances import PostgresInstances
from worker.adapters.store.statements import statement


@dataclass(frozen=True, slots=True)
class PostgresLeadership:
    """Topics this process leads, as long as it lives by the rule of `instance_is_dead`.

    A leader that was frozen finds that it leads no more when it asks again.
    """

    instances: PostgresInstances

    async def leads(self, topic: str) -> bool:
        """Raises `StoreUnavailable` where nobody can know."""

        async def work(connection: AsyncConnection) -> bool:
            id_ = await self.instances.alive(connection)
            asked = {"topic": topic, "id": id_, "silence": self.instances.silence, "now": None}
            return bool((await connection.execute(statement("leadership/leads"), asked)).scalar())

        return await self.instances.run(work)
