"""Calls under one `Idempotency-Key` that come together are one call."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.turns import at_rest
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.routing import Answer, KeyedCall
from worker.ports.store.books import TakenKey


class Books:
    """Keeps every key, and no answer."""

    async def take_key(self, _key: str, content_hash: str) -> TakenKey:
        return TakenKey(content_hash, None)

    async def keep_answer(
        self, _key: str, _content_hash: str, answer: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return answer

    async def let_go(self, _key: str, _content_hash: str) -> None:
        """It is free again."""


class Called:
    """What runs once: it ends as the test says, when it says so."""

    def __init__(self) -> None:
        deps = SimpleNamespace(case_service=SimpleNamespace(books=Books()))
        self.once = IdempotentCalls(cast("Any", deps))
        self.times = 0
        self.ends: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def call(self) -> Answer:
        self.times += 1
        return await asyncio.shield(self.ends)

    def start(self, content: bytes = b"{}") -> "asyncio.Task[Answer]":
        asked = KeyedCall(
            header="k-1", route="resend", arguments={"account": "alice"}, content=content
        )
        return asyncio.create_task(self.once(asked, self.call))


async def test_who_asks_again_while_the_first_runs_gets_its_answer() -> None:
    called = Called()
    calls = [called.start() for _ in range(3)]
    await at_rest()
    called.ends.set_result(Answer(200, {"id": "one"}))

    assert await asyncio.gather(*calls) == [Answer(200, {"id": "one"})] * 3
    assert called.times == 1


async def test_who_asks_again_while_the_first_runs_gets_its_problem() -> None:
    called = Called()
    calls = [called.start() for _ in range(3)]
    await at_rest()
    called.ends.set_exception(Problem(ProblemKind.PROVIDER_UNAVAILABLE))

    ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in ends] == [Problem] * 3
    assert called.times == 1


async def test_the_next_one_runs_where_the_first_was_cut_off() -> None:
    called = Called()
    first, second = called.start(), called.start()
    await at_rest()
    first.cancel()
    await at_rest()
    called.ends.set_result(Answer(200, {"id": "one"}))

    assert (await second).content == {"id": "one"}
    assert called.times == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_another_content_does_not_wait() -> None:
    called = Called()
    calls = [called.start(), called.start(b'{"other": 1}')]
    await at_rest()

    assert called.times == 2
    called.ends.set_result(Answer(200))
    await asyncio.gather(*calls)
