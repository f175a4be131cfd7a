"""Every reply ever seen or documented means what the golden files say."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.providers.fivesim import FiveSimReplies
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.adapters.providers.handler_replies import HandlerReplies
from worker.adapters.providers.onlinesim import OnlineSimReplies
from worker.adapters.providers.reply import Reply, understood
from worker.adapters.providers.smsman import SmsManReplies
from worker.adapters.providers.smspva import TOLD_BY_5XX, SmsPvaReplies
from worker.adapters.providers.vaksms import VakSmsReplies
from worker.ports.errors import ProviderError
from worker.ports.history import HistoryPage, PastNumber
from worker.ports.provider import (
    ActivePage,
    Balance,
    Cancelled,
    CodesArrived,
    Finished,
    NoRent,
    NotKnown,
    Refused,
    Rented,
    Waiting,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "providers"
GRADES = {"doc", "live", "client", "claim", "made"}


READERS: dict[str, Callable[[str, str], Any]] = {
    "fivesim": FiveSimReplies,
    "onlinesim": OnlineSimReplies,
    "smspva": SmsPvaReplies,
    "vaksms": VakSmsReplies,
    "smsman": SmsManReplies,
}


def replies_of(family: str, dialect: str) -> Any:
    """Who reads the replies of this family; `Any`, because readers share names, not types."""
    if family == "handler_api":
        return HandlerReplies("acme", DIALECTS[dialect], "USD")
    return READERS[family]("acme", "USD")


def recorded() -> Iterator[Any]:
    for file in sorted(GOLDEN.glob("*.json")):
        for entry in json.loads(file.read_text(encoding="utf-8")):
            for dialect in entry.get("dialects", ["-"]):
                name = f"{file.stem}-{dialect}-{entry['operation']}-{entry['name']}"
                yield pytest.param(file.stem, dialect, entry, id=name)


def in_words(answer: object) -> dict[str, Any]:
    """An answer as the golden files write it, without what is not there."""
    said: dict[str, Any]
    match answer:
        case CodesArrived(sms):
            said = {"is": "CodesArrived", "codes": [each.code for each in sms]}
        case Finished(sms) if sms:
            said = {"is": "Finished", "codes": [each.code for each in sms]}
        case Waiting() | Cancelled() | Finished() | NotKnown():
            said = {"is": type(answer).__name__}
        case Refused(why, retry_after, min_age, sms):
            said = {
                "is": "Refused",
                "why": why.value,
                "retry_after_s": retry_after and retry_after.total_seconds(),
                "min_age_s": min_age and min_age.total_seconds(),
                "codes": [each.code for each in sms] or None,
            }
        case Rented():
            said = {
                "is": "Rented",
                "ref": answer.ref,
                "phone": answer.phone,
                "cost_minor": answer.cost_minor,
                "currency": answer.currency,
                "expires_at": answer.expires_at and answer.expires_at.isoformat(),
                "expires_in_s": answer.expires_in and answer.expires_in.total_seconds(),
                "cancel_not_before": answer.cancel_not_before
                and answer.cancel_not_before.isoformat(),
            }
        case NoRent():
            said = {"is": answer.name}
        case Balance(minor, currency):
            said = {"is": "Balance", "minor": minor, "currency": currency}
        case ActivePage(rows, last):
            told = [{"ref": row.ref, "codes": [sms.code for sms in row.sms]} for row in rows]
            said = {"is": "ActivePage", "last": last, "rows": told}
        case HistoryPage(rows, following):
            said = {"is": "HistoryPage", "next": following, "rows": [past(row) for row in rows]}
        case _:
            said = {"is": str(answer)}
    return {key: value for key, value in said.items() if value is not None}


def past(row: PastNumber) -> dict[str, Any]:
    told = {each.name: getattr(row, each.name) for each in fields(row)}
    told |= {"fate": row.fate.value, "rented_at": row.rented_at and row.rented_at.isoformat()}
    return {key: value for key, value in told.items() if value is not None}


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded()))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    reply = Reply(entry["status"], entry["body"].encode(), entry.get("retry_after_s"))
    replies = replies_of(family, dialect)
    told = TOLD_BY_5XX if family == "smspva" else frozenset()
    read = getattr(replies, entry["operation"])
    try:
        meant = in_words(understood("acme", reply, read, told))
    except ProviderError as error:
        meant = {"raises": type(error).__name__}

    assert meant == entry["means"]


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_every_golden_reply_says_where_it_is_from(file: Path) -> None:
    entries = json.loads(file.read_text(encoding="utf-8"))
    names = [(entry["operation"], entry["name"]) for entry in entries]

    assert len(names) == len(set(names))
    assert all(entry["grade"] in GRADES and entry["source"] for entry in entries)
