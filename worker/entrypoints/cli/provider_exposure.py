"""`provider exposure` and `provider settle-exposure`: list what is at risk, and end it."""

import getpass
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from worker.domain.ids import ActivationId
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.output import Format, money, say, short, write_json, write_rows
from worker.entrypoints.cli.provider_session import ProviderSession
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
class Selection:
    """Which exposures are to end, and how."""

    end: ExposureEnd
    ids: Sequence[UUID]
    older_than: timedelta | None
    yes: bool
    by: str | None

    def __post_init__(self) -> None:
        if bool(self.ids) == (self.older_than is not None):
            raise Failure(Exit.USAGE, "give either --activation or --older-than")


async def show(session: ProviderSession, output: Format) -> None:
    await session.report()
    exposures = await _open(session, timedelta(0))
    open_ = await session.purchases.exposure_by_currency(session.name)
    about = {
        "provider": session.name,
        "limit_minor": session.exposure_limit_minor,
        "currency": session.currency,
        "open": [_sum(currency, minor) for currency, minor in open_.items()],
    }
    _write_open(exposures, about, output)
    if output is Format.TEXT:
        _say_sums(session, open_)


async def settle(session: ProviderSession, selection: Selection, output: Format) -> None:
    await session.report()
    if selection.older_than is None:
        ids = [ActivationId(id_) for id_ in dict.fromkeys(selection.ids)]
        ended = await _end(session, selection, ids, output)
        _check_all_ended(session, selection, ids, ended)
        return
    exposures = await _open(session, selection.older_than)
    if selection.yes or not exposures:
        await _end(session, selection, [exposure.activation_id for exposure in exposures], output)
    else:
        _preview(session, selection, exposures, output)


async def _open(session: ProviderSession, older_than: timedelta) -> list[OpenExposure]:
    exposures = await session.purchases.open_exposures(
        session.name, LIST_MAX, older_than=older_than
    )
    if len(exposures) == LIST_MAX:
        say(f"{session.name}: the oldest {LIST_MAX}; there may be more")
    return exposures


async def _end(
    session: ProviderSession, selection: Selection, ids: Sequence[ActivationId], output: Format
) -> list[EndedExposure]:
    purchases, by = session.purchases, selection.by or _login()
    ended: list[EndedExposure] = []
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        ended += await purchases.end_exposures(session.name, batch, selection.end, by[:BY_MAX])
    _write_ended(session, ended, output)
    now = _sum_up((each.currency, each.amount_minor) for each in ended if each.now)
    change = f"ended as {selection.end.value}: {now}" if now else "nothing is changed"
    say(f"{session.name}: {change}")
    return ended


def _write_open(
    exposures: Sequence[OpenExposure], about: Mapping[str, object], output: Format
) -> None:
    match output:
        case Format.TEXT:
            if exposures:
                write_rows(COLUMNS, map(_row, exposures))
        case Format.NDJSON:
            for exposure in exposures:
                write_json(_document(exposure))
        case Format.JSON:
            write_json(
                {**about, "exposures": [_document(exposure) for exposure in exposures]}, indent=True
            )


def _check_all_ended(
    session: ProviderSession,
    selection: Selection,
    ids: Sequence[ActivationId],
    ended: Sequence[EndedExposure],
) -> None:
    """Fail where a number did not end as selected, so that a script sees it."""
    known = {exposure.activation_id for exposure in ended}
    unknown = [str(id_) for id_ in ids if id_ not in known]
    if unknown:
        hint = f"activation-worker provider exposure {session.name}"
        raise Failure(Exit.FAILED, f"no exposure there: {', '.join(unknown)}", hint=hint)
    others = [str(each.activation_id) for each in ended if each.end is not selection.end]
    if others:
        message = f"ended otherwise before, and stays so: {', '.join(others)}"
        raise Failure(Exit.OTHER_ENDING, message)


def _preview(
    session: ProviderSession,
    selection: Selection,
    exposures: Sequence[OpenExposure],
    output: Format,
) -> None:
    """Show what would end, because --older-than easily selects too many."""
    _write_open(exposures, {"provider": session.name, "done": False}, output)
    total = _sum_up((each.currency, each.amount_minor) for each in exposures)
    would = f"would end as {selection.end.value}: {total}"
    say(f"{session.name}: {would}; nothing is changed without --yes")


def _write_ended(session: ProviderSession, ended: Sequence[EndedExposure], output: Format) -> None:
    documents = [
        {
            "id": str(exposure.activation_id),
            "amount_minor": exposure.amount_minor,
            "currency": exposure.currency,
            "state": exposure.end.value,
            "changed": exposure.now,
        }
        for exposure in ended
    ]
    match output:
        case Format.TEXT:
            if ended:
                write_rows(("exposure", "amount", "is", "since"), map(_ended_row, ended))
        case Format.NDJSON:
            for each in documents:
                write_json(each)
        case Format.JSON:
            document = {"provider": session.name, "done": True, "exposures": documents}
            write_json(document, indent=True)


def _ended_row(exposure: EndedExposure) -> list[object]:
    amount = money(exposure.amount_minor, exposure.currency)
    when = "now" if exposure.now else "before"
    return [exposure.activation_id, amount, exposure.end.value, when]


def _row(exposure: OpenExposure) -> list[object]:
    amount = money(exposure.amount_minor, exposure.currency)
    since, waits_for = short(exposure.opened_at), _WAITS_FOR[exposure.why]
    return [exposure.activation_id, exposure.ref, amount, since, waits_for]


def _document(exposure: OpenExposure) -> dict[str, Any]:
    return {
        "id": str(exposure.activation_id),
        "provider_ref": exposure.ref,
        "amount_minor": exposure.amount_minor,
        "currency": exposure.currency,
        "since": instant(exposure.opened_at),
        "why": exposure.why.value,
    }


def _sum(currency: str, minor: int) -> dict[str, Any]:
    return {"currency": currency, "amount_minor": minor}


def _say_sums(session: ProviderSession, open_: Mapping[str, int]) -> None:
    limit, counted = session.exposure_limit_minor, session.currency
    if not open_:
        say(f"{session.name}: no exposure is open")
    for currency, minor in open_.items():
        line = f"{session.name}: {money(minor, currency)} open"
        if not limit:
            say(f"{line}; there is no limit")
        elif currency == counted:
            say(f"{line}; nothing is rented there from {money(limit, counted)} on")
        else:
            say(f"{line}; the limit is in {counted} and does not count it")


def _sum_up(amounts: Iterable[tuple[str, int]]) -> str:
    """How many, and one sum per currency."""
    numbers, sums = 0, Counter[str]()
    for currency, minor in amounts:
        numbers += 1
        sums[currency] += minor
    parts = (money(minor, currency) for currency, minor in sorted(sums.items()))
    return f"{numbers} ({', '.join(parts)})" if numbers else ""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container may run under a number without a name.
        return "operator"
