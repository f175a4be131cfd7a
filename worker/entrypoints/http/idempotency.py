"""Calls under an `Idempotency-Key`: a repeat changes nothing and gets the first answer.

The calls are safe to repeat without a key: their subject identifies them. A key also tells a late
repeat from the same thing happening once more. A call that ended in a problem changed nothing and
leaves its key free; a call whose end nobody knows is run again.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256

from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.routing import Answer

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_PRINTABLE = re.compile(r"[ -~]{1,255}")


class IdempotentCalls:
    """`RunOnce`, over the answers that the database keeps."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def __call__(
        self, header: str, content: bytes, call: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        books, key = self._deps.case_service.books, key_in(header)
        digest = sha256(content).hexdigest()
        taken = await books.take_key(key, digest)
        if taken.content_hash != digest:
            raise Problem(ProblemKind.IDEMPOTENCY_KEY_REUSED)
        if taken.answer is not None:
            return Answer(**taken.answer)
        try:
            answer = await call()
        except Problem:
            await books.let_go(key, digest)
            raise
        document = {
            "status": answer.status,
            "content": answer.content,
            "headers": dict(answer.headers),
        }
        return Answer(**await books.keep_answer(key, digest, document))


def key_in(header: str | None) -> str:
    """The key, quoted (a structured field string) or bare."""
    if header is None or not header.strip():
        raise Problem(ProblemKind.IDEMPOTENCY_KEY_REQUIRED)
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted is not None else ""
    if _PRINTABLE.fullmatch(key) is None:
        raise Problem(ProblemKind.IDEMPOTENCY_KEY_REQUIRED, "1 to 255 printable ASCII characters")
    return key
