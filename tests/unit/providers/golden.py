"""The golden files: what providers were seen or said to answer, and what it means, in words."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.providers.rental_account import CloseFollowUp
from worker.adapters.providers.reply import Reply, interpret
from worker.ports.errors import ProviderError
from worker.ports.long_rental import Availability, Messages, NotClosed, NotProlonged, Prolonged
from worker.ports.provider import (
    ActivePage,
    Balance,
    CodesArrived,
    Ended,
    HistoryPage,
    NoRent,
    PastNumber,
    Refusal,
    Refused,
    Rented,
    Sms,
)

GOLDEN = Path(__file__).parents[2] / "golden"
ACTIVATIONS, RENTALS = GOLDEN / "providers", GOLDEN / "rentals"


def entries_in(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def recorded(folder: Path) -> Iterator[Any]:
    """Every entry, once for each dialect that it is said in."""
    for file in sorted(folder.glob("*.json")):
        for entry in entries_in(file):
            for dialect in entry.get("dialects", ["-"]):
                name = f"{file.stem}-{dialect}-{entry['operation']}-{entry['name']}"
                yield pytest.param(file.stem, dialect, entry, id=name)


def meaning(
    entry: dict[str, Any],
    read: Callable[[Reply], object],
    answer_statuses: frozenset[int] = frozenset(),
) -> dict[str, Any]:
    """What a reader makes of the reply of an entry."""
    headers = tuple(entry.get("headers", {}).items())
    reply = Reply(entry["status"], entry["body"].encode(), entry.get("retry_after_s"), headers)
    try:
        return in_words(interpret("acme", reply, read, answer_statuses))
    except ProviderError as error:
        return {"raises": type(error).__name__}


def in_words(answer: object) -> dict[str, Any]:
    """An answer as the golden files write it, without what is not there."""
    return without_none({"is": name_of(answer), **facts_of(answer)})


def name_of(answer: object) -> str:
    match answer:
        case NoRent() | Availability() | CloseFollowUp():
            return answer.name
        case None | bool() | Refusal():
            return str(answer)
        case _:
            return type(answer).__name__


def facts_of(answer: object) -> dict[str, Any]:
    match answer:
        case Rented():
            return facts_of_rented(answer)
        case Refused(why, retry_after, min_age, sms) | NotClosed(why, retry_after, min_age, sms):
            waits = {"retry_after_s": in_iso(retry_after), "min_age_s": in_iso(min_age)}
            return {"why": why.value, **waits, "codes": codes(sms) or None}
        case _:
            return facts_of_activation(answer) | facts_of_long_rental(answer)


def facts_of_activation(answer: object) -> dict[str, Any]:
    match answer:
        case CodesArrived(sms):
            return {"codes": codes(sms)}
        case Ended(fate, sms):
            return {"fate": fate.value, "codes": codes(sms) or None}
        case Balance(minor, currency):
            return {"minor": minor, "currency": currency}
        case ActivePage(rows, last):
            listed = [{"ref": row.ref, "codes": codes(row.sms)} for row in rows]
            return {"last": last, "rows": listed}
        case HistoryPage(rows, following):
            return {"next": following, "rows": [past(row) for row in rows]}
        case _:
            return {}


def facts_of_long_rental(answer: object) -> dict[str, Any]:
    match answer:
        case Messages(sms, complete):
            times = [in_iso(one.received_at) for one in sms]
            dated = times if any(times) else None
            return {"codes": codes(sms), "complete": complete, "received_at": dated}
        case Prolonged(expires_at, expires_in):
            return {"expires_at": in_iso(expires_at), "expires_in_s": in_iso(expires_in)}
        case NotProlonged(why, retry_after):
            return {"why": why.value, "retry_after_s": in_iso(retry_after)}
        case _:
            return {}


def facts_of_rented(rented: Rented) -> dict[str, Any]:
    return {
        "ref": rented.ref,
        "phone": rented.phone,
        "cost_minor": rented.cost_minor,
        "currency": rented.currency,
        "expires_at": in_iso(rented.expires_at),
        "expires_in_s": in_iso(rented.expires_in),
        "cancel_not_before": in_iso(rented.cancel_not_before),
    }


def past(row: PastNumber) -> dict[str, Any]:
    facts = {each.name: getattr(row, each.name) for each in fields(row)}
    facts |= {"fate": row.fate.value}
    facts |= {"rented_at": in_iso(row.rented_at), "rented_by": in_iso(row.rented_by)}
    return without_none(facts)


def codes(sms: tuple[Sms, ...]) -> list[str | None]:
    return [one.code for one in sms]


def in_iso(time: datetime | timedelta | None) -> str | float | None:
    if isinstance(time, timedelta):
        return time.total_seconds()
    return None if time is None else time.isoformat()


def without_none(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}
