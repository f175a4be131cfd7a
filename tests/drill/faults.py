"""What can be broken: each is in force while its block runs, and repaired at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.chaos.stage import PRICE, becomes, family_of, frozen, rent
from tests.drill.scene import DAEMONS, Scene
from tests.drill.shop import ACCOUNT
from worker.adapters.redis.queue import open_queue

Fault = Callable[[Scene], AbstractAsyncContextManager[None]]
LONG: Final = 3000.0  #: Seconds: longer than any row.
LOCK: Final = "SELECT * FROM balance WHERE account = $1 FOR UPDATE"
LOCKED: Final = "locked"
BY_HAND: Final = (
    "UPDATE balance SET amount_minor = amount_minor + $1"
    " WHERE account = $2 AND bucket = 'available'"
)
ORDER_SECONDS: Final = 60.0
FILL_LIMIT: Final = 6  #: Prices, of the row in which purchases in doubt fill the limit.
FILLING: Final = 8  #: Purchases whose replies are lost: more than the limit takes.
NEARING: Final = 5  #: And more than 80 % of it.
RUNBOOK_SECONDS: Final = 60.0


@asynccontextmanager
async def nothing(_: Scene) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def database_paused(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.database() as session:
        data = Path(await session.fetchval("SHOW data_directory"))
    pid = int((await asyncio.to_thread((data / "postmaster.pid").read_text)).split()[0])
    with frozen(*family_of(pid)):
        yield


@asynccontextmanager
async def redis_killed(scene: Scene) -> AsyncIterator[None]:
    valkey = scene.stage.servers.valkey
    await asyncio.to_thread(valkey.kill)
    try:
        yield
    finally:
        await valkey.start()


def provider_fault(kind: str, *operations: str) -> Fault:
    @asynccontextmanager
    async def fault(scene: Scene) -> AsyncIterator[None]:
        rule = {"kind": kind, "seconds": LONG, "operations": list(operations)}
        await scene.sim.control.post("/_sim/faults", rule)
        yield
        await scene.sim.heal()

    return fault


def doubts(count: int) -> Fault:
    """So many purchases get no reply; each may have cost its price until a person has asked.

    The repair is the runbook's: a person says of each how it ended.
    """

    @asynccontextmanager
    async def fault(scene: Scene) -> AsyncIterator[None]:
        rule = {"kind": "hang", "seconds": LONG, "operations": ["rent"]}
        await scene.sim.control.post("/_sim/faults", rule)
        orders = [asyncio.create_task(_order(scene, number)) for number in range(count)]
        yield
        await scene.sim.heal()
        await asyncio.gather(*orders)
        shown = await _command(scene, "provider", "exposure", scene.sim.name, "--output", "json")
        ids = [word for word in shown.replace('"', " ").split() if word.count("-") == 4]
        chosen = [word for id_ in dict.fromkeys(ids) for word in ("--activation", id_)]
        ends = ("provider", "settle-exposure", scene.sim.name, "--as", "resolved", *chosen)
        await _command(scene, *ends)

    return fault


async def _order(scene: Scene, number: int) -> None:
    order = {
        "account": ACCOUNT,
        "provider": scene.sim.name,
        "service": "timeout",
        "country": "0",
        "price_minor": PRICE,
        "window_seconds": 10,
    }
    api, key = scene.apis[number % DAEMONS], f"doubtful-{number}"
    await api.call("POST", "/v1/activations", order, key=key, seconds=ORDER_SECONDS)


async def _command(scene: Scene, *arguments: str) -> str:
    async with asyncio.timeout(RUNBOOK_SECONDS):
        code, printed = await scene.stage.command(*arguments)
    assert code == 0, printed
    return printed


@asynccontextmanager
async def endpoint_dead(scene: Scene) -> AsyncIterator[None]:
    scene.endpoint.takes_every = 0
    yield
    scene.endpoint.takes_every = 1
    await _events_replayed(scene)


@asynccontextmanager
async def endpoint_refuses_most(scene: Scene) -> AsyncIterator[None]:
    scene.endpoint.takes_every = 100
    yield
    scene.endpoint.takes_every = 1
    await _events_replayed(scene)


async def _events_replayed(scene: Scene) -> None:
    """What waits for its next attempt goes out now, as the runbook says."""
    api = scene.apis[0]
    page = await api.get("/v1/events?state=pending&limit=200")
    while ids := [event["id"] for event in page["items"]]:
        answer = await api.call("POST", "/v1/events/replay", {"ids": ids})
        assert answer.status == 200, answer
        if page["next_cursor"] is None:
            return
        page = await api.get(f"/v1/events?state=pending&limit=200&cursor={page['next_cursor']}")


@asynccontextmanager
async def daemon_killed(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(scene.workers.running[0].kill)
    yield
    await scene.workers.start(0)


@asynccontextmanager
async def all_daemons_killed(scene: Scene) -> AsyncIterator[None]:
    for daemon in scene.workers.running.values():
        await asyncio.to_thread(daemon.kill)
    yield
    await asyncio.gather(*(scene.workers.start(which) for which in range(DAEMONS)))


@asynccontextmanager
async def gone_from_discovery(scene: Scene) -> AsyncIterator[None]:
    scene.monitoring.scrape(scene.workers.admins[:1])
    yield
    scene.monitoring.scrape(scene.workers.admins)


@asynccontextmanager
async def daemon_cut_off(scene: Scene) -> AsyncIterator[None]:
    scene.workers.database.cut()
    yield
    scene.workers.database.mend()


@asynccontextmanager
async def handed_over_late(scene: Scene) -> AsyncIterator[None]:
    """A shop hands over a number whose window is over for longer than the promise allows."""
    [number] = await rent(scene.sim, ACCOUNT, 1, "timeout", 1)
    rented_at = datetime.now(UTC) - timedelta(minutes=3)
    item = {**number, "rented_at": rented_at.isoformat()}
    taken = await scene.apis[0].call("POST", "/v1/activations/bulk", {"activations": [item]})
    assert taken.body["results"][0]["status"] == 201, taken
    yield


@asynccontextmanager
async def balance_changed(scene: Scene) -> AsyncIterator[None]:
    """Somebody adds a cent to a balance by hand, past the ledger."""
    await _book_by_hand(scene, 1)
    yield
    await _book_by_hand(scene, -1)


async def _book_by_hand(scene: Scene, minor: int) -> None:
    async with scene.stage.database() as session:
        await session.execute(BY_HAND, minor, ACCOUNT)
    queue = open_queue(scene.stage.servers.redis_url)
    await queue.enqueue_job("audit")  # The next one by itself may be five minutes away.
    await queue.aclose(close_connection_pool=True)


@asynccontextmanager
async def account_locked(scene: Scene) -> AsyncIterator[None]:
    """Somebody's session keeps the balance of one account, whose numbers are over."""
    await scene.stage.open_account(scene.apis[0], LOCKED)
    items = await rent(scene.sim, LOCKED, 3, "timeout", 2)
    taken = await scene.apis[0].call("POST", "/v1/activations/bulk", {"activations": items})
    assert {result["status"] for result in taken.body["results"]} == {201}, taken
    async with scene.stage.database() as session, session.transaction():
        await session.fetch(LOCK, LOCKED)
        yield


