"""Every reply about a long rental that was seen or documented means what the golden files say."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.providers.fivesim_rentals import FiveSimRentalReplies
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.adapters.providers.handler_rentals import RentalReplies
from worker.adapters.providers.hero_rentals import HeroRentalReplies
from worker.adapters.providers.onlinesim_rentals import OnlineSimRentalReplies
from worker.adapters.providers.rental_account import After
from worker.adapters.providers.reply import Reply, understood
from worker.adapters.providers.smsman_rentals import SmsManRentalReplies
from worker.adapters.providers.smspva_rentals import SmsPvaRentalReplies
from worker.adapters.providers.vaksms_rentals import VakSmsRentalReplies
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.long_rental import (
    Availability,
    Ended,
    Messages,
    NotClosed,
    NotProlonged,
    Prolonged,
)
from worker.ports.provider import NoRent, Rented

GOLDEN = Path(__file__).parents[2] / "golden" / "rentals"
GRADES = {"doc", "live", "client", "claim", "made"}
READERS: dict[str, Callable[[], object]] = {
    "fivesim": lambda: FiveSimRentalReplies("acme", "USD"),
    "onlinesim": lambda: OnlineSimRentalReplies("acme", "USD"),
    "smspva": lambda: SmsPvaRentalReplies("acme"),
    "vaksms": lambda: VakSmsRentalReplies("acme", "RUB"),
    "smsman": lambda: SmsManRentalReplies("acme", "USD"),
}


def replies_of(family: str, dialect: str) -> object:
    if family != "handler_api":
        return READERS[family]()
    reader = HeroRentalReplies if dialect == "hero" else RentalReplies
    return reader("acme", DIALECTS[dialect], "USD")


def recorded() -> Iterator[Any]:
    for file in sorted(GOLDEN.glob("*.json")):
        for entry in json.loads(file.read_text(encoding="utf-8")):
            for dialect in entry.get("dialects", ["-"]):
                name = f"{file.stem}-{dialect}-{entry['operation']}-{entry['name']}"
                yield pytest.param(file.stem, dialect, entry, id=name)


def in_words(answer: object) -> dict[str, Any]:
    """An answer as the golden files write it, without what is not there."""
    said: dict[str, Any] = {"is": type(answer).__name__}
    match answer:
        case Rented(ref, phone):
            said |= {"ref": ref, "phone": phone}
            said |= {"cost_minor": answer.cost_minor, "currency": answer.currency}
            said |= {"expires_at": told(answer.expires_at), "expires_in_s": told(answer.expires_in)}
        case Messages(sms, complete):
            said |= {"codes": [one.code for one in sms], "complete": complete}
            times = [told(one.received_at) for one in sms]
            said["received_at"] = times if any(times) else None
        case Ended(refund):
            said["refund"] = refund.value
        case Prolonged(expires_at, expires_in):
            said |= {"expires_at": told(expires_at), "expires_in_s": told(expires_in)}
        case NotProlonged(why, retry_after):
            said |= {"why": why.value, "retry_after_s": told(retry_after)}
        case NotClosed(why, retry_after, min_age, sms):
            said |= {"why": why.value, "retry_after_s": told(retry_after)}
            said |= {"min_age_s": told(min_age), "codes": [one.code for one in sms] or None}
        case NoRent() | Availability() | After():
            said["is"] = answer.name
        case _:
            pass
    return {key: value for key, value in said.items() if value is not None}


def told(time: datetime | timedelta | None) -> str | float | None:
    if isinstance(time, timedelta):
        return time.total_seconds()
    return None if time is None else time.isoformat()


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded()))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    reply = Reply(entry["status"], entry["body"].encode())
    read = getattr(replies_of(family, dialect), entry["operation"])
    try:
        meant = in_words(understood("acme", reply, read))
    except ProviderError as error:
        meant = {"raises": type(error).__name__}

    assert meant == entry["means"]


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_every_golden_reply_says_where_it_is_from(file: Path) -> None:
    entries = json.loads(file.read_text(encoding="utf-8"))
    names = [(entry["operation"], entry["name"]) for entry in entries]

    assert len(names) == len(set(names))
    assert all(entry["grade"] in GRADES and entry["source"] for entry in entries)


@pytest.mark.parametrize(
    ("state", "meant"), [(1, 1), ("0", 0), (-1, -1), ("-1", -1), (2, 2)], ids=str
)
def test_the_state_of_an_order_is_found_in_the_list(state: object, meant: int) -> None:
    orders = {"status": 1, "data": [{"id": 7, "state": 0}, {"id": "8", "state": state}]}
    reply = Reply(200, json.dumps(orders).encode())

    assert SmsPvaRentalReplies("acme").state(reply, ProviderRef("8")) == meant
    assert SmsPvaRentalReplies("acme").state(reply, ProviderRef("9")) is None


@pytest.mark.parametrize("family", [*READERS, "classic", "hero"])
@pytest.mark.parametrize("status", [301, 302, 500, 502, 503, 599])
def test_no_redirect_and_no_server_error_is_good_news(family: str, status: int) -> None:
    replies = replies_of("handler_api" if family not in READERS else family, family)
    good = (Rented, Ended, Prolonged, Messages)
    for file in GOLDEN.glob("*.json"):
        for entry in json.loads(file.read_text(encoding="utf-8")):
            read = getattr(replies, entry["operation"], None)
            if read is None:
                continue
            try:
                answer = understood("acme", Reply(status, entry["body"].encode()), read)
            except ProviderError:
                continue
            assert not isinstance(answer, good), (family, entry)
