"""The password of the daemon's role changes while it runs: it stays up, and goes on when mended."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.acceptance.world import Process
from tests.chaos.api import Api, api_of
from tests.chaos.codes import Silence, check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import Number, Scale, Stage, books_of, hand_over, rent, settled, staged

ROLE, PASSWORD = "shop", "first-password"
OTHER = "second-password"
LEAD, LASTING, LEFT = 4.0, 15.0, 4.0
COUNT = 10
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"


async def measure(_: Scale) -> list[Line]:
    async with staged("password") as (stage, _set), stage.database() as session:
        await _make_role(session)
        url = stage.servers.database_url
        own = url.replace(urlsplit(url).netloc, f"{ROLE}:{PASSWORD}@", 1)
        daemon = await stage.start_daemon(environment={"AW_DATABASE__URL": own})
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            codes, refunds = await _numbers(stage, api)
            await asyncio.sleep(LEAD)
            changed_at = datetime.now(UTC)
            await _set_password(session, OTHER)
            await session.fetch(END_SESSIONS, ROLE)
            await asyncio.sleep(LASTING)
            readyz = (await api.probe("/readyz")).status
            await _set_password(session, PASSWORD)
            mended_at = datetime.now(UTC)
            ended = daemon.popen.poll()
            if ended is not None:
                return [_line(f"the process ended with {ended}{_last(daemon)}", met=False)]
            await settled(api, ["acme"], 60.0)
            again = (await api.probe("/readyz")).status
            away = [Silence(changed_at, mended_at)]
            views = await api.views("acme")
            check = check_codes(codes, views, await books_of(stage.sim), silences=away)
            of_refunds = [views[number.id] for number in refunds]
            late = lateness(of_refunds, "refunded", silences=away)[-1]
            proof = await stage.proof(api)
    good = not check.lost and late <= AT_ONCE and (readyz, again) == (503, 200) and proof.holds
    now = (
        f"stays up, readyz {readyz} meanwhile and {again} after it;"
        f" {len(check.lost)} of {check.owed} codes lost,"
        f" refunds up to {seconds(late)} late after it was mended; {proof}"
    )
    return [_line(now, met=good, late=late)]


def _line(now: str, *, met: bool, late: float | None = None) -> Line:
    return Line(
        "the role's password changes under a running daemon",
        "the gauges loop raises, the process ends, on every host at once",
        now,
        "it says so, stays up, and goes on by itself (2 s) when it is mended",
        met,
        {"refund_late_seconds": late},
    )


def _last(daemon: Process) -> str:
    lines = daemon.log.read_text(errors="replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""


async def _make_role(session: asyncpg.Connection) -> None:
    """A login role with a password, as one that was granted the group role."""
    await session.execute(
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}' IN ROLE activation_worker"
    )
    file = Path(await session.fetchval("SHOW hba_file"))
    rules = await asyncio.to_thread(file.read_text)
    rule = f"local all {ROLE} scram-sha-256\n"
    await asyncio.to_thread(file.write_text, rule + rules)
    await session.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)  # The server reads its file again when it gets to it.


async def _set_password(session: asyncpg.Connection, password: str) -> None:
    await session.execute(f"ALTER ROLE {ROLE} PASSWORD '{password}'")


async def _numbers(stage: Stage, api: Api) -> tuple[list[Number], list[Number]]:
    """SMS and deadlines from before the change until after it is mended."""
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(COUNT):
        after = LEAD + (LASTING + 4.0) * number / COUNT
        window = round(LEAD + LASTING + LEFT + number)
        codes += await rent(stage.sim, "acme", 1, f"code-arrives:{after:.2f}", window)
        refunds += await rent(stage.sim, "acme", 1, "timeout", round(after + 1))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:COUNT], taken[COUNT:]
