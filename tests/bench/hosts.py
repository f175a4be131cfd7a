"""`python -m tests.bench.hosts`: daemons on one, two and four hosts, and one of them cut off.

Hosts are network namespaces, with the servers and the provider beside them, all on the same cores:
more hosts cannot end more here than the cores allow, but must not end fewer. Then the host whose
daemon looks is cut off while codes come and deadlines pass, and joins again.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.two_providers import simulated
from tests.acceptance.world import PROVIDER, Process, World, until
from tests.bench.namespaces import SERVERS, Host, hosts, listening, servers, why_not
from tests.chaos.api import Api, api_of
from tests.chaos.codes import CodeCheck, Silence, check_codes, lateness
from tests.chaos.stage import (
    PRICE,
    Number,
    Stage,
    becomes,
    books_of,
    hand_over,
    hand_over_new,
    rent,
    settled,
)
from worker.adapters.store.migrate import upgrade

STATE = Path(__file__).parents[2] / ".state" / "bench"
ACCOUNT = "acme"
WINDOW = 15  #: Of the numbers whose ending is measured.
TAKE_OVER_WITHIN = 10.0  #: Promised of a host that vanishes.
AT_ONCE = 2.0  #: Promised of all that is not waited for.
CUT_OFF_FOR = 25.0
AWAKE = 10.0  #: Seconds that the one cut off has to do harm when it is back.
LEFT = 5.0  #: Seconds between an SMS and its deadline.
EACH = 30  #: Codes, and refunds, while it is cut off.


@dataclass(frozen=True)
class Ended:
    """So many ended by so many hosts, and what each number took of the servers."""

    hosts: int
    numbers: int
    seconds: float  #: From the first to the last credit.
    connections: int  #: At the database, of all daemons.
    daemon_mib: float  #: Of one, resident.
    wal_bytes: float  #: Of a number's whole life.
    stored_bytes: float  #: What is left of it, with its indexes.

    @property
    def per_second(self) -> float:
        return self.numbers / self.seconds


@dataclass(frozen=True)
class CutOff:
    codes_owed: int
    codes_lost: int
    refund_late_seconds: float  #: Beyond the take-over that is promised.
    calls_after_end: float  #: About numbers that have ended at the provider, for each.
    ready_again_seconds: float | None
    audit: str

    @property
    def holds(self) -> bool:
        kept = not self.codes_lost and self.refund_late_seconds <= AT_ONCE
        return kept and self.ready_again_seconds is not None and self.audit == "audit clean"


@dataclass
class HostStage(Stage):
    """A stage whose daemons run on hosts of their own."""

    async def start_on(self, host: Host) -> Process:
        log = self.world.home / f"{host.name}.log"
        command = [sys.executable, "-m", "worker", "run"]
        daemon = host.spawn(command, log, {**self.world.environment(), **listening(host)})
        self.world.daemons.append(daemon)
        await until(lambda: daemon.line("activation-worker: ready") is not None, daemon)
        return daemon


@asynccontextmanager
async def staged_on_hosts(count: int) -> AsyncIterator[tuple[HostStage, list[Host]]]:
    STATE.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aw-hosts-")))
        await asyncio.to_thread(home.chmod, 0o711)  # PostgreSQL's own user must get in.
        made = await stack.enter_async_context(hosts(count))
        running = await stack.enter_async_context(servers(home))
        await upgrade(running.database_url)
        options = ["--listen", f"{SERVERS}:0", "--allow-remote", "--lifetime", "3000"]
        provider = await stack.enter_async_context(simulated(home, *options))
        base = f"AW_PROVIDERS__{PROVIDER.upper()}__"
        settings = {
            f"{base}REQUESTS_PER_SECOND": "10000",
            "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
        }
        world = World(
            running.database_url, running.redis_url, home, provider.url, provider.control, settings
        )
        stack.callback(world.end_all)
        named = type(provider)(PROVIDER, provider.url, provider.control)
        yield HostStage(world, running, {PROVIDER: named}), made


async def end_on(count: int, numbers: int) -> Ended:
    """Let them all fall due while the provider is away; it comes back to all hosts at once."""
    async with staged_on_hosts(count) as (stage, made):
        daemons = [await stage.start_on(host) for host in made]
        async with api_of(daemons[0]) as api, stage.database() as database:
            await stage.open_account(api, ACCOUNT)
            wal, stored = await _wal(database), await _stored(database)
            await hand_over_new(api, stage.sim, ACCOUNT, numbers, "timeout", WINDOW)
            await stage.sim.fault("unavailable", WINDOW + 5)
            found = await stage.world.all_final(150)
            resident = _resident_mib(daemons[0].popen.pid)
            credits_at = sorted(each.settlement.at for each in found)
            return Ended(
                hosts=count,
                numbers=numbers,
                seconds=(credits_at[-1] - credits_at[0]).total_seconds(),
                connections=await database.fetchval(CONNECTIONS),
                daemon_mib=resident,
                wal_bytes=(await _wal(database) - wal) / numbers,
                stored_bytes=(await _stored(database) - stored) / numbers,
            )


CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'activation-worker'"


async def _wal(database: Any) -> int:
    return int(await database.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


async def _stored(database: Any) -> int:
    return int(await database.fetchval("SELECT pg_database_size(current_database())"))


def _resident_mib(pid: int) -> float:
    process = psutil.Process(pid)
    return max(each.memory_info().rss for each in (process, *process.children(recursive=True))) / (
        1 << 20
    )


async def cut_off(count: int) -> CutOff:
    """Pull the cable of the host that looks, for longer than anybody waits; then put it back."""
    async with staged_on_hosts(count) as (stage, made), AsyncExitStack() as stack:
        daemons = [await stage.start_on(host) for host in made]
        apis = [await stack.enter_async_context(api_of(daemon)) for daemon in daemons]
        await stage.open_account(apis[0], ACCOUNT)
        await hand_over_new(apis[0], stage.sim, ACCOUNT, EACH, "timeout", 600)
        leader = await _leader(apis)
        api = apis[(leader + 1) % count]
        codes, refunds = await _numbers(stage, api)
        began = datetime.now(UTC)
        made[leader].cut_off()
        try:
            await asyncio.sleep(CUT_OFF_FOR)
        finally:
            made[leader].join()
        ready = await _ready(apis[leader])
        await asyncio.sleep(AWAKE)
        await _cancel_the_rest(stage, api)
        views, books = await api.views(ACCOUNT), await books_of(stage.sim)
        silence = [Silence(began, began + timedelta(seconds=TAKE_OVER_WITHIN))]
        check: CodeCheck = check_codes(codes, views, books, silences=silence)
        of_refunds = [views[number.id] for number in refunds]
        after_end = sum(int(books[number.ref]["calls_after_end"]) for number in refunds)
        return CutOff(
            codes_owed=check.owed,
            codes_lost=len(check.lost),
            refund_late_seconds=lateness(of_refunds, "refunded", silences=silence)[-1],
            calls_after_end=after_end / len(refunds),
            ready_again_seconds=ready,
            audit=str(await stage.proof(api)),
        )


async def _leader(apis: Sequence[Api]) -> int:
    """The one that looks most, within two seconds."""
    before = [await api.metric("looks_total") or 0.0 for api in apis]
    await asyncio.sleep(2.0)
    after = [await api.metric("looks_total") or 0.0 for api in apis]
    looks = [late - early for early, late in zip(before, after, strict=True)]
    return looks.index(max(looks))


async def _numbers(stage: Stage, api: Api) -> tuple[list[Number], list[Number]]:
    """Codes and deadlines spread over the time in which the host is cut off."""
    codes: list[dict[str, Any]] = []
    refunds: list[dict[str, Any]] = []
    for number in range(EACH):
        after = 2.0 + (CUT_OFF_FOR - LEFT - 2.0) * number / EACH
        behaviour, window = f"code-arrives:{after:.2f}", round(after + LEFT)
        codes += await rent(stage.sim, ACCOUNT, 1, behaviour, window)
        refunds += await rent(stage.sim, ACCOUNT, 1, "timeout", round(after + 1))
    taken = await hand_over(api, [*codes, *refunds])
    return taken[:EACH], taken[EACH:]


async def _ready(api: Api) -> float | None:
    """Seconds until the one that was cut off is ready by itself."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def is_ready() -> bool:
        return (await api.probe("/readyz", fresh=True)).status == 200

    return loop.time() - began if await becomes(is_ready, 60.0) else None


