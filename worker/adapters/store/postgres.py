"""The whole store: its repositories over one database, and who leads while Redis is away."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.activations import ActivationRepository
from worker.adapters.store.books import BookRepository
from worker.adapters.store.cases import CaseRepository
from worker.adapters.store.database import Database, OpenConnections, Took, scalar, statement
from worker.adapters.store.instances import PostgresInstances
from worker.adapters.store.outbox import OutboxRepository
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.purchases import PurchaseRepository
from worker.adapters.store.revisions import ROLE, check
from worker.adapters.store.settlements import SettlementRepository
from worker.domain.policy import Profile
from worker.ports.errors import StoreUnavailable

NO_POLICIES: Final[Mapping[str, Profile]] = {}


@dataclass(frozen=True, slots=True)
class PostgresLeadership:
    """Topics this process leads, as long as it lives by the rule of `instance_is_dead`.

    A leader that was frozen finds that it leads no more when it asks again.
    """

    instances: PostgresInstances

    async def leads(self, topic: str, *, reaches: bool = True) -> bool:
        """See `worker.lifecycle.backstop.Leadership`."""

        async def work(connection: AsyncConnection) -> bool:
            id_ = await self.instances.alive(connection)
            asked = {"topic": topic, "id": id_, "reaches": reaches, "now": None}
            asked |= self.instances.judgement
            return bool((await connection.execute(statement("leadership/leads"), asked)).scalar())

        return await self.instances.run(work)


class PostgresStore:
    """Give it a URL of the primary, and the policies of this process.

    `events_wanted` is whether an endpoint is configured. `db` is another pool than the one that
    would be opened on *url*, and *took* is told how long each transaction there took.
    """

    def __init__(
        self,
        url: str,
        *,
        policies: Mapping[str, Profile] = NO_POLICIES,
        pool_size: int = 10,
        events_wanted: bool = False,
        db: Database | None = None,
        took: Took = lambda _: None,
    ) -> None:
        event_state = "pending" if events_wanted else "kept"
        self.db = db or Database(url, pool_size=pool_size, role=ROLE, took=took)
        self._heartbeats = Database(url, pool_size=1, role=ROLE)
        self.instances = PostgresInstances(self.db, self._heartbeats)
        self.leadership = PostgresLeadership(self.instances)
        holder = self.instances.holder
        self.policies = PolicyRepository(self.db, policies)
        self.activations = ActivationRepository(self.db, self.policies, event_state)
        self.settlements = SettlementRepository(self.db, event_state, holder)
        self.purchases = PurchaseRepository(self.db, self.policies)
        self.books = BookRepository(self.db, events_wanted=events_wanted)
        self.cases = CaseRepository(self.db, self.policies, event_state, holder)
        self.outbox = OutboxRepository(self.db, event_state, holder, wanted=events_wanted)

    def doubts(self) -> int:
        """How often commits may have been lost since this process began."""
        return self.db.doubts

    def connections(self) -> Mapping[str, OpenConnections]:
        """What each pool has open."""
        return {"work": self.db.connections(), "heartbeat": self._heartbeats.connections()}

    async def hand_back(self) -> None:
        """See `worker.ports.instances.OwnLeases`."""
        for repository in (self.settlements, self.cases, self.outbox):
            await repository.leases.hand_back()

    async def ping(self) -> None:
        """Raises `StoreUnavailable`, or `SchemaMissing` where the schema is not this version's."""

        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(check)

        await self.db.read(work)

    async def takes_writes(self) -> None:
        """As `ping`, and by effect: a standby or a full disk answers reads, and books nothing.

        For a process that beats. Raises `StoreUnavailable` where its last beat is too old.
        """
        await self.ping()
        if not self.instances.writes:
            raise StoreUnavailable("the database answers, but takes no writes")

    async def time(self) -> datetime:
        """The database's clock, whatever the hosts' clocks say. Raises `StoreUnavailable`."""

        async def work(connection: AsyncConnection) -> datetime:
            now: datetime = await scalar(connection, "SELECT clock_timestamp()")
            return now

        return await self.db.read(work)

    async def close(self) -> None:
        await self.instances.close()
        await self.db.close()
