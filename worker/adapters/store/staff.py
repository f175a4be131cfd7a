"""What staff did and said about numbers, cases and accounts, written beside them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.domain.ids import AccountId, ActivationId
from worker.ports.store import staff as port
from worker.ports.store.case_view import CaseKind
from worker.ports.store.purchases import StaffNote

#: Whoever writes locks what it is about, so that the same said twice at once is written once.
_NUMBER: Final = text("SELECT id FROM activation WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_CASE: Final = text(
    "SELECT id FROM case_ WHERE id = CAST(:id AS uuid) AND kind = :kind FOR NO KEY UPDATE"
)
_ACCOUNT: Final = text("SELECT account FROM account WHERE account = :account FOR NO KEY UPDATE")
_NOTES: Final = text(
    "SELECT at, note, by FROM account_note WHERE account = :account ORDER BY id DESC LIMIT :limit"
)


class StaffRepository:
    """Notes, and the acts of staff on numbers. `now` is for tests."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def tell_activation(
        self, id_: ActivationId, act: port.StaffAct, *, now: datetime | None = None
    ) -> bool:
        detail = {name: told for name, told in (("note", act.note), ("by", act.by)) if told}
        told = {"id": id_, "what": act.what, "detail": json.dumps(detail), "now": now}
        return await self._told(_NUMBER, {"id": id_}, "staff/tell_activation", told)

    async def note_on_case(
        self, id_: UUID, kind: CaseKind, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        content = json.dumps({"note": said.note})
        told = {"id": id_, "content": content, "by": said.by, "now": now}
        return await self._told(_CASE, {"id": id_, "kind": kind.value}, "staff/tell_case", told)

    async def note_on_account(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        told = {"account": account, "note": said.note, "by": said.by, "now": now}
        return await self._told(_ACCOUNT, {"account": account}, "staff/tell_account", told)

    async def notes_of(self, account: AccountId, limit: int) -> list[port.KeptNote]:
        async def work(connection: AsyncConnection) -> list[port.KeptNote]:
            found = await connection.execute(_NOTES, {"account": account, "limit": limit})
            return [port.KeptNote(*row) for row in found]

        return await self._db.read(work)

    async def _told(
        self,
        lock: TextClause,
        about: Mapping[str, object],
        name: str,
        told: Mapping[str, object],
    ) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            if (await connection.execute(lock, about)).first() is None:
                return False
            await connection.execute(statement(name), told)
            return True

        return await self._db.write(work)
