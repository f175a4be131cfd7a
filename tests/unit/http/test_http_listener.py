"""Starting, stopping, and callers who hang up."""

import asyncio
from collections.abc import Sequence

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.turns import give_way
from tests.unit.http.caller import WRITE_TOKEN
from tests.unit.http.conftest import World
from tests.unit.http.numbers import number
from worker.domain.ids import AccountId
from worker.entrypoints.http.listener import CannotListen, listen
from worker.ports.store.activations import AcceptResult, NumberIntake

AUTH = {"Authorization": f"Bearer {WRITE_TOKEN}"}


async def watched_id(world: World, http: aiohttp.ClientSession) -> str:
    account = AccountId("ann")
    await world.books.open_account(account, "USD")
    await world.books.top_up(account, "start", 1_000)
    async with http.put("/v1/activations/alpha/1", json=number()) as reply:
        assert reply.status == 201
        shown = await reply.json()
    return str(shown["id"])


def url_of(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0]
    return f"http://{host}:{port}"


async def test_a_stop_ends_every_wait_at_once_with_an_answer(
    app: web.Application, world: World
) -> None:
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=10)
    async with aiohttp.ClientSession(url_of(runner), headers=AUTH) as http:
        path = f"/v1/activations/{await watched_id(world, http)}?wait_seconds=30"
        waiting = asyncio.create_task(_status(http, path))
        await world.reads.asked.wait()
        async with asyncio.timeout(5):
            await runner.cleanup()
            assert await waiting == 200


async def _status(http: aiohttp.ClientSession, path: str) -> int:
    async with http.get(path) as reply:
        await reply.read()
        return reply.status


async def test_a_stop_lets_a_call_under_way_finish(app: web.Application, world: World) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    accept = world.service.accept

    async def slow(handed: Sequence[NumberIntake], *, patient: bool = True) -> list[AcceptResult]:
        begun.set()
        await go_on.wait()
        return await accept(handed, patient=patient)

    runner = await listen(app, "127.0.0.1", 0, drain_seconds=10)
    async with aiohttp.ClientSession(url_of(runner), headers=AUTH) as http:
        await watched_id(world, http)
        world.service.accept = slow  # type: ignore[method-assign]  # a slow store for once
        call = asyncio.create_task(_put(http, "/v1/activations/alpha/2"))
        await begun.wait()
        stopping = asyncio.create_task(runner.cleanup())
        await give_way()
        go_on.set()
        assert await call == 201
        await stopping


@pytest.mark.parametrize("drain_seconds", [0, 0.1])
async def test_a_call_that_hangs_is_cut_when_the_drain_is_over(
    app: web.Application, world: World, drain_seconds: float
) -> None:
    begun = asyncio.Event()

    async def hang(handed: Sequence[NumberIntake], *, patient: bool = True) -> list[AcceptResult]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError(handed, patient)

    runner = await listen(app, "127.0.0.1", 0, drain_seconds=drain_seconds)
    async with aiohttp.ClientSession(url_of(runner), headers=AUTH) as http:
        await watched_id(world, http)
        world.service.accept = hang  # type: ignore[method-assign]  # a store that never answers
        call = asyncio.create_task(_put(http, "/v1/activations/alpha/2"))
        await begun.wait()
        async with asyncio.timeout(5):
            await runner.cleanup()
            with pytest.raises(aiohttp.ClientError):
                await call


async def _put(http: aiohttp.ClientSession, path: str) -> int:
    async with http.put(path, json=number()) as reply:
        return reply.status


async def test_a_caller_who_hangs_up_does_not_undo_what_was_begun(
    app: web.Application, world: World
) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    accept = world.service.accept

    async def slow(handed: Sequence[NumberIntake], *, patient: bool = True) -> list[AcceptResult]:
        begun.set()
        await go_on.wait()
        results = await accept(handed, patient=patient)
        done.set()
        return results

    runner = await listen(app, "127.0.0.1", 0, drain_seconds=10)
    async with aiohttp.ClientSession(url_of(runner), headers=AUTH) as http:
        await watched_id(world, http)
        world.service.accept = slow  # type: ignore[method-assign]  # a slow store for once
        call = asyncio.create_task(_put(http, "/v1/activations/alpha/2"))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    go_on.set()
    async with asyncio.timeout(5):
        await done.wait()
    assert len(world.service.intakes) == 2
    await runner.cleanup()


async def test_a_waiter_who_hangs_up_is_no_longer_asked_for(
    app: web.Application, world: World
) -> None:
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=10)
    async with aiohttp.ClientSession(url_of(runner), headers=AUTH) as http:
        path = f"/v1/activations/{await watched_id(world, http)}?wait_seconds=30"
        waiting = asyncio.create_task(_status(http, path))
        await world.reads.asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5):
        # Its call ends long before its 30 seconds: the access log tells.
        while not any(
            fields.get("route") == "/v1/activations/{id}" for _, fields in world.log.lines
        ):
            world.log.written.clear()
            await world.log.written.wait()
    await runner.cleanup()


async def test_an_address_in_use_is_an_error_and_leaves_nothing_running(
    app: web.Application,
) -> None:
    first = await listen(web.Application(), "127.0.0.1", 0, drain_seconds=1)
    port = first.addresses[0][1]
    with pytest.raises(CannotListen, match=f"^127.0.0.1:{port}: Address already in use$"):
        await listen(app, "127.0.0.1", port, drain_seconds=1)
    await first.cleanup()
