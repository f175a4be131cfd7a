"""Redis stands still for a second, over and over: what was asked of it meanwhile is not lost."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import redis.asyncio

from tests.chaos.api import api_of
from tests.chaos.codes import Silence, check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.rows.redis_away import PROMISED_AFTER
from tests.chaos.stage import (
    ProviderPlan,
    Scale,
    Stage,
    books_of,
    frozen,
    hand_over,
    rent,
    settled,
    sleep_until,
    staged,
)

#: Longer than a call waits for its answer, and hardly as long as Redis may fail.
STALL = 1.0
EVERY = 6.0  #: Seconds from one to the next.
LEFT = 2.5  #: Seconds between an SMS and its deadline.
LEAD = 3.0  #: Seconds from the first rental to the first of them.
CODES = 60
REFUNDS = 20


async def measure(scale: Scale) -> list[Line]:
    return [await _measure(scale.pick(48.0, 24.0))]


async def _measure(lasting: float) -> Line:
    plan = ProviderPlan(
        dialect="smsbower"
    )  # Without a list: each code is told to a look of its own.
    async with staged("stalls", plan) as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            begins = datetime.now(UTC) + timedelta(seconds=LEAD)
            items: list[dict[str, str]] = []
            for number in range(CODES):
                after = LEAD + lasting * number / CODES
                window = round(after + LEFT + 0.5)
                items += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", window)
            refunds = await rent(stage.sim, "acme", REFUNDS, "timeout", round(LEAD + lasting / 2))
            taken = await hand_over(api, [*items, *refunds])
            silences = await _stall(stage, begins, lasting)
            await settled(api, ["acme"], 30.0)
            views = await api.views("acme")
            codes = check_codes(taken[:CODES], views, await books_of(stage.sim), silences=silences)
            late = lateness([views[number.id] for number in taken[CODES:]], "refunded")[-1]
            proof = await stage.proof(api)
    return Line(
        f"Redis stands still for {STALL} s, every {EVERY:.0f} s",
        "not measured; a lease that was not answered was nobody's for 30 s",
        f"{len(codes.lost)} of {codes.owed} codes lost (and {codes.not_owed_lost} within"
        f" {PROMISED_AFTER:.0f} s of a fault); refunds {seconds(late)} late; {proof}",
        "no code lost that comes 3 s after the fault or later; refunds at once",
        not codes.lost and late <= AT_ONCE + STALL and proof.holds,
        {"lost": len(codes.lost), "owed": codes.owed, "refund_late_seconds": late},
    )


async def _stall(stage: Stage, begins: datetime, lasting: float) -> Sequence[Silence]:
    """When nobody promised a look: `PROMISED_AFTER` from each fault on."""
    async with redis.asyncio.Redis.from_url(stage.servers.redis_url) as client:
        pid = int((await client.info("server"))["process_id"])
    silences = []
    for number in range(int(lasting // EVERY)):
        await sleep_until(begins + timedelta(seconds=number * EVERY))
        began = datetime.now(UTC)
        with frozen(pid):
            await asyncio.sleep(STALL)
        silences.append(Silence(began, began + timedelta(seconds=PROMISED_AFTER)))
    return silences
