"""The faults of a run in simulated time: one row each, with what the contract promises after it.

Each row plans its fault and says what it excuses. All runs have the same kind of numbers besides:
some get an SMS at any time, many of them shortly before their deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

import asyncpg
from sqlalchemy import make_url

from tests.integration.lifecycle.world import SIM
from tests.simulation.timed.promises import (
    AT_ONCE,
    BACK,
    BETWEEN_LOOKS_S,
    Promised,
    Span,
)
from tests.simulation.timed.scene import Plan, Scene, accounts
from tests.simulation.timed.simulated_daemon import SimulatedDaemon
from tests.simulation.timed.simulated_line import TIMEOUT, LineState
from tests.simulation.timed.simulated_redis import RedisState
from tests.simulation.timed.standby import Standby
from worker.domain.backoff import ARQ_WORKER
from worker.ports.reporter import Operation

BEGINS: Final = 8.0  #: Seconds since the start, of each fault.
LASTS: Final = 14.0
LONG: Final = 40.0  #: Many numbers are handed over and end meanwhile.
OUTAGE: Final = 130.0
NOTICED: Final = 3.0  #: No code that arrives so long after a fault of Redis may be missed.
#: A process that alone cannot reach the provider knows it after some failures; then another looks.
TAKEN_OVER: Final = 4.0
FROZEN: Final = 10.0  #: Then others work on what a frozen process held.
SILENT_FOR_GOOD: Final = 12.0  #: What only an account that stays locked may wait for after it.
LOST: Final = 2.0  #: Seconds of commits that a failover loses.
NUMBERS: Final = 28
AT_THE_FAULT: Final = 6  #: Numbers more
TRIED: Final = 16
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedFault:
    plan: Callable[[Scene], Promised]
    daemons: int = 1
    host_ahead: timedelta = timedelta(0)
    lasts: float = LASTS
    #: Numbers without a code that are tried to be ended as it begins.
    ending_as_it_begins: int = 0
    loses: float = 0.0  #: Seconds from its begin on whose commits are lost, intake's too.


def drawn(rng: Random, fault: TimedFault) -> list[Plan]:
    """Numbers whose windows begin and end before, during and after the fault."""
    last = BEGINS + fault.lasts
    plans = []
    for _ in range(NUMBERS):
        window = float(rng.randrange(8, 24))
        code_after = rng.choice((None, rng.uniform(0.5, window), window - rng.uniform(1, 4)))
        handed_at = round(rng.uniform(1.0, last), 1)
        if BEGINS - 1.0 <= handed_at <= BEGINS + fault.loses:
            handed_at += fault.loses + 1.0
        plans.append(Plan(rng.choice(accounts()), handed_at, window, code_after))
    plans += [_at_the_fault(rng) for _ in range(AT_THE_FAULT)]
    for _ in range(fault.ending_as_it_begins):
        window = float(rng.randrange(3, 7))
        begins = round(BEGINS + rng.uniform(0.0, 0.6) - window, 1)
        plans.append(Plan(rng.choice(accounts()), begins, window, None))
    return plans


def _at_the_fault(rng: Random) -> Plan:
    """Its SMS arrives shortly before the fault or after it; its window ends later."""
    handed_at = round(BEGINS - rng.uniform(2.0, 6.0), 1)
    arrives = rng.uniform(-0.5, 1.5)
    return Plan(rng.choice(accounts()), handed_at, 16.0, BEGINS + arrives - handed_at)


def nothing(_: Scene) -> Promised:
    return Promised()


def provider_away(scene: Scene) -> Promised:
    return _provider_away(scene, BEGINS + LASTS)


def provider_away_for_minutes(scene: Scene) -> Promised:
    return _provider_away(scene, BEGINS + OUTAGE)


def _provider_away(scene: Scene, back: float) -> Promised:
    scene.at(BEGINS, lambda: _line(scene, LineState.AWAY))
    scene.at(back, lambda: _line(scene, LineState.WORKS))
    # Fifty numbers at a hundred requests a second: what fell due is worked off within a second.
    return Promised([Span(BEGINS, back + BACK + 1.0, provider_only=True)], returns_at=back)


def unreadable_answers(scene: Scene) -> Promised:
    """Every second one about the same number cannot be read."""
    scene.at(BEGINS, lambda: _line(scene, LineState.GARBLED))
    scene.at(BEGINS + LASTS, lambda: _line(scene, LineState.WORKS))
    return Promised(between_looks=2 * BETWEEN_LOOKS_S)


def some_looks_hang(scene: Scene) -> Promised:
    """Looks at some numbers that get no SMS; all others are looked at on time all the same."""

    def is_silent_about(ref: str, operation: Operation) -> bool:
        return operation is Operation.LOOK and _plan_of(scene, ref).code_after is None

    _silent_about(scene, is_silent_about)
    return Promised()


def some_cancels_hang(scene: Scene) -> Promised:
    """Those of some customers; the numbers of all others are ended at once all the same."""
    theirs = set(accounts()[:2])

    def is_silent_about(ref: str, operation: Operation) -> bool:
        return operation is Operation.CANCEL and _plan_of(scene, ref).account in theirs

    _silent_about(scene, is_silent_about)
    until = BEGINS + LASTS + 2 * TIMEOUT
    return Promised([Span(BEGINS, until, accounts=theirs, codes=False)])


def _plan_of(scene: Scene, ref: str) -> Plan:
    (handed,) = (each for each in scene.handed if each.ref == ref)
    return handed.plan


def _silent_about(scene: Scene, is_silent_about: Callable[[str, Operation], bool]) -> None:
    scene.line.is_silent_about = is_silent_about
    scene.at(BEGINS, lambda: _line(scene, LineState.SILENT))
    scene.at(BEGINS + LASTS, lambda: _line(scene, LineState.WORKS))


def redis_stopped(scene: Scene) -> Promised:
    return _redis(scene, RedisState.STOPPED)


def redis_stopped_for_long(scene: Scene) -> Promised:
    """One process looks, and the shop hands over at any."""
    return _redis(scene, RedisState.STOPPED, LONG)


def redis_refuses_writes(scene: Scene) -> Promised:
    return _redis(scene, RedisState.REFUSES_WRITES)


def redis_slow(scene: Scene) -> Promised:
    return _redis(scene, RedisState.SLOW)


def redis_fails_briefly(scene: Scene) -> Promised:
    """Too short to go on without it; what is handed over meanwhile is watched all the same."""
    spans = []
    for number in range(8):
        at = BEGINS + 1.7 * number
        scene.at(at, lambda: _redis_becomes(scene, RedisState.REFUSES_WRITES))
        scene.at(at + 0.8, lambda: _redis_becomes(scene, RedisState.WORKS))
        spans.append(Span(at, at + 0.8, endings=False))
    return Promised(spans)


def killed(scene: Scene) -> Promised:
    """One of two dies while its calls are under way."""
    dies_at = BEGINS + 0.9

    async def dies() -> None:
        await scene.kill(_busiest(scene))
        await _line(scene, LineState.WORKS)

    scene.at(BEGINS, lambda: _line(scene, LineState.SLOW))
    scene.at(dies_at, dies)
    return Promised([Span(BEGINS, dies_at + AT_ONCE)])


def killed_over_and_over(scene: Scene) -> Promised:
    """The only one dies every few seconds, and another is started a second later."""
    spans = []

    async def dies() -> None:
        await scene.kill(scene.daemons[-1])
        await scene.time.sleep(1.0)
        scene.start_daemon()

    for number in range(4):
        at = BEGINS + 4.3 * number
        scene.at(at, dies)
        spans.append(Span(at, at + 1.0 + AT_ONCE))
    return Promised(spans)


def leader_frozen(scene: Scene) -> Promised:
    """Without Redis the one that leads is frozen; it wakes later, and changes nothing."""

    async def freezes() -> None:
        _freeze(scene, _leader(scene))

    scene.at(BEGINS + LASTS, lambda: _thaw_all(scene))
    return _while_redis_is_stopped(scene, freezes, FROZEN)


def follower_frozen(scene: Scene) -> Promised:
    """With Redis one of two is frozen while its calls are under way."""
    slowed = BEGINS - 1.0

    async def freezes() -> None:
        _freeze(scene, _busiest(scene))
        await _line(scene, LineState.WORKS)

    scene.at(slowed, lambda: _line(scene, LineState.SLOW))
    scene.at(BEGINS, freezes)
    scene.at(BEGINS + LASTS, lambda: _thaw_all(scene))
    return Promised([Span(slowed, BEGINS + FROZEN)])


def one_cannot_reach_the_provider(scene: Scene) -> Promised:
    """One of two; the other one looks and ends as if it were alone."""

    async def is_cut() -> None:
        _cut(scene, _busiest(scene))

    scene.at(BEGINS, is_cut)
    scene.at(BEGINS + LONG, lambda: _mend_all(scene))
    return Promised([Span(BEGINS, BEGINS + TAKEN_OVER)])


def leader_cannot_reach_the_provider(scene: Scene) -> Promised:
    """The same without Redis, where the one that leads does all."""

    async def is_cut() -> None:
        _cut(scene, _leader(scene))

    scene.at(BEGINS + LASTS, lambda: _mend_all(scene))
    return _while_redis_is_stopped(scene, is_cut, TAKEN_OVER)


def _while_redis_is_stopped(
    scene: Scene, befalls: Callable[[], Awaitable[None]], over_in: float
) -> Promised:
    """*befalls* the one that leads, once Redis is missed; it is over in so many seconds."""
    at = BEGINS + 4.0
    scene.at(BEGINS, lambda: _redis_becomes(scene, RedisState.STOPPED))
    scene.at(at, befalls)
    scene.at(BEGINS + LASTS + 5, lambda: _redis_works(scene))
    return Promised([Span(BEGINS, BEGINS + NOTICED, endings=False), Span(at, at + over_in)])


def account_locked(scene: Scene) -> Promised:
    """One customer's balance row is locked by somebody else."""
    locked = accounts()[0]

    async def holds() -> None:
        connection = await asyncpg.connect(scene.url)
        try:
            async with connection.transaction():
                await connection.execute(
                    "SELECT FROM balance WHERE account = $1 FOR UPDATE", locked
                )
                await scene.time.sleep(LASTS)
        finally:
            await connection.close()

    scene.at(BEGINS, holds)
    until = BEGINS + LASTS + SILENT_FOR_GOOD
    return Promised([Span(BEGINS, until, accounts={locked}, codes=False)])


