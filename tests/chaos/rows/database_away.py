"""PostgreSQL is paused, restarted, or fails over to a server that lacks the last commits."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.api import Api, api_of
from tests.chaos.codes import Silence, check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Scale,
    Stage,
    becomes,
    books_of,
    family_of,
    frozen,
    hand_over,
    hand_over_new,
    rent,
    settled,
    staged,
)

LEAD, LEFT = 3.0, 5.0
COUNT = 20
COPY_SECONDS = 60.0
Outage = Callable[[Stage, float], Awaitable[None]]


async def measure(scale: Scale) -> list[Line]:
    lasting = scale.pick(20.0, 8.0)
    return [
        await _away("PostgreSQL paused (SIGSTOP)", _paused, lasting),
        await _away("PostgreSQL restarted", _restarted, lasting),
        await _failover(scale.pick(330.0, 40.0)),
    ]


async def _away(what: str, outage: Outage, lasting: float) -> Line:
    async with staged("database") as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            codes, refunds = await _numbers(stage, api, lasting)
            await asyncio.sleep(LEAD)
            began = datetime.now(UTC)
            await outage(stage, lasting)
            back = datetime.now(UTC)
            assert daemon.popen.poll() is None, "the daemon ended"
            await settled(api, ["acme"], 60.0)
            away = [Silence(began, back)]
            views = await api.views("acme")
            check = check_codes(codes, views, await books_of(stage.sim), silences=away)
            of_refunds = [views[number.id] for number in refunds]
            late = lateness(of_refunds, "refunded", silences=away)[-1]
            proof = await stage.proof(api)
    return Line(
        f"{what} for {lasting:.0f} s",
        "",
        f"{len(check.lost)} of {check.owed} codes lost; what fell due was credited up to"
        f" {seconds(late)} after it was back; {proof}",
        "everything due within 2 s of its being back",
        not check.lost and late <= AT_ONCE and proof.holds,
        {"lost": len(check.lost), "owed": check.owed, "refund_late_seconds": late},
    )


async def _numbers(stage: Stage, api: Api, lasting: float) -> tuple[list[Number], list[Number]]:
    """SMS during the outage, with deadlines after it; refunds that fall due during it."""
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(COUNT):
        after = LEAD + lasting * number / COUNT
        window = round(LEAD + lasting + LEFT)
        codes += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", window)
        refunds += await rent(stage.sim, "acme", 1, "timeout", max(1, round(after)))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:COUNT], taken[COUNT:]


async def _paused(stage: Stage, lasting: float) -> None:
    data = await _data_of(stage)
    first = (await asyncio.to_thread((data / "postmaster.pid").read_text)).split()[0]
    with frozen(*family_of(int(first))):
        await asyncio.sleep(lasting)


async def _restarted(stage: Stage, lasting: float) -> None:
    await asyncio.to_thread(stage.servers.postgres.stop)
    await asyncio.sleep(lasting)
    await stage.servers.postgres.start()


async def _data_of(stage: Stage) -> Path:
    async with stage.database() as session:
        return Path(await session.fetchval("SHOW data_directory"))


async def _failover(within: float) -> Line:
    """Copy the data, record a code, go on with the copy: that commit is lost, and no other."""
    async with staged("failover") as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            (number,) = await hand_over_new(
                api, stage.sim, "acme", 1, "timeout", round(within + 30)
            )
            data = await _data_of(stage)
            behind = data.with_name("behind")
            await asyncio.to_thread(stage.servers.postgres.stop)
            await _copy(data, behind)
            await stage.servers.postgres.start()
            await becomes(lambda: _answers(api), 15.0)
            await stage.sim.control.post("/_sim/sms", {"id": number.ref, "code": "424242"})
            assert await becomes(lambda: _shown(api, number), 30.0), "the code was not shown at all"
            await asyncio.to_thread(stage.servers.postgres.stop)
            await asyncio.to_thread(shutil.rmtree, data)
            await asyncio.to_thread(behind.rename, data)
            await stage.servers.postgres.start()
            loop = asyncio.get_running_loop()
            back = loop.time()
            shown = await becomes(lambda: _shown(api, number), within)
            took = loop.time() - back
            proof = await stage.proof(api)
    told = seconds(took) if shown else f"not within {within:.0f} s"
    return Line(
        "a failover loses the commit of a code",
        "not recorded again for five minutes",
        f"recorded again after {told}; {proof}",
        "recorded again, like everything due, within 2 s and a poll",
        shown and took <= AT_ONCE + 1.0 and proof.holds,
        {"recorded_again_seconds": took if shown else None},
    )


async def _answers(api: Api) -> bool:
    return (await api.call("GET", "/v1/accounts/acme", seconds=2.0)).status == 200


async def _shown(api: Api, number: Number) -> bool:
    answer = await api.call("GET", f"/v1/activations/{number.id}", seconds=2.0)
    return answer.status == 200 and bool(answer.body["codes"])


async def _copy(source: Path, target: Path) -> None:
    """With owners and rights: the server refuses files that are not its user's."""
    process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
    try:
        async with asyncio.timeout(COPY_SECONDS):
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
