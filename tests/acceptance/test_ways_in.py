"""The ways in besides HTTP: a program that uses arq, arq's own command, and the demo."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from arq import create_pool
from arq.connections import RedisSettings

from tests.acceptance.world import World, spawn_command, until
from worker.adapters.store.postgres import PostgresStore
from worker.client import hand_over
from worker.ports.handover import QUEUE

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
REPOSITORY = Path(__file__).parents[2]


async def _payload(world: World, service: str) -> dict[str, object]:
    rented = await world.provider.post("/_sim/rent", {"count": 1, "service": service})
    (number,) = rented["numbers"]
    return {
        "account": "acme",
        "provider": "sim",
        "provider_ref": str(number["id"]),
        "phone": str(number["phone"]),
        "service": service,
        "country": "0",
        "price_minor": 100,
        "window_seconds": 6,
    }


async def _enqueue(world: World, *payloads: dict[str, object]) -> None:
    """As a shop's own application does it, with nothing of ours imported."""
    pool = await create_pool(
        RedisSettings.from_dsn(world.redis_url),
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
    )
    for payload in payloads:
        await pool.enqueue_job("accept", payload, _queue_name=QUEUE)
    await pool.aclose(close_connection_pool=True)


async def _open_account(world: World) -> None:
    store = PostgresStore(world.database_url, pool_size=2)
    await store.books.open_account("acme", "USD")  # type: ignore[arg-type] # a plain text will do
    await store.books.top_up("acme", "first", 10_000)  # type: ignore[arg-type] # the same
    await store.close()


async def test_a_number_handed_over_through_arq_ends_like_any_other(a_world: World) -> None:
    await _open_account(a_world)
    await a_world.start_daemon()
    good, code = await _payload(a_world, "timeout"), await _payload(a_world, "code-arrives:2")

    await _enqueue(a_world, good, {**good, "price_minor": "much"}, code)
    await a_world.until_known(2)

    found = await a_world.all_final(60)
    assert sorted(one.state.value for one in found) == ["delivered", "refunded"]
    await a_world.audit()


async def test_nothing_that_is_handed_over_is_dropped(a_world: World) -> None:
    """Whatever is wrong with it, an event and a metric tell: a paid number is never lost unseen."""
    await _open_account(a_world)
    good = await _payload(a_world, "timeout")
    await hand_over(
        a_world.redis_url,
        [
            {**good, "account": "nobody", "provider_ref": "r1"},
            {**good, "price_minor": "much", "provider_ref": "r2"},
            {**good, "provider": "elsewhere", "provider_ref": "r3"},
            good,
        ],
    )
    pickling = await create_pool(RedisSettings.from_dsn(a_world.redis_url))
    await pickling.enqueue_job("accept", {**good, "account": object}, _queue_name=QUEUE)
    await pickling.enqueue_job("acept", good, _queue_name=QUEUE)
    await pickling.aclose(close_connection_pool=True)
    daemon = await a_world.start_daemon()
    await a_world.until_known(1)

    found: list[dict[str, Any]] = []
    async with a_world.shop(daemon) as shop:
        while len(found) < 5:
            await asyncio.sleep(0.1)
            found = [event async for event in shop.pages("/v1/events", 50)]
    told = [event["data"] for event in found if event["type"] == "intake.refused"]

    assert sorted((one["reason"], one.get("provider_ref")) for one in told) == [
        ("invalid", "r2"),
        ("unknown_account", "r1"),
        ("unknown_job", None),
        ("unknown_provider", "r3"),
        ("unreadable", None),
    ]
    (invalid,) = (one for one in told if one["reason"] == "invalid")
    assert [each["pointer"] for each in invalid["errors"]] == ["/price_minor"]
    metrics = await a_world.metrics(daemon)
    assert 'activation_worker_intake_refused_total{reason="unknown_account"} 1.0' in metrics


async def test_arqs_own_command_starts_a_worker_that_does_the_job(a_world: World) -> None:
    await _open_account(a_world)
    log = a_world.home / "arq.log"
    arq = str(Path(sys.executable).with_name("arq"))
    command = [arq, "worker.entrypoints.arq_worker.WorkerSettings"]
    worker = spawn_command(command, log, a_world.environment())
    a_world.daemons.append(worker)
    await _enqueue(a_world, await _payload(a_world, "timeout"))

    await until(lambda: "activation.settled" in log.read_text(), worker, 60)

    (found,) = await a_world.all_final(60)
    assert found.state.value == "refunded"
    assert worker.terminate() == 0


def test_the_demo_reaches_every_ending_and_proves_the_books(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "worker", "demo", "--numbers", "60", "--window", "15"]

    done = subprocess.run(
        [*command, "--output", "json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["holds"] is True
    assert report["numbers"] == 60
    assert {state for of in report["endings"].values() for state in of} == {
        "delivered",
        "refunded",
    }
    assert len(report["audit"]) > 10
    assert all(one["violations"] == 0 for one in report["audit"])
    assert report["credit_lateness_seconds"]["max"] <= 5 + 15