def descriptors_gone(scene: Scene) -> Promised:
    """No process can open a connection any more; those that are open work."""
    scene.at(BEGINS, lambda: _descriptors(scene, free=False))
    scene.at(BEGINS + LASTS, lambda: _descriptors(scene, free=True))
    return Promised()


def failover(scene: Scene) -> Promised:
    """The standby that takes over has not heard of the commits of the last two seconds."""
    standby = Standby(scene, str(make_url(scene.url).database))
    scene.at(BEGINS, standby.copies)
    scene.at(BEGINS + LOST, standby.takes_over)
    return Promised([Span(BEGINS, BEGINS + LOST + AT_ONCE)])


def _redis(scene: Scene, state: RedisState, lasts: float = LASTS) -> Promised:
    scene.at(BEGINS, lambda: _redis_becomes(scene, state))
    scene.at(BEGINS + lasts, lambda: _redis_works(scene))
    return Promised([Span(BEGINS, BEGINS + NOTICED, endings=False)])


async def _redis_becomes(scene: Scene, state: RedisState) -> None:
    scene.note(f"Redis {state.value}")
    if state is RedisState.STOPPED:
        scene.redis.stop()
    scene.redis.state = state


async def _redis_works(scene: Scene) -> None:
    await _redis_becomes(scene, RedisState.WORKS)
    scene.redis_works_again(scene.rng.uniform(0.2, ARQ_WORKER.longest.total_seconds()))