@asynccontextmanager
async def handed_over_unreadable(scene: Scene) -> AsyncIterator[None]:
    """A program hands over through arq what is no number."""
    queue = open_queue(scene.stage.servers.redis_url)
    await queue.enqueue_job("accept", {"account": ACCOUNT})
    await queue.aclose(close_connection_pool=True)
    yield


@asynccontextmanager
async def code_after_the_credit(scene: Scene) -> AsyncIterator[None]:
    """Cancels fail, the customer has the money back, and then the SMS comes."""
    rule = {"kind": "unavailable", "seconds": LONG, "operations": ["cancel"]}
    await scene.sim.control.post("/_sim/faults", rule)
    [number] = await rent(scene.sim, ACCOUNT, 1, "timeout", 3)
    api = scene.apis[0]
    taken = await api.call("POST", "/v1/activations/bulk", {"activations": [number]})
    id_ = taken.body["results"][0]["activation"]["id"]
    assert await becomes(lambda: _credited(scene, id_), ORDER_SECONDS), "no credit came"
    await scene.sim.control.post("/_sim/sms", {"id": number["provider_ref"], "code": "424242"})
    await scene.sim.heal()
    yield


async def _credited(scene: Scene, id_: str) -> bool:
    answer = await scene.apis[0].call("GET", f"/v1/activations/{id_}")
    return answer.status == 200 and answer.body["state"] == "refunded"
