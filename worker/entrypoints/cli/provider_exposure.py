"""What `provider exposure` and `provider settle-exposure` do: list what is at risk, and end it."""

import getpass
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from worker.domain.ids import ActivationId
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.formatting import amount, short
from worker.entrypoints.cli.output import Format, say, write_json, write_rows
from worker.entrypoints.cli.provider_drain import Opened
from worker.entrypoints.http.responses import instant
from worker.ports.store.purchases import EndedExposure, ExposureCause, ExposureEnd, OpenExposure

LIST_MAX: Final = 10_000  #: At one time; the sums are of all.
BATCH: Final = 1000
BY_MAX: Final = 64  #: Characters of a name that are kept.
COLUMNS: Final = ("exposure", "ref", "amount", "since (UTC)", "waits for")
_WAITS_FOR: Final = {
    ExposureCause.PURSUED: "the provider: its cancel goes on, and ends it",
    ExposureCause.DISPUTED: "you: it took what it had said it gave back",
    ExposureCause.GONE: "its history, or you: it does not know the number",
    ExposureCause.LATE_CODE: "its history, or you: a code came after its cancel",
    ExposureCause.PURCHASE: "you: it never said whether it sold the number",
}

assert _WAITS_FOR.keys() == set(ExposureCause)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which exposures are to end, and how."""

    end: ExposureEnd
    ids: Sequence[UUID]
    older_than: timedelta | None
    yes: bool
    by: str | None

    def __post_init__(self) -> None:
        if bool(self.ids) == (self.older_than is not None):
            raise Failure(Exit.USAGE, "give either --activation or --older-than")


async def show(opened: Opened, output: Format) -> None:
    await opened.report()
    found = await _open(opened, timedelta(0))
    open_ = await opened.worker.parts.store.exposure_by_currency(opened.name)
    about = {
        "provider": opened.name,
        "limit_minor": opened.exposure_limit_minor,
        "currency": opened.currency,
        "open": [_sum(currency, minor) for currency, minor in open_.items()],
    }
    _write_open(found, about, output)
    if output is Format.TEXT:
        _say_sums(opened, open_)


async def settle(opened: Opened, asked: Asked, output: Format) -> None:
    await opened.report()
    if asked.older_than is None:
        ids = [ActivationId(one) for one in dict.fromkeys(asked.ids)]
        _refuse_others(opened, asked, ids, await _end(opened, asked, ids, output))
        return
    found = await _open(opened, asked.older_than)
    if asked.yes or not found:
        await _end(opened, asked, [one.activation_id for one in found], output)
    else:
        _rehearse(opened, asked, found, output)


async def _open(opened: Opened, older_than: timedelta) -> list[OpenExposure]:
    store = opened.worker.parts.store
    found = await store.open_exposures(opened.name, LIST_MAX, older_than=older_than)
    if len(found) == LIST_MAX:
        say(f"{opened.name}: the oldest {LIST_MAX}; there may be more")
    return found


async def _end(
    opened: Opened, asked: Asked, ids: Sequence[ActivationId], output: Format
) -> list[EndedExposure]:
    store, by = opened.worker.parts.store, asked.by or _login()
    ended: list[EndedExposure] = []
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        ended += await store.end_exposures(opened.name, batch, asked.end, by[:BY_MAX])
    _write_ended(opened, ended, output)
    now = _money((one.currency, one.amount_minor) for one in ended if one.now)
    says = f"ended as {asked.end.value}: {now}" if now else "nothing is changed"
    say(f"{opened.name}: {says}")
    return ended


def _write_open(found: Sequence[OpenExposure], about: Mapping[str, object], output: Format) -> None:
    match output:
        case Format.TEXT:
            if found:
                write_rows(COLUMNS, map(_row, found))
        case Format.NDJSON:
            for one in found:
                write_json(_document(one))
        case Format.JSON:
            write_json({**about, "exposures": [_document(one) for one in found]}, indent=True)


def _refuse_others(
    opened: Opened, asked: Asked, ids: Sequence[ActivationId], ended: Sequence[EndedExposure]
) -> None:
    """A script must see that one of its numbers did not end as it was told."""
    known = {one.activation_id for one in ended}
    unknown = [str(id_) for id_ in ids if id_ not in known]
    if unknown:
        hint = f"activation-worker provider exposure {opened.name}"
        raise Failure(Exit.FAILED, f"no exposure there: {', '.join(unknown)}", hint=hint)
    others = [str(one.activation_id) for one in ended if one.end is not asked.end]
    if others:
        message = f"ended otherwise before, and stays so: {', '.join(others)}"
        raise Failure(Exit.OTHER_ENDING, message)


def _rehearse(opened: Opened, asked: Asked, found: Sequence[OpenExposure], output: Format) -> None:
    """Show what would end: many at once are easily too many."""
    _write_open(found, {"provider": opened.name, "done": False}, output)
    would = _money((one.currency, one.amount_minor) for one in found)
    say(f"{opened.name}: would end as {asked.end.value}: {would}; nothing is changed without --yes")


def _write_ended(opened: Opened, ended: Sequence[EndedExposure], output: Format) -> None:
    documents = [
        {
            "id": str(one.activation_id),
            "amount_minor": one.amount_minor,
            "currency": one.currency,
            "state": one.end.value,
            "changed": one.now,
        }
        for one in ended
    ]
    match output:
        case Format.TEXT:
            if ended:
                write_rows(("exposure", "amount", "is", "since"), map(_ended_row, ended))
        case Format.NDJSON:
            for document in documents:
                write_json(document)
        case Format.JSON:
            whole = {"provider": opened.name, "done": True, "exposures": documents}
            write_json(whole, indent=True)


def _ended_row(one: EndedExposure) -> list[object]:
    money = f"{amount(one.amount_minor, one.currency)} {one.currency}"
    return [one.activation_id, money, one.end.value, "now" if one.now else "before"]


def _row(one: OpenExposure) -> list[object]:
    money = f"{amount(one.amount_minor, one.currency)} {one.currency}"
    since = short(instant(one.opened_at))
    return [one.activation_id, one.ref, money, since, _WAITS_FOR[one.why]]


def _document(one: OpenExposure) -> dict[str, Any]:
    return {
        "id": str(one.activation_id),
        "provider_ref": one.ref,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "since": instant(one.opened_at),
        "why": one.why.value,
    }


def _sum(currency: str, minor: int) -> dict[str, Any]:
    return {"currency": currency, "amount_minor": minor}


def _say_sums(opened: Opened, open_: Mapping[str, int]) -> None:
    limit, counted = opened.exposure_limit_minor, opened.currency
    if not open_:
        say(f"{opened.name}: no exposure is open")
    for currency, minor in open_.items():
        says = f"{opened.name}: {amount(minor, currency)} {currency} open"
        if not limit:
            say(f"{says}; there is no limit")
        elif currency == counted:
            say(f"{says}; nothing is rented there from {amount(limit, counted)} {counted} on")
        else:
            say(f"{says}; the limit is in {counted} and does not count it")


def _money(several: Iterable[tuple[str, int]]) -> str:
    """How many, and their sums: different currencies cannot be added up."""
    numbers, sums = 0, Counter[str]()
    for currency, minor in several:
        numbers += 1
        sums[currency] += minor
    told = (f"{amount(minor, currency)} {currency}" for currency, minor in sorted(sums.items()))
    return f"{numbers} ({', '.join(told)})" if numbers else ""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container may run under a number without a name.
        return "operator"
