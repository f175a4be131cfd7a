"""`policy replay`: which past orders and cases would have ended otherwise under a changed file."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, assert_never

import orjson
import typer

from worker.domain.policy import Profile, ProfileError, policy_names
from worker.domain.policy.language.loading import load_file, override
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import Format, OutputOption, money, say, write_json, write_line
from worker.lifecycle.cases.replay import End, EndsOtherwise, Replay, Tally
from worker.lifecycle.policy_book import PolicyBook

_DAYS_AGO: Final = re.compile(r"(\d{1,4})d")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def replay(
    name: Annotated[str, typer.Argument(help="The policy whose orders and cases are asked.")],
    file: Annotated[
        Path,
        typer.Option(
            "--with",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The changed policy file.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="From here on: a date, an instant, or 30d (days ago); without it from the first.",
        ),
    ] = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """What a changed file would have done with the past orders and cases of a policy.

    How many end otherwise, for how much money, and which. It only reads. Numbers settled and cases
    opened since D count. What people did stays: claims nobody made and codes that a longer window
    would have brought are not imagined. Ctrl-C says what was counted so far.
    """
    from worker.entrypoints.cli.store_session import ask_store

    changed, begin = _changed(file), _instant_of(since)
    writer = ReplayWriter(output, {"policy": name, "file": str(file), "version": changed.version})
    try:
        ask_store(
            config,
            lambda store, settings: _run(
                writer, store, name, changed, begin, policy_names(settings.policies.directory)
            ),
        )
    except KeyboardInterrupt:
        writer.finish(complete=False)
        raise typer.Exit(Exit.INTERRUPTED) from None
    writer.finish(complete=True)


@dataclass(slots=True)
class ReplayWriter:
    """Writes each as it is found, so that nothing grows with what there is; the sums come last."""

    output: Format
    about: dict[str, Any]
    tally: Tally = field(default_factory=Tally)
    _lines: int = 0

    def add(self, otherwise: EndsOtherwise) -> None:
        document = _document(otherwise)
        match self.output:
            case Format.TEXT:
                write_line(_line(otherwise))
            case Format.JSON:
                self._open()
                write_line(("," if self._lines else "") + orjson.dumps(document).decode())
            case Format.NDJSON:
                write_json(document)
            case _:
                assert_never(self.output)
        self._lines += 1

    def finish(self, *, complete: bool) -> None:
        sums = {**self.about, **_sums(self.tally), "complete": complete}
        match self.output:
            case Format.TEXT:
                for line in _in_words(self.tally):
                    write_line(line)
                if not complete:
                    say("interrupted: this is what was counted so far")
            case Format.JSON:
                self._open()
                write_line("], " + orjson.dumps(sums).decode().removeprefix("{"))
            case Format.NDJSON:
                write_json({"what": "sums", **sums})
            case _:
                assert_never(self.output)

    def _open(self) -> None:
        if not self._lines:
            write_line('{"changed": [')


async def _run(
    writer: ReplayWriter,
    store: Any,  # noqa: ANN401 - importing its module takes long
    name: str,
    changed: Profile,
    since: datetime | timedelta,
    today: Collection[str],
) -> None:
    kept = await PolicyBook({}, store.policies.read).every_version()
    known = sorted({*today, *(name for name, _ in kept)})
    if name not in known:
        message = f"no policy of the name {name[:64]!r}; there are: {', '.join(known)}"
        raise Failure(Exit.USAGE, message, hint="activation-worker policy list")
    replayed = Replay(
        newest_past=store.policies.newest_past,
        past_orders=store.policies.past_orders,
        past_cases=store.policies.past_cases,
        account_of=lambda account, at: store.cases.account_record(account, now=at),
        kept=kept,
        name=name,
        changed=changed,
        tally=writer.tally,
    )
    begin = await store.time() - since if isinstance(since, timedelta) else since
    async for otherwise in replayed.run(begin, _progress):
        writer.add(otherwise)


def _changed(file: Path) -> Profile:
    """It counts as in force since ever, whatever it says: that is what is asked."""
    try:
        return override(load_file(file), {"effective_from": None})
    except ProfileError as error:
        hint = f"activation-worker policy check {file}"
        raise Failure(Exit.BAD_CONFIG, str(error), hint=hint) from None


def _instant_of(since: str | None) -> datetime | timedelta:
    if since is None:
        return _EVER
    if (days := _DAYS_AGO.fullmatch(since)) is not None:
        return timedelta(days=int(days[1]))
    try:
        at = datetime.fromisoformat(since)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # In UTC it may be before the year 1.
        message = f"--since: {since[:64]!r} is no date, no instant and no number of days like 30d"
        raise Failure(Exit.USAGE, message) from None


def _progress(tally: Tally) -> None:
    otherwise = tally.orders_otherwise + tally.cases_otherwise
    say(f"{tally.orders} orders and {tally.cases} cases so far, {otherwise} end otherwise")


def _document(otherwise: EndsOtherwise) -> dict[str, Any]:
    return {
        "what": otherwise.what,
        "id": str(otherwise.id),
        "currency": otherwise.currency,
        "from": _end(otherwise.before),
        "to": _end(otherwise.after),
    }


def _end(end: End) -> dict[str, Any]:
    return {"outcome": end.outcome, "reason": end.reason, "amount_minor": end.amount_minor}


def _sums(tally: Tally) -> dict[str, Any]:
    return {
        "orders": {"counted": tally.orders, "otherwise": tally.orders_otherwise},
        "cases": {"counted": tally.cases, "otherwise": tally.cases_otherwise},
        "money": [
            {
                "currency": currency,
                "given_minor": each.given_minor,
                "would_give_minor": each.would_give_minor,
                "difference_minor": each.would_give_minor - each.given_minor,
                "left_to_humans_minor": each.left_to_humans_minor,
            }
            for currency, each in sorted(tally.money.items())
        ],
        "not_reproduced": tally.not_reproduced,
        "unreadable": tally.unreadable,
    }


def _line(otherwise: EndsOtherwise) -> str:
    before, after = (
        f"{end.outcome} {end.reason} {money(end.amount_minor, otherwise.currency)}"
        for end in (otherwise.before, otherwise.after)
    )
    return f"{otherwise.what} {otherwise.id}: {before} -> {after}"


def _in_words(tally: Tally) -> list[str]:
    orders = f"{tally.orders_otherwise} of {tally.orders} orders"
    lines = [f"{orders} and {tally.cases_otherwise} of {tally.cases} cases end otherwise"]
    for currency, each in sorted(tally.money.items()):
        gave, would = money(each.given_minor, currency), money(each.would_give_minor, currency)
        asked = money(each.left_to_humans_minor, currency)
        lines.append(f"customers got {gave} of these, would get {would}; humans decide {asked}")
    if tally.not_reproduced:
        lines.append(
            f"{tally.not_reproduced} ended otherwise than both policies decide today:"
            " not the doing of this file"
        )
    if tally.unreadable:
        lines.append(f"{tally.unreadable} cases rest on facts that this version does not know")
    return lines
