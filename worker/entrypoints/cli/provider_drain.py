"""`provider drain` and `provider resume`: take no new rentals at a provider, or take them again."""

from collections import Counter

from worker.entrypoints.cli.output import money, say, short
from worker.entrypoints.cli.provider_report import ProviderSession
from worker.ports.store.purchases import ProviderReport


async def drain(session: ProviderSession, *, at_once: bool) -> None:
    await session.report()
    since = await session.draining.begin(session.name)
    say(f"{session.name}: no new rentals since {short(since)}")
    if at_once:
        await _end_now(session)
    _say_unsettled(session.name, await session.report())


async def resume(session: ProviderSession) -> None:
    await session.report()
    was_drained = await session.draining.stop(session.name)
    says = "takes rentals again" if was_drained else "was not drained"
    say(f"{session.name}: {says}")


async def _end_now(session: ProviderSession) -> None:
    ended: Counter[str] = Counter()
    async for settled in session.draining.now(session.name):
        ended.update(number.outcome.value for number in settled)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
        say(f"{session.name}: {counts}")
    if not ended:
        say(f"{session.name}: nothing waits")


def _say_unsettled(name: str, report: ProviderReport) -> None:
    if report.last_deadline_at is None:
        say(f"{name}: every customer is settled")
    else:
        states = ", ".join(f"{count} {state}" for state, count in report.live.items())
        last = short(report.last_deadline_at)
        say(f"{name}: not settled yet: {states}; the last deadline is {last}")
    for (state, currency), minor in report.exposure_minor.items():
        if state != "resolved":
            say(f"{name}: exposure, {state}: {money(minor, currency)}")
