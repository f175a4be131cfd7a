"""Calls under an `Idempotency-Key`: sent again they change nothing and get the first answer.

The calls are safe to repeat without one, by what they are about. A key does more: it also tells a
call that comes late from the same thing happening once more. What ended in a problem changed
nothing and leaves its key free; what ended without anybody knowing how is run again.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeAlias

from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.routing import Answer

Call: TypeAlias = Callable[[], Awaitable[Answer]]

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_PRINTABLE = re.compile(r"[ -~]{1,255}")


class Once:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def __call__(self, header: str, content: bytes, call: Call) -> Answer:
        answers, key = self._deps.cases.books, key_in(header)
        digest = sha256(content).hexdigest()
        taken = await answers.take_key(key, digest)
        if taken.content_hash != digest:
            raise Problem(Kind.IDEMPOTENCY_KEY_REUSED)
        if taken.answer is not None:
            return Answer(**taken.answer)
        try:
            done = await call()
        except Problem:
            await answers.let_go(key, digest)
            raise
        told = {"status": done.status, "content": done.content, "headers": dict(done.headers)}
        return Answer(**await answers.keep_answer(key, digest, told))


def key_in(header: str | None) -> str:
    """The key, quoted (a structured field string) or bare."""
    if header is None or not header.strip():
        raise Problem(Kind.IDEMPOTENCY_KEY_REQUIRED)
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted is not None else ""
    if _PRINTABLE.fullmatch(key) is None:
        raise Problem(Kind.IDEMPOTENCY_KEY_REQUIRED, "1 to 255 printable ASCII characters")
    return key
