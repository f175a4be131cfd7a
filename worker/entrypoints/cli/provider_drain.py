"""What the `provider` commands do: tell what a provider has of ours, and part with it."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from worker.bootstrap import Worker, open_worker
from worker.domain.ids import ProviderName, ProviderRef
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.formatting import amount, short
from worker.entrypoints.cli.output import Format, say, write_json, write_rows
from worker.entrypoints.http.responses import instant
from worker.lifecycle.drain import Drain
from worker.ports.provider import Balance
from worker.ports.store.purchases import Dispute, ProviderReport
from worker.settings import load_settings

DEFAULT_CURRENCY: Final = "USD"  #: Of a provider that is not configured any more.


@dataclass(frozen=True, slots=True)
class Opened:
    """The worker, and the one provider a command is about."""

    worker: Worker
    name: ProviderName

    @property
    def drain(self) -> Drain:
        sweep, parts = self.worker.ticks.sweeping, self.worker.parts
        return Drain(store=parts.store, settle=sweep.settle, rules=sweep.rules, clock=parts.clock)

    @property
    def currency(self) -> str:
        terms = self.worker.parts.terms.get(self.name)
        return DEFAULT_CURRENCY if terms is None else terms.currency

    @property
    def exposure_limit_minor(self) -> int:
        terms = self.worker.parts.terms.get(self.name)
        return 0 if terms is None else terms.exposure_limit_minor

    async def report(self) -> ProviderReport:
        """Raises `Failure` for a name that was never one of a provider."""
        found = await self.worker.parts.store.provider_report(self.name, self.currency)
        if not found.known and self.name not in self.worker.parts.providers:
            hint = "activation-worker check-config --show-effective"
            raise Failure(Exit.USAGE, f"there is no provider {self.name}", hint=hint)
        return found


def run(config: Path | None, name: str, work: Callable[[Opened], Awaitable[None]]) -> None:
    settings = load_settings(config, environ=os.environ)

    async def opened() -> None:
        async with open_worker(settings) as worker:
            await work(Opened(worker, ProviderName(name)))

    asyncio.run(opened())


async def tell(opened: Opened, output: Format) -> Exit:
    known = await opened.report()
    balance, unknown = await _ask(opened)
    document = _document(opened.name, known, balance, unknown)
    if output is Format.TEXT:
        _write_text(document, opened.currency)
    else:
        write_json(document, indent=output is Format.JSON)
    configured = opened.name in opened.worker.parts.providers
    return Exit.UNREACHABLE if configured and balance is None else Exit.OK


async def drain(opened: Opened, *, at_once: bool) -> None:
    await opened.report()
    since = await opened.drain.begin(opened.name)
    say(f"{opened.name}: no new rentals since {short(instant(since))}")
    if at_once:
        await _end_now(opened)
    _say_left(opened.name, await opened.report())


async def resume(opened: Opened) -> None:
    await opened.report()
    was = await opened.drain.stop(opened.name)
    say(f"{opened.name}: takes rentals again" if was else f"{opened.name}: was not drained")


async def _ask(opened: Opened) -> tuple[Balance | None, Sequence[ProviderRef] | None]:
    """Its balance, and the numbers it lists that nobody knows; None where it does not say."""
    provider = opened.worker.parts.providers.get(opened.name)
    if provider is None:
        return None, None
    reconciling = opened.worker.ticks.reconciling
    balance = await reconciling.balance(provider)
    if balance is None or provider.capabilities.list_page_size is None:
        return balance, None
    return balance, await reconciling.unknown_numbers(provider)


async def _end_now(opened: Opened) -> None:
    ended: Counter[str] = Counter()
    async for settled in opened.drain.now(opened.name):
        ended.update(one.outcome.value for one in settled)
        says = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
        say(f"{opened.name}: {says}")
    if not ended:
        say(f"{opened.name}: nothing waits")


def _say_left(name: str, known: ProviderReport) -> None:
    if known.last_deadline_at is None:
        say(f"{name}: every customer is settled")
    else:
        states = ", ".join(f"{count} {state}" for state, count in known.live.items())
        last = short(instant(known.last_deadline_at))
        say(f"{name}: not settled yet: {states}; the last deadline is {last}")
    for (state, currency), minor in known.exposure_minor.items():
        if state != "resolved":
            say(f"{name}: exposure, {state}: {amount(minor, currency)} {currency}")


def _document(
    name: ProviderName,
    known: ProviderReport,
    balance: Balance | None,
    unknown: Sequence[ProviderRef] | None,
) -> dict[str, Any]:
    sums, reading = known.counted.sums, known.reading
    return {
        "provider": name,
        "drained_at": None if known.drained_at is None else instant(known.drained_at),
        "balance_minor": None if balance is None else balance.minor,
        "currency": None if balance is None else balance.currency,
        "live": dict(known.live),
        "counted_since": instant(known.counted.since),
        "bought_minor": sums.bought_minor,
        "given_back_minor": sums.back_minor,
        "undecided_minor": sums.undecided_minor,
        "unknown_costs": sums.unpriced_live + sums.unpriced_kept,
        "exposure": [
            {"state": state, "currency": currency, "amount_minor": minor}
            for (state, currency), minor in known.exposure_minor.items()
        ],
        "read_at": None if reading is None else instant(reading.at),
        "compared": None if reading is None else reading.proven,
        "differences": [
            {
                "at": instant(one.at),
                "since": instant(one.since),
                "amount_minor": one.amount_minor,
                "currency": one.currency,
            }
            for one in known.differences
        ],
        "disputed": [
            {"currency": currency, "numbers": numbers, "amount_minor": minor}
            for currency, (numbers, minor) in known.disputed.items()
        ],
        "disputes": [_dispute(one) for one in known.disputes],
        "unknown_numbers": None if unknown is None else list(unknown),
    }


def _dispute(one: Dispute) -> dict[str, Any]:
    return {
        "id": str(one.activation_id),
        "provider_ref": one.ref,
        "held": one.held,
        "says": one.says,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "since": instant(one.opened_at),
    }


def _write_text(document: Mapping[str, Any], currency: str) -> None:
    write_rows(("what", "is"), _lines(document, currency))
    if document["differences"]:
        rows = (
            [short(one["at"]), short(one["since"]), _money(one["amount_minor"], one["currency"])]
            for one in document["differences"]
        )
        write_rows(("unexplained at (UTC)", "since (UTC)", "amount"), rows)
    if document["disputes"]:
        disputes = (
            [
                one["id"],
                one["provider_ref"],
                one["held"],
                one["says"],
                _money(one["amount_minor"], one["currency"]),
                short(one["since"]),
            ]
            for one in document["disputes"]
        )
        write_rows(("disputed", "ref", "we hold", "it says", "amount", "since (UTC)"), disputes)
    if document["unknown_numbers"]:
        write_rows(("listed, and of nobody",), ([ref] for ref in document["unknown_numbers"]))


def _lines(document: Mapping[str, Any], currency: str) -> Iterator[tuple[str, object]]:
    drained, read = document["drained_at"], document["read_at"]
    yield "rentals", "are taken" if drained is None else f"none since {short(drained)}"
    minor = document["balance_minor"]
    yield "balance", "not known" if minor is None else _money(minor, document["currency"])
    yield "numbers not settled", ", ".join(f"{n} {s}" for s, n in document["live"].items())
    yield "counted since", short(document["counted_since"])
    yield "bought", _money(document["bought_minor"], currency)
    yield "given back", _money(document["given_back_minor"], currency)
    yield "perhaps given back", _money(document["undecided_minor"], currency)
    yield "numbers of unknown cost", document["unknown_costs"]
    for one in document["exposure"]:
        yield f"exposure, {one['state']}", _money(one["amount_minor"], one["currency"])
    for one in document["disputed"]:
        money = _money(one["amount_minor"], one["currency"])
        yield "disputed", f"{money} for {one['numbers']} numbers"
    compared = "" if document["compared"] else " (could not be compared)"
    yield "balance last read", None if read is None else short(read) + compared
    yield "unexplained", len(document["differences"])
    unknown = document["unknown_numbers"]
    yield "listed, and of nobody", "not known" if unknown is None else len(unknown)


def _money(minor: int, currency: str) -> str:
    return f"{amount(minor, currency)} {currency}"
