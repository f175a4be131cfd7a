"""A provider that died for good: drained, its customers whole, its exposure on record."""

import json
from typing import Any

import pytest

from tests.acceptance.two_providers import Simulated, hand_over, own, pay_in
from tests.acceptance.world import PROVIDER, World, spawn
from worker.entrypoints.cli.client import Daemon
from worker.entrypoints.cli.exit_codes import Exit, Failure

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

NUMBERS = 30
COSTS = 5  #: Bought through us, so that their cost is known.
PRICE = 100
LONG = 600  #: Seconds of window: nothing here ends by itself.


def command(world: World, *words: str) -> tuple[int, str]:
    """A command of ours, run to its end: its exit code, and all it wrote."""
    log = world.home / "command.log"
    whole = words if words == ("doctor",) else ("provider", *words)
    api = world.daemons[-1].line("activation-worker: api") if world.daemons else None
    there = {} if api is None else {"AW_URL": api.split()[-1]}
    process = spawn(whole, log, {**world.environment(), **there})
    return process.popen.wait(timeout=60), log.read_text()


def document_in(written: str) -> dict[str, Any]:
    """The one line of JSON among messages and log lines."""
    lines = [line for line in written.splitlines() if line.startswith('{"provider"')]
    return dict(json.loads(lines[0]))


async def _rent(shop: Daemon, key: str) -> dict[str, Any]:
    order = {
        "account": "acme",
        "provider": PROVIDER,
        "service": "timeout",
        "country": "0",
        "price_minor": PRICE,
        "window_seconds": LONG,
    }
    return dict(await shop.post("/v1/activations", order, key=key))


@pytest.mark.nightly
async def test_a_dead_provider_is_drained_and_every_customer_made_whole(a_world: World) -> None:
    daemon = await a_world.start_daemon()
    provider = own(a_world)
    async with a_world.shop(daemon) as shop:
        received = await _business(shop, provider)
        await provider.fault("unavailable", 3600)

        drained = command(a_world, "drain", PROVIDER)
        assert drained[0] == 0
        unsettled = f"{NUMBERS + COSTS + 1} numbers are not settled yet"
        assert unsettled in drained[1], "nobody is ended before the deadline"
        with pytest.raises(Failure, match="cannot be used"):
            await _rent(shop, "while drained")
        code, written = command(a_world, "drain", PROVIDER, "--now")
        assert code == 0
        assert f"{PROVIDER}: {NUMBERS + COSTS} refunded" in written
        assert "1 received" in written, "a code that was paid for stays"
        again = command(a_world, "drain", PROVIDER, "--now")
        assert again[0] == 0
        assert "nothing waits" in again[1]
        assert written.splitlines()[0] == again[1].splitlines()[0], "since when does not move"
        account = await shop.get("/v1/accounts/acme")
        assert account["held_minor"] == PRICE
        _is_told_as_dead(a_world)
        await a_world.audit()

        await provider.heal()
        await _comes_back(a_world, shop, received)
    code, written = command(a_world, "report", PROVIDER)
    assert code == 0
    assert [line.split()[-1] for line in written.splitlines() if "of nobody" in line] == ["0"]
    await a_world.audit()


async def _business(shop: Daemon, provider: Simulated) -> dict[str, Any]:
    """Numbers handed over, numbers bought, and one whose code has come: that one."""
    await hand_over(shop, provider, NUMBERS, "timeout", window=LONG)
    (with_code,) = await hand_over(shop, provider, 1, "code-arrives:0.5", window=LONG)
    await pay_in(shop, (COSTS + 2) * PRICE)
    for number in range(COSTS):
        await _rent(shop, f"before-{number}")
    received = await shop.get(f"/v1/activations/{with_code}", wait_seconds=10)
    assert received["state"] == "received"
    return dict(received)


def _is_told_as_dead(world: World) -> None:
    code, written = command(world, "report", PROVIDER, "--output", "ndjson")
    assert code == Exit.UNREACHABLE
    told = document_in(written)
    assert told["balance_minor"] is None
    assert told["drained_at"] is not None
    assert {one["state"] for one in told["exposure"]} == {"open"}
    code, written = command(world, "exposure", PROVIDER, "--output", "ndjson")
    assert (code, written.count('"why":"pursued"')) == (Exit.OK, NUMBERS + COSTS)
    _, written = command(world, "doctor")
    assert "no new rentals there" in written


async def _comes_back(world: World, shop: Daemon, received: dict[str, Any]) -> None:
    """It gives back what it still has of ours, and sells again."""
    for _ in range(2):
        code, written = command(world, "resume", PROVIDER)
        assert (code, "takes rentals" in written) == (0, True), written
    await shop.post(f"/v1/activations/{received['id']}/finish", {})
    await world.all_final(90)
    assert (await _rent(shop, "after"))["state"] == "waiting"
    assert await world.charged() == {received["provider_ref"], *await _live(world)}
    code, written = command(world, "report", PROVIDER, "-o", "ndjson")
    assert code == 0
    told = document_in(written)
    assert {one["state"] for one in told["exposure"]} == {"resolved"}
    assert told["read_at"] is not None, "the daemon reconciled when it started"


async def test_a_provider_nobody_knows_cannot_be_drained(a_world: World) -> None:
    code, written = command(a_world, "drain", "smi", "--now")

    assert code == Exit.USAGE
    assert "there is no provider smi" in written


async def _live(world: World) -> set[str]:
    page = await world.provider.get("/_sim/books", limit=10_000)
    return {str(row["id"]) for row in page["numbers"] if row["status"] == "waiting"}
