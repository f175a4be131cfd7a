"""Somebody locks the balance of one account: all the others are on time."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from tests.chaos.api import Api, api_of
from tests.chaos.codes import lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Scale,
    Stage,
    hand_over,
    rent,
    settled,
    sleep_until,
    staged,
)

ACCOUNTS = tuple(f"account-{number}" for number in range(10))
LOCKED = ACCOUNTS[0]
REFUNDS, DELIVERIES = 10, 5  #: Of each account.
LEAD = 6.0  #: Seconds from the first rental until the row is locked.
LOCK = "SELECT * FROM balance WHERE account = $1 FOR UPDATE"


async def measure(scale: Scale) -> list[Line]:
    lasting = scale.pick(90.0, 15.0)
    async with staged("locked") as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            for account in ACCOUNTS:
                await stage.open_account(api, account)
            locked_at = datetime.now(UTC) + timedelta(seconds=LEAD)
            refunds, deliveries = await _numbers(stage, api, lasting)
            await sleep_until(locked_at)
            async with stage.database() as session:
                await _hold(session, lasting)
            await settled(api, ACCOUNTS, 60.0)
            late = await _late(api, refunds, "refunded")
            late_deliveries = await _late(api, deliveries, "delivered")
            proof = await stage.proof(api)
    too_late = sum(each > AT_ONCE for each in (*late, *late_deliveries))
    longest = max(late[-1], late_deliveries[-1])
    return [
        Line(
            f"one balance row locked for {lasting:.0f} s",
            "90 refunds and 45 deliveries of nine other accounts late, up to 95 s",
            f"{too_late} of {len(late) + len(late_deliveries)} endings of other accounts late, up"
            f" to {seconds(longest)}; {proof}",
            "every other account is on time (2 s)",
            not too_late and proof.holds,
            {
                "late": too_late,
                "others": len(late) + len(late_deliveries),
                "refund_late_seconds": late[-1],
                "delivery_late_seconds": late_deliveries[-1],
            },
        )
    ]


async def _numbers(stage: Stage, api: Api, lasting: float) -> tuple[list[Number], list[Number]]:
    """Of every account some whose deadline comes while the row is locked."""
    refunds: list[dict[str, str]] = []
    deliveries: list[dict[str, str]] = []
    for account in ACCOUNTS:
        for number in range(REFUNDS):
            window = round(LEAD + 1 + (lasting - 4) * number / REFUNDS)
            refunds += await rent(stage.sim, account, 1, "timeout", window)
        for number in range(DELIVERIES):
            window = round(LEAD + 1 + (lasting - 4) * number / DELIVERIES)
            deliveries += await rent(stage.sim, account, 1, "code-arrives:1", window)
    taken = await hand_over(api, [*refunds, *deliveries])
    return taken[: len(refunds)], taken[len(refunds) :]


async def _hold(session: asyncpg.Connection, lasting: float) -> None:
    async with session.transaction():
        await session.fetch(LOCK, LOCKED)
        await asyncio.sleep(lasting)


async def _late(api: Api, numbers: list[Number], outcome: str) -> list[float]:
    """How late the endings of all other accounts were."""
    views = {id_: view for account in ACCOUNTS for id_, view in (await api.views(account)).items()}
    others = [views[number.id] for number in numbers if number.account != LOCKED]
    return lateness(others, outcome)