async def _line(scene: Scene, state: LineState) -> None:
    scene.note(f"the provider {state.value}")
    scene.line.state = state


def _busiest(scene: Scene) -> SimulatedDaemon:
    """Whoever ends numbers: it is to hold some."""
    return max(
        (daemon for daemon in scene.daemons if daemon.takes_jobs),
        key=lambda daemon: daemon.worker.ticks.silent_for("expire", SIM) == timedelta(0),
    )


def _leader(scene: Scene) -> SimulatedDaemon:
    """Whoever told so last."""
    (leader,) = (each for each in scene.daemons if each.reporter.of("leader")[-1][1])
    return leader


def _freeze(scene: Scene, daemon: SimulatedDaemon) -> None:
    scene.note(f"{daemon.name} freezes")
    daemon.gate.freeze()


def _cut(scene: Scene, daemon: SimulatedDaemon) -> None:
    scene.note(f"{daemon.name} cannot reach the provider")
    daemon.is_cut = True


async def _mend_all(scene: Scene) -> None:
    scene.note("all reach the provider")
    for daemon in scene.daemons:
        daemon.is_cut = False


async def _thaw_all(scene: Scene) -> None:
    scene.note("all thaw")
    for daemon in scene.daemons:
        daemon.gate.thaw()


async def _descriptors(scene: Scene, *, free: bool) -> None:
    scene.note(f"descriptors free: {free}")
    for daemon in scene.daemons:
        daemon.has_descriptors = free
    await asyncio.sleep(0)


