"""A head that was read before is not read again, and means what it meant then."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.own_pool import HEADS_MAX, OwnPool
from worker.adapters.providers.pool import Place, RawAnswer

ASKED = b"GET / HTTP/1.1\r\n\r\n"
CAP = 10


@asynccontextmanager
async def pool_to(url: str) -> AsyncIterator[OwnPool]:
    pool = OwnPool(Place(URL(url), 1, keep_s=30, wait_s=5, connect_s=2))
    try:
        yield pool
    finally:
        await pool.close()


async def asked(pool: OwnPool, cap: int = CAP) -> RawAnswer:
    connection = await pool.take()
    answer = await pool.ask(connection, ASKED, cap)
    pool.free(connection)
    return answer


def known(pool: OwnPool) -> int:
    return len(pool._heads._known)


async def bodies(answers: Sequence[bytes]) -> tuple[list[bytes | None], int]:
    """What came of each answer, and how many heads are known then."""
    async with raw_provider(*answers) as provider, pool_to(provider.url) as pool:
        return [(await asked(pool)).body for _ in answers], known(pool)


async def test_the_body_behind_a_known_head_is_that_of_its_own_answer() -> None:
    assert await bodies([http("one"), http("two"), http("six")]) == ([b"one", b"two", b"six"], 1)


async def test_a_longer_body_has_a_head_of_its_own() -> None:
    assert await bodies([http("one"), http("three"), http("two")]) == (
        [b"one", b"three", b"two"],
        2,
    )


async def test_an_answer_in_two_pieces_is_whole_although_its_head_is_known() -> None:
    async with raw_provider(http("one")) as provider, pool_to(provider.url) as pool:
        await asked(pool)
        connection = await pool.take()
        answer = pool.ask(connection, ASKED, CAP)
        whole = http("two")
        connection.data_received(whole[:-1])
        assert not answer.done()
        connection.data_received(whole[-1:])

        assert (await answer).body == b"two"


async def test_more_than_one_answer_is_not_kept_for_the_next_question() -> None:
    async with raw_provider(http("one")) as provider, pool_to(provider.url) as pool:
        await asked(pool)
        connection = await pool.take()
        answer = pool.ask(connection, ASKED, CAP)
        connection.data_received(http("two") + http("six"))

        assert (await answer).body == b"two"
        assert not connection.usable


async def test_the_cap_holds_behind_a_known_head() -> None:
    async with raw_provider(http("one")) as provider, pool_to(provider.url) as pool:
        await asked(pool)
        connection = await pool.take()

        assert (await pool.ask(connection, ASKED, 2)).body is None
        assert not connection.usable


@pytest.mark.parametrize(
    "answer",
    [
        http("one", 404),
        http("one", 200, "Connection: close"),
        http("one", 200, "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none",
        http("one", 200, f"X-Long: {'x' * 2000}"),
    ],
    ids=["no success", "closing", "compressed", "chunked", "old", "long"],
)
async def test_only_the_head_of_a_plain_answer_is_kept(answer: bytes) -> None:
    async with raw_provider(answer) as provider, pool_to(provider.url) as pool:
        assert (await asked(pool)).body == b"one"
        assert known(pool) == 0


async def test_few_heads_are_kept() -> None:
    answers = [http("x", 200, f"Date: {second}") for second in range(3 * HEADS_MAX)]
    async with raw_provider(*answers) as provider, pool_to(provider.url) as pool:
        for _ in answers:
            await asked(pool)
            assert known(pool) <= HEADS_MAX
