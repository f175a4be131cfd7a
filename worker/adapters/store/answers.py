"""Answers under an Idempotency-Key, kept for a day."""

import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database
from worker.ports.answers import Kept, Taken

# A day is longer than anybody retries; and an answer may show a phone, which is not to stay.
_OLD = text(
    "DELETE FROM answer WHERE key IN (SELECT key FROM answer"
    " WHERE taken_at < now() - interval '1 day' ORDER BY taken_at LIMIT 100"
    " FOR UPDATE SKIP LOCKED)"
)
_TAKE = text(
    "INSERT INTO answer (key, content_hash) VALUES (:key, :content_hash) ON CONFLICT DO NOTHING"
)
_TAKEN = text("SELECT content_hash, answer FROM answer WHERE key = :key")
_KEEP = text(
    "INSERT INTO answer (key, content_hash, answer)"
    " VALUES (:key, :content_hash, CAST(:answer AS jsonb))"
    " ON CONFLICT (key) DO UPDATE SET answer = coalesce(answer.answer, excluded.answer)"
    " RETURNING answer"
)
_LET_GO = text("DELETE FROM answer WHERE key = :key AND answer IS NULL")


class Answers:
    """The part of the store that remembers what was answered."""

    db: Database

    async def take_key(self, key: str, content_hash: str) -> Taken:
        async def work(connection: AsyncConnection) -> Taken:
            await connection.execute(_OLD)
            asked = {"key": key, "content_hash": content_hash}
            await connection.execute(_TAKE, asked)
            return Taken(*(await connection.execute(_TAKEN, {"key": key})).one())

        return await self.db.write(work)

    async def keep_answer(self, key: str, content_hash: str, answer: Kept) -> Kept:
        async def work(connection: AsyncConnection) -> Kept:
            told = {"key": key, "content_hash": content_hash, "answer": json.dumps(answer)}
            kept: Kept = (await connection.execute(_KEEP, told)).scalar_one()
            return kept

        return await self.db.write(work)

    async def let_go(self, key: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_LET_GO, {"key": key})

        await self.db.write(work)