FAULTS: Final[Mapping[str, TimedFault]] = {
    "nothing": TimedFault(plan=nothing),
    "provider away": TimedFault(plan=provider_away, ending_as_it_begins=TRIED),
    "provider away for minutes": TimedFault(
        plan=provider_away_for_minutes, lasts=OUTAGE, ending_as_it_begins=TRIED
    ),
    "unreadable answers": TimedFault(plan=unreadable_answers),
    "some looks hang": TimedFault(plan=some_looks_hang),
    "some cancels hang": TimedFault(plan=some_cancels_hang, ending_as_it_begins=TRIED),
    "redis stopped": TimedFault(plan=redis_stopped),
    "redis stopped for two": TimedFault(plan=redis_stopped_for_long, daemons=2, lasts=LONG),
    "redis refuses writes": TimedFault(plan=redis_refuses_writes),
    "redis slow": TimedFault(plan=redis_slow),
    "redis fails briefly": TimedFault(plan=redis_fails_briefly),
    "killed": TimedFault(plan=killed, daemons=2, ending_as_it_begins=TRIED),
    "killed over and over": TimedFault(plan=killed_over_and_over),
    "leader frozen without redis": TimedFault(plan=leader_frozen, daemons=2),
    "frozen": TimedFault(plan=follower_frozen, daemons=2),
    "one cannot reach the provider": TimedFault(
        plan=one_cannot_reach_the_provider, daemons=2, ending_as_it_begins=TRIED, lasts=LONG
    ),
    "leader cannot reach the provider": TimedFault(
        plan=leader_cannot_reach_the_provider, daemons=2
    ),
    "account locked": TimedFault(plan=account_locked),
    "no descriptors": TimedFault(plan=descriptors_gone),
    "clock an hour ahead": TimedFault(plan=nothing, host_ahead=HOUR),
    "clock an hour behind": TimedFault(plan=nothing, host_ahead=-HOUR),
    "failover": TimedFault(plan=failover, loses=LOST),
}
