"""Redis is stopped, killed, full, read-only or slow: codes go on, and the daemon says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis.asyncio

from tests.chaos.api import Api, api_of
from tests.chaos.codes import CodeCheck, Silence, check_codes, lateness
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

PROMISED_AFTER = 3.0  #: Seconds after the fault from which on no code is missed.
SLOW_SECONDS = 1.5
WITH_CODE = 20  #: Numbers handed over before the fault whose SMS comes during it.
DURING = 10  #: Numbers handed over during the fault, with an SMS.
AFTER = 5  #: Numbers handed over before, whose SMS comes when Redis is back.
LEFT = 3.0  #: Seconds between an SMS and the deadline: a poll, "at once", and no more.
LEAD = 4.0  #: Seconds from the first rental until the fault begins.
DEAD_PRIMARY = ("127.0.0.1", 1)

Fault = Callable[[Stage, Callable[[float], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    before: str
    begin: Fault
    heal: Fault


@dataclass(frozen=True, slots=True)
class Result:
    before: CodeCheck  #: Of numbers handed over before the fault.
    during: CodeCheck
    back: CodeCheck
    intake_seconds: float
    refund_late: float
    readyz: str  #: What `/readyz?verbose` says of Redis while it is away.
    dependency_up: float | None
    proof: Proof

    @property
    def said(self) -> bool:
        return self.dependency_up == 0 and self.readyz != "ok"


async def measure(scale: Scale) -> list[Line]:
    return [await measure_kind(kind, scale) for kind in KINDS]


async def measure_kind(kind: Kind, scale: Scale) -> Line:
    return _line(kind, await _one(kind, scale.pick(20.0, 12.0)))


def _line(kind: Kind, result: Result) -> Line:
    checks = {"before": result.before, "during": result.during, "back": result.back}
    lost = {name: len(check.lost) for name, check in checks.items()}
    now = (
        f"codes lost: {lost['before']} of {result.before.owed} handed over before,"
        f" {lost['during']} of {result.during.owed} during,"
        f" {lost['back']} of {result.back.owed} when it is back"
        f" (and {result.before.not_owed_lost} in the first {PROMISED_AFTER:.0f} s);"
        f" intake {seconds(result.intake_seconds)}, refunds {seconds(result.refund_late)} late;"
        f" readyz says {result.readyz}, dependency_up {_shown(result.dependency_up)};"
        f" {result.proof}"
    )
    promise = (
        "no code lost that comes 3 s after the fault or later; intake, refunds at once; it is told"
    )
    met = (
        not any(lost.values())
        and result.intake_seconds <= AT_ONCE
        and result.refund_late <= AT_ONCE
        and result.said
        and result.proof.holds
    )
    figures: dict[str, float | int | str | bool | None] = {
        **{f"lost_{name}": count for name, count in lost.items()},
        **{f"owed_{name}": check.owed for name, check in checks.items()},
        "intake_seconds": result.intake_seconds,
        "refund_late_seconds": result.refund_late,
        "dependency_up": result.dependency_up,
        "readyz": result.readyz,
    }
    return Line(f"Redis {kind.name}", kind.before, now, promise, met, figures)


def _shown(value: float | None) -> str:
    return "is not there" if value is None else f"{value:.0f}"


async def _one(kind: Kind, lasting: float) -> Result:
    slow = kind.begin is _slow
    async with staged("redis", redis_delay=slow) as (stage, set_delay):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            began, numbers = await _numbers(stage, api, lasting)
            await sleep_until(began)
            await kind.begin(stage, set_delay)
            began = datetime.now(UTC)
            healed = began + timedelta(seconds=lasting)
            during, intake = await _hand_over_during(stage, api)
            await sleep_until(began + timedelta(seconds=PROMISED_AFTER + 2))
            readyz, up = await _told(api)
            await sleep_until(healed)
            await kind.heal(stage, set_delay)
            back = await _hand_over_when_back(stage, api)
            await settled(api, ["acme"], 30.0)
            views = await api.views("acme")
            books = await books_of(stage.sim)
            away = [Silence(began, began + timedelta(seconds=PROMISED_AFTER))]
            refunds = [views[number.id] for number in numbers["refunds"]]
            return Result(
                check_codes(numbers["codes"], views, books, silences=away),
                check_codes(during, views, books, silences=away),
                check_codes(back, views, books),
                intake,
                lateness(refunds, "refunded")[-1],
                readyz,
                up,
                await stage.proof(api),
            )


async def _numbers(
    stage: Stage, api: Api, lasting: float
) -> tuple[datetime, dict[str, list[Number]]]:
    """When the fault is to begin, and numbers whose SMS and deadlines lie within it."""
    began = datetime.now(UTC) + timedelta(seconds=LEAD)
    codes: list[dict[str, str]] = []
    for number in range(WITH_CODE):
        share = number / WITH_CODE
        after = LEAD + 1.0 + (lasting - 1.0 - LEFT) * share
        codes += await rent(
            stage.sim, "acme", 1, f"code-arrives:{after:.2f}", round(after + LEFT + 0.5)
        )
    window = round(LEAD + PROMISED_AFTER + 2)
    refunds = await rent(stage.sim, "acme", 10, "timeout", window)
    taken = await hand_over(api, [*codes, *refunds])
    return began, {"codes": taken[:WITH_CODE], "refunds": taken[WITH_CODE:]}


async def _hand_over_during(stage: Stage, api: Api) -> tuple[list[Number], float]:
    await asyncio.sleep(1.0)  # Redis is away, and no call has had to notice it yet.
    items = []
    for number in range(DURING):
        after = PROMISED_AFTER + 1.0 + number * 0.3
        items += await rent(
            stage.sim, "acme", 1, f"code-arrives:{after:.2f}", round(after + LEFT + 0.5)
        )
    loop = asyncio.get_running_loop()
    began = loop.time()
    taken = await hand_over(api, items)
    return taken, loop.time() - began


async def _hand_over_when_back(stage: Stage, api: Api) -> list[Number]:
    items = []
    for number in range(AFTER):
        after = 3.0 + number
        items += await rent(stage.sim, "acme", 1, f"code-arrives:{after}", round(after + LEFT))
    return await hand_over(api, items)


async def _told(api: Api) -> tuple[str, float | None]:
    ready = await api.probe("/readyz?verbose")
    checks: Sequence[Mapping[str, object]] = ready.body.get("checks", [])
    redis_check = next((each for each in checks if each["name"] == "redis"), {})
    away = redis_check.get("ok") is False or bool(redis_check.get("detail"))
    said = str(redis_check.get("detail") or "not ok") if away else "ok"
    return said, await api.metric("dependency_up", dependency="redis")


@asynccontextmanager
async def _client(stage: Stage) -> AsyncIterator[redis.asyncio.Redis]:
    client = redis.asyncio.Redis.from_url(stage.servers.redis_url)
    try:
        yield client
    finally:
        await client.aclose()


async def _stopped(stage: Stage, _: Callable[[float], None]) -> None:
    await asyncio.to_thread(stage.servers.valkey.stop)


async def _killed(stage: Stage, _: Callable[[float], None]) -> None:
    await asyncio.to_thread(stage.servers.valkey.kill)


async def _started(stage: Stage, _: Callable[[float], None]) -> None:
    await stage.servers.valkey.start()


async def _full(stage: Stage, _: Callable[[float], None]) -> None:
    async with _client(stage) as client:
        await client.config_set("maxmemory", "1")


async def _not_full(stage: Stage, _: Callable[[float], None]) -> None:
    async with _client(stage) as client:
        await client.config_set("maxmemory", "0")


async def _read_only(stage: Stage, _: Callable[[float], None]) -> None:
    async with _client(stage) as client:
        await client.replicaof(*DEAD_PRIMARY)


async def _primary(stage: Stage, _: Callable[[float], None]) -> None:
    async with _client(stage) as client:
        await client.replicaof("NO", "ONE")


async def _slow(_: Stage, set_delay: Callable[[float], None]) -> None:
    set_delay(SLOW_SECONDS)


async def _quick(_: Stage, set_delay: Callable[[float], None]) -> None:
    set_delay(0.0)


KINDS = (
    Kind("stopped", "8 s until watching goes on: 20 of 20 codes of those lost", _stopped, _started),
    Kind("killed (SIGKILL)", "the same", _killed, _started),
    Kind("full (maxmemory, noeviction)", "0 of 20 codes shown, /readyz green", _full, _not_full),
    Kind("read-only", "0 of 20 codes shown, /readyz green", _read_only, _primary),
    Kind(f"slow ({SLOW_SECONDS} s a command)", "0 of 60 codes shown", _slow, _quick),
)
