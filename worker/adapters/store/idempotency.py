"""Answers under an Idempotency-Key, kept for a day."""

import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.ports.store.books import KeptAnswer, TakenKey

# A day is longer than anybody retries; and an answer may show a phone, which is not to stay.
_FORGET = text(
    "DELETE FROM answer WHERE key IN (SELECT key FROM answer"
    " WHERE taken_at < now() - interval '1 day' ORDER BY taken_at LIMIT :limit"
    " FOR UPDATE SKIP LOCKED)"
)
# One statement: between two of them the other call may let the key go. What is too old to be an
# answer, and still there, is taken like a free one.
_TAKE = text(
    "INSERT INTO answer AS kept (key, content_hash) VALUES (:key, :content_hash)"
    " ON CONFLICT (key) DO UPDATE SET"
    " content_hash = CASE WHEN kept.taken_at < now() - interval '1 day'"
    "  THEN excluded.content_hash ELSE kept.content_hash END,"
    " answer = CASE WHEN kept.taken_at < now() - interval '1 day' THEN NULL ELSE kept.answer END,"
    " taken_at = CASE WHEN kept.taken_at < now() - interval '1 day' THEN now()"
    "  ELSE kept.taken_at END"
    " RETURNING content_hash, answer"
)
_KEEP = text(
    "INSERT INTO answer AS kept (key, content_hash, answer)"
    " VALUES (:key, :content_hash, CAST(:answer AS jsonb))"
    " ON CONFLICT (key) DO UPDATE SET answer = coalesce(kept.answer, excluded.answer)"
    " WHERE kept.content_hash = excluded.content_hash"
    " RETURNING answer"
)
_LET_GO = text(
    "DELETE FROM answer WHERE key = :key AND content_hash = :content_hash AND answer IS NULL"
)


async def take_key(connection: AsyncConnection, key: str, content_hash: str) -> TakenKey:
    asked = {"key": key, "content_hash": content_hash}
    return TakenKey(*(await connection.execute(_TAKE, asked)).one())


async def keep_answer(
    connection: AsyncConnection, key: str, content_hash: str, answer: KeptAnswer
) -> KeptAnswer:
    given = {"key": key, "content_hash": content_hash, "answer": json.dumps(answer)}
    kept: KeptAnswer | None = (await connection.execute(_KEEP, given)).scalar()
    return answer if kept is None else kept


async def let_go(connection: AsyncConnection, key: str, content_hash: str) -> None:
    await connection.execute(_LET_GO, {"key": key, "content_hash": content_hash})


async def forget_answers(connection: AsyncConnection, limit: int) -> int:
    return (await connection.execute(_FORGET, {"limit": limit})).rowcount
