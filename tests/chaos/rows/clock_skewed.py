"""The clock of the daemon's host is an hour wrong: nothing is lost, and it is told."""

from pathlib import Path

from tests.chaos.api import Api, api_of
from tests.chaos.codes import CodeCheck, check_codes, lateness
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    Scale,
    Stage,
    books_of,
    hand_over,
    rent,
    settled,
    staged,
)

OFFSET = 3600
SKEWED = Path(__file__).parents[1] / "skewed"
COUNT = 15
LEAD, LEFT = 3.0, 3.0
SPACING = 0.4
#: What a line of the log or of `doctor` must hold to tell of it.
TELLING = "clock"


async def measure(_: Scale) -> list[Line]:
    return [await _skewed(OFFSET, "ahead"), await _skewed(-OFFSET, "behind")]


async def _skewed(offset: int, way: str) -> Line:
    environment = {"PYTHONPATH": str(SKEWED), "CHAOS_CLOCK_OFFSET_SECONDS": str(offset)}
    async with staged("skewed") as (stage, _):
        daemon = await stage.start_daemon(environment=environment)
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            codes, refunds = await _numbers(stage, api)
            await settled(api, ["acme"], 45.0)
            views = await api.views("acme")
            check = check_codes(codes, views, await books_of(stage.sim))
            late = lateness([views[number.id] for number in refunds], "refunded")[-1]
            early = lateness([views[number.id] for number in refunds], "refunded")[0]
            logged = _told_in(daemon.log.read_text(errors="replace"), offset)
            _, printed = await stage.command("doctor", environment=environment)
            proof = await stage.proof(api)
    shown = _told_in(printed, offset)
    return Line(
        f"daemon's clock one hour {way}",
        "15 of 15 codes lost, nothing logged (ahead)",
        f"{_codes(check)}; refunds {seconds(early)} to {seconds(late)} late;"
        f" {'logged' if logged else 'NOT logged'},"
        f" {'shown' if shown else 'NOT shown'} by doctor; {proof}",
        "nothing is lost or late; it is logged and shown by `doctor`",
        not check.lost and late <= AT_ONCE and logged and shown and proof.holds,
        {
            "lost": len(check.lost),
            "owed": check.owed,
            "refund_late_seconds": late,
            "logged": logged,
            "doctor": shown,
        },
    )


def _codes(check: CodeCheck) -> str:
    return f"{len(check.lost)} of {check.owed} codes lost"


async def _numbers(stage: Stage, api: Api) -> tuple[list[Number], list[Number]]:
    codes: list[dict[str, str]] = []
    refunds: list[dict[str, str]] = []
    for number in range(COUNT):
        after = LEAD + number * SPACING
        codes += await rent(
            stage.sim, "acme", 1, f"code-arrives:{after:.2f}", round(after + LEFT + 0.5)
        )
        refunds += await rent(stage.sim, "acme", 1, "timeout", round(after + LEFT))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:COUNT], taken[COUNT:]


def _told_in(text: str, offset: int) -> bool:
    """Whether a line tells of a clock and by how much it is wrong."""
    amounts = (str(abs(offset)), f"{abs(offset):,}", str(abs(offset) - 1), "1:00:00", "0:59:59")
    return any(
        TELLING in line.lower() and any(amount in line for amount in amounts)
        for line in text.splitlines()
    )
