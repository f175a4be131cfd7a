"""The whole store: one object for every port that PostgreSQL stands behind."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.accounts import Accounts
from worker.adapters.store.audit import Audits
from worker.adapters.store.canaries import Canaries
from worker.adapters.store.cases import Cases
from worker.adapters.store.cases_rentals import Rentals
from worker.adapters.store.codes import Codes
from worker.adapters.store.database import Database
from worker.adapters.store.disputes import Disputes
from worker.adapters.store.exposures import Exposures
from worker.adapters.store.idempotency import Answers
from worker.adapters.store.migrate import ROLE, check
from worker.adapters.store.outbox import Outbox
from worker.adapters.store.queue_stats import Leadership, QueueStatsReader
from worker.adapters.store.reading import Readings
from worker.adapters.store.reconciling import Reconciling
from worker.adapters.store.settlements import Endings
from worker.adapters.store.timers import Timers
from worker.domain.policy import Profile


class PostgresStore(
    Answers,
    Cases,
    Rentals,
    Timers,
    Accounts,
    Codes,
    Endings,
    Readings,
    Reconciling,
    Disputes,
    Exposures,
    Outbox,
    QueueStatsReader,
    Canaries,
    Audits,
):
    """Give it a URL of the primary; `events_wanted` is whether an endpoint is configured."""

    def __init__(self, url: str, *, pool_size: int = 10, events_wanted: bool = False) -> None:
        self.db = Database(url, pool_size=pool_size, role=ROLE)
        self._leadership = Leadership(Database(url, pool_size=1, role=ROLE))
        self.event_state = "pending" if events_wanted else "kept"
        self.policies: Mapping[str, Profile] = {}
        self.kept = {}
        self.unreadable = {}

    async def ping(self) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(check)

        await self.db.read(work)

    async def lead(self, topic: str) -> bool:
        return await self._leadership.lead(topic)

    async def close(self) -> None:
        await self._leadership.close()
        await self.db.close()
