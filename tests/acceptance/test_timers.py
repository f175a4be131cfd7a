"""Dates that pass while no daemon runs: the next one acts as of the date, once, with the money."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from tests.acceptance.world import World
from tests.conftest import Valkey
from worker.entrypoints.cli.client import Daemon

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

#: Fifteen days later, told as the past being fifteen days further back.
FIFTEEN_DAYS_LATER = """
ALTER TABLE decision DISABLE TRIGGER decision_append_only;
UPDATE timer SET due_at = due_at - interval '15 days';
UPDATE decision SET deadline = deadline - interval '15 days';
ALTER TABLE decision ENABLE TRIGGER decision_append_only;
UPDATE case_ SET opened_at = opened_at - interval '15 days',
    facts = jsonb_set(facts, '{payment_info_requested_at}', to_jsonb(to_char(
        CAST(facts ->> 'payment_info_requested_at' AS timestamptz) AT TIME ZONE 'UTC'
            - interval '15 days', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
"""


async def unanswered(shop: Daemon, number: int = 1) -> list[str]:
    """Withdrawals whose customers were asked for payment details."""
    await shop.put("/v1/accounts/acme", {"currency": "USD", "policy": "P3"})
    await shop.post("/v1/accounts/acme/topups", {"reference": "1", "amount_minor": 1000})
    cases = []
    for n in range(number):
        body = {
            "account": "acme",
            "reference": f"w-{n}",
            "amount_minor": 1000 // number,
            "policy": "P3",
        }
        case = (await shop.post("/v1/withdrawals", body))["id"]
        await shop.post(f"/v1/withdrawals/{case}/payment-info", {"event": "requested"})
        cases.append(str(case))
    return cases


async def later(world: World) -> None:
    connection = await asyncpg.connect(world.database_url)
    await connection.execute(FIFTEEN_DAYS_LATER)
    await connection.close()


async def denied(shop: Daemon, case: str, seconds: float = 60) -> dict[str, Any]:
    latest = time.monotonic() + seconds
    while (shown := await shop.get(f"/v1/withdrawals/{case}"))["state"] != "denied":
        assert time.monotonic() < latest, shown
        await asyncio.sleep(0.2)  # Another process works; there is nothing to await.
    return shown


async def test_a_date_that_passed_while_nobody_ran_acts_late_as_of_itself_and_once(
    a_world: World,
) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        (case,) = await unanswered(shop)
        (timer,) = (await shop.get(f"/v1/withdrawals/{case}"))["timers"]
    daemon.kill()
    await later(a_world)

    first, _ = await a_world.start_daemon(), await a_world.start_daemon()

    async with a_world.shop(first) as shop:
        shown = await denied(shop, case)
        account = await shop.get("/v1/accounts/acme")
        told = [one for one in (await shop.get("/v1/events"))["items"] if one["data"]["id"] == case]
    assert timer["kind"] == "payment_info"
    last = shown["decision"]
    assert (last["reason"], shown["withheld_minor"]) == ("payment_info_timeout", 0)
    assert last["as_of"] < last["at"], "as of its own date, not of the day it was found"
    assert (account["available_minor"], account["held_minor"]) == (1000, 0)
    assert [one["type"] for one in told].count("withdrawal.denied") == 1
    await a_world.audit()


async def test_dates_act_without_redis_too(a_world: World, valkey: Valkey) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        cases = await unanswered(shop, 5)
        valkey.kill()
        await later(a_world)

        for case in cases:
            await denied(shop, case)
        account = await shop.get("/v1/accounts/acme")

    assert (account["available_minor"], account["held_minor"]) == (1000, 0)
    await a_world.audit()