async def _cancel_the_rest(stage: Stage, api: Api) -> None:
    for id_, view in (await api.views(ACCOUNT)).items():
        if view["state"] == "waiting":
            await api.call("POST", f"/v1/activations/{id_}/cancel")
    assert await settled(api, [ACCOUNT], 60.0), "something is still held"
    kept = [v for v in (await api.views(ACCOUNT)).values() if v["state"] == "delivered"]
    charged = [row for row in (await books_of(stage.sim)).values() if row["net_minor"] > 0]
    assert len(charged) == len(kept), f"{len(charged)} charged, {len(kept)} delivered"
    assert all(view["price_minor"] == PRICE for view in kept)


async def run(numbers: int, counts: Sequence[int]) -> Mapping[str, Any]:
    rows: list[Ended] = []
    for count in counts:
        rows.append(ended := await end_on(count, numbers))
        tell(
            f"{count} hosts: {ended.per_second:,.0f} ended a second,"
            f" {ended.per_second / rows[0].per_second:.2f} of one;"
            f" {ended.connections} connections, a daemon {ended.daemon_mib:.0f} MiB;"
            f" of a life {ended.wal_bytes:,.0f} bytes of WAL, {ended.stored_bytes:,.0f} kept"
        )
    lost = await cut_off(max(counts))
    tell(
        f"one of {max(counts)} cut off for {CUT_OFF_FOR:.0f} s: {lost.codes_lost} of"
        f" {lost.codes_owed} codes lost; refunds up to {lost.refund_late_seconds:.1f} s late beyond"
        f" {TAKE_OVER_WITHIN:.0f} s; {lost.calls_after_end:.2f} calls a number after its end;"
        f" ready again after {lost.ready_again_seconds} s; {lost.audit}"
    )
    ratios = {str(each.hosts): each.per_second / rows[0].per_second for each in rows}
    return {
        "ended": [asdict(each) for each in rows],
        "ratios": ratios,
        "cut_off": asdict(lost),
        "holds": lost.holds,
    }


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hosts", description=__doc__)
    parser.add_argument("--numbers", type=int, default=4_000, help="that end (%(default)s)")
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4], metavar="N")
    options = parser.parse_args()
    reason = why_not()
    if reason is not None:
        tell(f"no hosts are made here: {reason}")
        return
    found = asyncio.run(run(options.numbers, options.hosts))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(not found["holds"])


if __name__ == "__main__":
    main()
