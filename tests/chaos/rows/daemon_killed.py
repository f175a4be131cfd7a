"""A daemon is killed over and over; and one of two is killed: what it held goes on at once."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tests.acceptance.world import Process
from tests.chaos.api import Api, api_of
from tests.chaos.codes import (
    CodeCheck,
    Silence,
    check_codes,
    lateness,
    watching_books,
)
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Proof,
    Scale,
    Stage,
    books_of,
    hand_over,
    rent,
    settled,
    sleep_until,
    staged,
)

LIFE = (0.6, 1.4)  #: Seconds a daemon is ready before it is killed.
LEAD = 4.0  #: Seconds from the first rental until the first kill.
LEFT = 10.0  #: Seconds between an SMS and its deadline, while daemons die.
LEFT_OF_TWO = 4.0  #: The same with a second daemon.
#: Calls take so long just before it is killed, so that it dies with calls, and leases, in flight.
SLOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Killed:
    kills: int
    lasted: float
    codes: CodeCheck
    refund_late: float  #: Seconds, the longest.
    refund_late_ready: float  #: Of those only the ones in which a daemon was ready.
    proof: Proof


async def measure(scale: Scale) -> list[Line]:
    return [await measure_over_and_over(scale), await measure_one_of_two(scale)]


async def measure_over_and_over(scale: Scale) -> Line:
    found = await _over_and_over(scale)
    lost = len(found.codes.lost)
    return Line(
        f"daemon killed {found.kills} times in {found.lasted:.0f} s",
        "4 codes lost that the provider had told; credits up to 21 s late",
        f"{lost} of {found.codes.owed} codes lost ({found.codes.lost_though_told} of them told);"
        f" credits up to {seconds(found.refund_late)} late,"
        f" {seconds(found.refund_late_ready)} of them while a daemon was ready; {found.proof}",
        "no code lost; what is due is worked on at once (2 s) when a daemon is there",
        not lost and found.refund_late_ready <= AT_ONCE and found.proof.holds,
        {
            "kills": found.kills,
            "lost": lost,
            "owed": found.codes.owed,
            "lost_though_told": found.codes.lost_though_told,
            "refund_late_seconds": found.refund_late,
            "refund_late_ready_seconds": found.refund_late_ready,
        },
    )


async def _over_and_over(scale: Scale) -> Killed:
    kills, count = scale.pick(19, 6), scale.pick(60, 30)
    expected = kills * 2.2
    async with staged("killed") as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            codes, refunds = await _numbers(stage, api, count, expected, LEFT)
        async with watching_books(stage.sim) as told:
            started = datetime.now(UTC)
            daemon, silences = await _kill(stage, daemon, kills)
            lasted = (datetime.now(UTC) - started).total_seconds()
            async with api_of(daemon) as api:
                await sleep_until(max(number.deadline_at for number in codes))
                await settled(api, ["acme"], 60.0)
        async with api_of(daemon) as api:
            views = await api.views("acme")
            check = check_codes(
                codes, views, await books_of(stage.sim), silences=silences, told=told
            )
            of_refunds = [views[number.id] for number in refunds]
            return Killed(
                kills,
                lasted,
                check,
                lateness(of_refunds, "refunded")[-1],
                lateness(of_refunds, "refunded", silences=silences)[-1],
                await stage.proof(api),
            )


async def _numbers(
    stage: Stage, api: Api, count: int, lasting: float, left: float
) -> tuple[list[Number], list[Number]]:
    """Numbers whose SMS comes, and whose deadline is, at any time while daemons die."""
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(count):
        after = LEAD + lasting * number / count
        window = round(after + left)
        codes += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", window)
        refunds += await rent(stage.sim, "acme", 1, "timeout", max(1, round(after)))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:count], taken[count:]


async def _kill(stage: Stage, daemon: Process, kills: int) -> tuple[Process, list[Silence]]:
    """Kill it and start the next one; the times when none was ready."""
    rng = Random(1)
    silences: list[Silence] = []
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(*LIFE))
        killed_at = datetime.now(UTC)
        daemon.kill()
        daemon = await stage.start_daemon()
        silences.append(Silence(killed_at, datetime.now(UTC)))
    return daemon, silences


async def measure_one_of_two(_: Scale) -> Line:
    lasting, count = 10.0, 100
    async with staged("one-of-two") as (stage, _set):
        daemons = [await stage.start_daemon(), await stage.start_daemon()]
        async with api_of(daemons[0]) as first, api_of(daemons[1]) as second:
            await stage.open_account(first, "acme")
            codes, refunds = await _numbers(stage, first, count, lasting, LEFT_OF_TWO)
            await sleep_until(refunds[0].deadline_at + timedelta(seconds=lasting / 3))
            slow = {"kind": "slow", "delay_seconds": SLOW_SECONDS, "seconds": SLOW_SECONDS}
            await stage.sim.control.post("/_sim/faults", slow)
            await asyncio.sleep(SLOW_SECONDS - 0.1)
            killed, left = (0, second) if await _looks_more(first, second) else (1, first)
            killed_at = datetime.now(UTC)
            daemons[killed].kill()
            await sleep_until(max(number.deadline_at for number in codes))
            await settled(left, ["acme"], 60.0)
            views = await left.views("acme")
            slowed = [
                Silence(
                    killed_at - timedelta(seconds=SLOW_SECONDS),
                    killed_at + timedelta(seconds=SLOW_SECONDS),
                )
            ]
            check = check_codes(codes, views, await books_of(stage.sim), silences=slowed)
            proof = await stage.proof(left)
    late = lateness([views[number.id] for number in refunds], "refunded", silences=slowed)[-1]
    take_over = max(late, check.longest_wait)
    return Line(
        "one of two daemons killed",
        "leases of the dead last 25 to 30 s",
        f"{len(check.lost)} of {check.owed} codes lost; credits up to {seconds(late)} late,"
        f" codes shown after {seconds(check.longest_wait)} at the most; {proof}",
        "the other one works on all it held at once (2 s)",
        not check.lost and take_over <= AT_ONCE and proof.holds,
        {"lost": len(check.lost), "owed": check.owed, "refund_late_seconds": late},
    )


async def _looks_more(first: Api, second: Api) -> bool:
    """Whether the first daemon watches: the one that is killed is to hold something."""
    looks = [await api.metric("looks_total") or 0.0 for api in (first, second)]
    return looks[0] >= looks[1]
