"""The daemon that watches is frozen while Redis is away: the other takes over, and it is fenced."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.acceptance.world import Process
from tests.chaos.api import Api, api_of
from tests.chaos.codes import CodeCheck, Silence, check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Proof,
    Scale,
    Stage,
    becomes,
    books_of,
    frozen,
    hand_over,
    rent,
    sleep_until,
    staged,
)

TAKE_OVER_WITHIN = 10.0
WITHOUT_REDIS = 12.0  #: Seconds in which watching goes on without Redis, at the latest.
MEASURE_LEADER = 2.0
LEFT = 4.0  #: Seconds between an SMS and its deadline.
AWAKE = 5.0  #: Seconds that the frozen one gets to do harm when it wakes.
DOUBLED_MAX = 0.2  #: Calls about a number that has ended there, for each refunded number.


@dataclass(frozen=True, slots=True)
class Found:
    took_over: float | None  #: Seconds until the other one looked.
    codes: CodeCheck
    late: float  #: The longest lateness of a refund, beyond the time of the take-over.
    doubled: float  #: Calls after its end at the provider, for each refunded number.
    proof: Proof


async def measure(scale: Scale) -> list[Line]:
    found = await _measure(scale.pick(45.0, 25.0))
    lost = len(found.codes.lost)
    doubled = found.doubled > DOUBLED_MAX
    took_over = found.took_over is not None and found.took_over <= TAKE_OVER_WITHIN
    return [
        Line(
            "leader frozen (SIGSTOP) while Redis is away",
            "the healthy daemon looked at nothing for 45 s, 24 codes late",
            f"the other looked after {seconds(found.took_over)}; {lost} of {found.codes.owed} codes"
            f" lost; refunds up to {seconds(found.late)} late beyond"
            f" {TAKE_OVER_WITHIN:.0f} s; {found.doubled:.2f} calls a number after its end;"
            f" {found.proof}",
            "the other takes over within 10 s; the one that wakes doubles nothing",
            took_over and not lost and found.late <= AT_ONCE and not doubled and found.proof.holds,
            {
                "took_over_seconds": found.took_over,
                "lost": lost,
                "owed": found.codes.owed,
                "refund_late_seconds": found.late,
                "calls_after_end_per_number": found.doubled,
            },
        )
    ]


async def _measure(lasting: float) -> Found:
    async with staged("frozen") as (stage, _):
        daemons = [await stage.start_daemon(), await stage.start_daemon()]
        async with api_of(daemons[0]) as first, api_of(daemons[1]) as second:
            await stage.open_account(first, "acme")
            await asyncio.to_thread(stage.servers.valkey.kill)
            # Somebody must be watched, so that it shows who watches.
            watched = await rent(stage.sim, "acme", 3, "timeout", 600)
            await hand_over(first, watched)
            await asyncio.sleep(WITHOUT_REDIS)
            leader = await _leader([first, second])
            other = (second, first)[leader]
            codes, refunds = await _numbers(stage, other, lasting)
            froze_at = datetime.now(UTC)
            took_over = await _freeze(daemons[leader], other, lasting)
            await asyncio.sleep(AWAKE)
            await sleep_until(max(number.deadline_at for number in codes))
            await _refunded(other, refunds)
            views = await other.views("acme")
            silence = [Silence(froze_at, froze_at + timedelta(seconds=TAKE_OVER_WITHIN))]
            books = await books_of(stage.sim)
            check = check_codes(codes, views, books, silences=silence)
            of_refunds = [views[number.id] for number in refunds]
            late = lateness(of_refunds, "refunded", silences=silence)[-1]
            after_end = sum(int(books[number.ref]["calls_after_end"]) for number in refunds)
            return Found(took_over, check, late, after_end / len(refunds), await stage.proof(other))


async def _leader(apis: Sequence[Api]) -> int:
    """Which daemon looks more; where both do, either will do."""
    before = [await api.metric("looks_total") or 0.0 for api in apis]
    await asyncio.sleep(MEASURE_LEADER)
    after = [await api.metric("looks_total") or 0.0 for api in apis]
    return int(after[1] - before[1] > after[0] - before[0])


async def _numbers(stage: Stage, api: Api, lasting: float) -> tuple[list[Number], list[Number]]:
    count = 30
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(count):
        after = 2.0 + (lasting - LEFT - 2.0) * number / count
        codes += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", round(after + LEFT))
        refunds += await rent(stage.sim, "acme", 1, "timeout", round(after + 1))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:count], taken[count:]


async def _freeze(leader: Process, other: Api, lasting: float) -> float | None:
    """Freeze it for so long; seconds until the other one looks at somebody."""
    loop = asyncio.get_running_loop()
    before = await other.metric("looks_total") or 0.0
    began = loop.time()
    with frozen(leader.popen.pid):

        async def looks() -> bool:
            return (await other.metric("looks_total") or 0.0) > before

        looked = await becomes(looks, lasting)
        took = loop.time() - began
        await asyncio.sleep(max(0.0, lasting - took))
    return took if looked else None


async def _refunded(api: Api, refunds: Sequence[Number]) -> bool:
    wanted = {number.id for number in refunds}

    async def all_refunded() -> bool:
        views = await api.views("acme")
        return all(views[id_]["settlement"] for id_ in wanted)

    return await becomes(all_refunded, 60.0, every=0.5)
