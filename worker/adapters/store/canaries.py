"""Whether a canary was sent already, by whichever host."""

from typing import Final

from worker.adapters.store.database import Database, scalar
from worker.domain.ids import ActivationId

_ORDERED: Final = "SELECT EXISTS (SELECT FROM purchase WHERE id = CAST(:id AS uuid))"


class Canaries:
    """The part of the store that only the canary needs."""

    db: Database

    async def ordered(self, id_: ActivationId) -> bool:
        return bool(await self.db.read(lambda c: scalar(c, _ORDERED, id=id_)))
