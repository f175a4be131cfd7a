"""One provider of the open worker, for the `provider` commands: its report and `drain --now`."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from worker.bootstrap import Worker, open_worker
from worker.domain.ids import ProviderName, ProviderRef
from worker.entrypoints.cli import output as out
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.http.responses import instant
from worker.ports.provider import Balance
from worker.ports.store.purchases import Dispute, ProviderReport, PurchaseStore

DEFAULT_CURRENCY: Final = "USD"  #: Of a provider that is not configured any more.


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """The open worker and the provider that the command names."""

    worker: Worker
    name: ProviderName

    @property
    def purchases(self) -> PurchaseStore:
        return self.worker.parts.store.purchases

    @property
    def currency(self) -> str:
        terms = self.worker.parts.terms.get(self.name)
        return DEFAULT_CURRENCY if terms is None else terms.currency

    @property
    def exposure_limit_minor(self) -> int:
        terms = self.worker.parts.terms.get(self.name)
        return 0 if terms is None else terms.exposure_limit_minor

    async def report(self) -> ProviderReport:
        """Raises `Failure` for a name that no provider ever had."""
        report = await self.purchases.provider_report(self.name, self.currency)
        if not report.known and self.name not in self.worker.parts.providers:
            near = did_you_mean(self.name, self.worker.parts.providers)
            hint = "activation-worker check-config --show-effective"
            raise Failure(Exit.USAGE, f"there is no provider {self.name}{near}", hint=hint)
        return report


def with_session(
    config: Path | None, name: str, work: Callable[[ProviderSession], Awaitable[None]]
) -> None:
    settings = configured(config).settings

    async def run() -> None:
        async with open_worker(settings) as worker:
            await work(ProviderSession(worker, ProviderName(name)))

    asyncio.run(run())


async def start_drain(session: ProviderSession, *, at_once: bool) -> None:
    await session.report()
    since = await session.worker.drain.begin(session.name)
    out.say(f"{session.name}: no new rentals since {out.short(since)}")
    if at_once:
        await _end_now(session)
    _say_unsettled(session.name, await session.report())


async def _end_now(session: ProviderSession) -> None:
    ended: Counter[str] = Counter()
    async for settled in session.worker.drain.now(session.name):
        ended.update(number.outcome.value for number in settled)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
        out.say(f"{session.name}: {counts}")
    if not ended:
        out.say(f"{session.name}: nothing waits")


def _say_unsettled(name: str, report: ProviderReport) -> None:
    if report.last_deadline_at is None:
        out.say(f"{name}: every customer is settled")
    else:
        states = ", ".join(f"{count} {state}" for state, count in report.live.items())
        last = out.short(report.last_deadline_at)
        out.say(f"{name}: not settled yet: {states}; the last deadline is {last}")
    for (state, currency), minor in report.exposure_minor.items():
        if state != "resolved":
            out.say(f"{name}: exposure, {state}: {out.money(minor, currency)}")


async def write_report(session: ProviderSession, output: out.Format) -> Exit:
    report = await session.report()
    balance, unknown = await _ask(session)
    document = _document(session.name, report, balance, unknown)
    if output is out.Format.TEXT:
        _write_text(document, session.currency)
    else:
        out.write_json(document, indent=output is out.Format.JSON)
    configured = session.name in session.worker.parts.providers
    return Exit.UNREACHABLE if configured and balance is None else Exit.OK


async def _ask(session: ProviderSession) -> tuple[Balance | None, Sequence[ProviderRef] | None]:
    """Its balance, and the numbers it lists that we do not know; None where it gives none."""
    provider = session.worker.parts.providers.get(session.name)
    if provider is None:
        return None, None
    reconciling = session.worker.steps.reconcile
    balance = await reconciling.balance(provider)
    if balance is None or provider.capabilities.list_page_size is None:
        return balance, None
    return balance, await reconciling.unknown_numbers(provider)


def _document(
    name: ProviderName,
    report: ProviderReport,
    balance: Balance | None,
    unknown: Sequence[ProviderRef] | None,
) -> dict[str, Any]:
    sums, reading = report.counted.sums, report.reading
    return {
        "provider": name,
        "drained_at": None if report.drained_at is None else instant(report.drained_at),
        "balance_minor": None if balance is None else balance.minor,
        "currency": None if balance is None else balance.currency,
        "live": dict(report.live),
        "counted_since": instant(report.counted.since),
        "bought_minor": sums.bought_minor,
        "given_back_minor": sums.back_minor,
        "undecided_minor": sums.undecided_minor,
        "unknown_costs": sums.unpriced_live + sums.unpriced_kept,
        "exposure": [
            {"state": state, "currency": currency, "amount_minor": minor}
            for (state, currency), minor in report.exposure_minor.items()
        ],
        "read_at": None if reading is None else instant(reading.at),
        "compared": None if reading is None else reading.proven,
        "differences": [
            {
                "at": instant(difference.at),
                "since": instant(difference.since),
                "amount_minor": difference.amount_minor,
                "currency": difference.currency,
            }
            for difference in report.differences
        ],
        "disputed": [
            {"currency": currency, "numbers": numbers, "amount_minor": minor}
            for currency, (numbers, minor) in report.disputed.items()
        ],
        "disputes": [_dispute(dispute) for dispute in report.disputes],
        "unknown_numbers": None if unknown is None else list(unknown),
    }


def _dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": str(dispute.activation_id),
        "provider_ref": dispute.ref,
        "held": dispute.held,
        "says": dispute.says,
        "amount_minor": dispute.amount_minor,
        "currency": dispute.currency,
        "since": instant(dispute.opened_at),
    }


def _write_text(document: Mapping[str, Any], currency: str) -> None:
    out.write_rows(("what", "is"), _lines(document, currency))
    if document["differences"]:
        differences = (
            [out.short_instant(row["at"]), out.short_instant(row["since"]), _money(row)]
            for row in document["differences"]
        )
        out.write_rows(("unexplained at (UTC)", "since (UTC)", "amount"), differences)
    if document["disputes"]:
        columns = ("id", "provider_ref", "held", "says")
        disputes = (
            [*(row[column] for column in columns), _money(row), out.short_instant(row["since"])]
            for row in document["disputes"]
        )
        out.write_rows(("disputed", "ref", "we hold", "it says", "amount", "since (UTC)"), disputes)
    if document["unknown_numbers"]:
        out.write_rows(("listed, and of nobody",), ([ref] for ref in document["unknown_numbers"]))


def _lines(document: Mapping[str, Any], currency: str) -> Iterator[tuple[str, object]]:
    drained, read = document["drained_at"], document["read_at"]
    yield "rentals", "are taken" if drained is None else f"none since {out.short_instant(drained)}"
    minor = document["balance_minor"]
    yield "balance", "not known" if minor is None else out.money(minor, document["currency"])
    yield (
        "numbers not settled",
        ", ".join(f"{count} {state}" for state, count in document["live"].items()),
    )
    yield "counted since", out.short_instant(document["counted_since"])
    yield "bought", out.money(document["bought_minor"], currency)
    yield "given back", out.money(document["given_back_minor"], currency)
    yield "perhaps given back", out.money(document["undecided_minor"], currency)
    yield "numbers of unknown cost", document["unknown_costs"]
    for row in document["exposure"]:
        yield f"exposure, {row['state']}", _money(row)
    for row in document["disputed"]:
        yield "disputed", f"{_money(row)} for {row['numbers']} numbers"
    compared = "" if document["compared"] else " (could not be compared)"
    yield "balance last read", None if read is None else out.short_instant(read) + compared
    yield "unexplained", len(document["differences"])
    unknown = document["unknown_numbers"]
    yield "listed, and of nobody", "not known" if unknown is None else len(unknown)


def _money(row: Mapping[str, Any]) -> str:
    return out.money(row["amount_minor"], row["currency"])
