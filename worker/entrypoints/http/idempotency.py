"""Calls under an `Idempotency-Key`: a repeat changes nothing and gets the first answer.

The calls are safe to repeat without a key: their subject identifies them. A key also tells a late
repeat from the same thing happening once more. It counts per account and route: two customers may
use the same one. A call that ended in a problem changed nothing and leaves its key free; a
call whose end nobody knows is run again, and the case that it opened is still its case. One that
runs in this process still is waited for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from worker.domain.ids import ActivationId
from worker.entrypoints.http.deps import CALL_KEY, ApiDeps
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import uuid_or_problem
from worker.entrypoints.http.routing import Answer, KeyedCall
from worker.lifecycle.cases.keyed_calls import CallKey

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_PRINTABLE = re.compile(r"[ -~]{1,255}")


class IdempotentCalls:
    """`RunOnce`, over the answers that the database keeps."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._running: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    async def __call__(self, asked: KeyedCall, call: Callable[[], Awaitable[Answer]]) -> Answer:
        key = await self._key_of(asked, key_in(asked.header))
        digest = sha256(asked.content).hexdigest()
        while (before := self._running.get((key, digest))) is not None:
            await asyncio.wait((before,))
            if not before.cancelled():
                return before.result()
        running = self._running[key, digest] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._run(key, digest, call)
        except Problem as problem:
            running.set_exception(problem)
            running.exception()  # There may be nobody else who waits for it.
            raise
        else:
            running.set_result(answer)
            return answer
        finally:
            del self._running[key, digest]
            running.cancel()  # Where nobody knows how it ended.

    async def _run(self, key: str, digest: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        books = self._deps.case_service.books
        taken = await books.take_key(key, digest)
        if taken.content_hash != digest:
            raise Problem(ProblemKind.IDEMPOTENCY_KEY_REUSED)
        if taken.answer is not None:
            return Answer(**taken.answer)
        before = CALL_KEY.set(CallKey(key, taken.case))
        try:
            answer = await call()
        except Problem:
            await books.let_go(key, digest)
            raise
        finally:
            CALL_KEY.reset(before)  # The next call of its connection has another key, or none.
        document = {
            "status": answer.status,
            "content": answer.content,
            "headers": dict(answer.headers),
        }
        return Answer(**await books.keep_answer(key, digest, document))

    async def _key_of(self, asked: KeyedCall, given: str) -> str:
        """Of one length: what the caller names may be long, and no text that can be stored."""
        parts = "\n".join([asked.route, await self._account_of(asked.arguments), given])
        return sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()

    async def _account_of(self, arguments: Mapping[str, Any]) -> str:
        """By the account that the call names, or by the thing that it is about.

        What is unknown stands for itself: the call ends in a problem.
        """
        body: Any = arguments.get("body")
        named: str | None = arguments.get("account") or getattr(body, "account", None)
        if named is not None:
            return named
        if "provider_ref" in arguments:
            provider, ref = arguments["provider"], arguments["provider_ref"]
            rental = await self._deps.case_service.cases.rental(provider, ref)
            return "" if rental is None else rental.account
        about = (getattr(body, name, None) for name in ("activation", "rental"))
        things = (arguments.get("id"), arguments.get("name"), *about)
        thing: str = next((each for each in things if each is not None), "")
        try:
            id_ = uuid_or_problem(thing, ProblemKind.NOT_FOUND)
        except Problem:
            return thing  # The name of an account or of a provider, or of nothing.
        return await self._account_of_id(id_) or thing

    async def _account_of_id(self, id_: UUID) -> str | None:
        cases = self._deps.case_service.cases
        found = (
            await cases.case(id_)
            or await self._deps.activations.activation(ActivationId(id_))
            or await cases.rental_of(id_)
        )
        return None if found is None else found.account


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
