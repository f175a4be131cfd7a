"""Every reply about a long rental that was seen or documented means what the golden files say."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.providers.golden import RENTALS, entries_in, meaning, recorded
from worker.adapters.providers.fivesim.rentals import FiveSimRentalReplies
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.handler_api.hero_rentals import HeroRentalReplies
from worker.adapters.providers.handler_api.rentals import RentalReplies
from worker.adapters.providers.onlinesim.rentals import OnlineSimRentalReplies
from worker.adapters.providers.reply import Reply, understood
from worker.adapters.providers.smsman.rentals import SmsManRentalReplies
from worker.adapters.providers.smspva.rentals import SmsPvaRentalReplies
from worker.adapters.providers.vaksms.rentals import VakSmsRentalReplies
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.long_rental import Ended, Messages, Prolonged
from worker.ports.provider import Rented

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


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded(RENTALS)))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    read = getattr(replies_of(family, dialect), entry["operation"])

    assert meaning(entry, read) == entry["means"]


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
    for file in RENTALS.glob("*.json"):
        for entry in entries_in(file):
            read = getattr(replies, entry["operation"], None)
            if read is None:
                continue
            try:
                answer = understood("acme", Reply(status, entry["body"].encode()), read)
            except ProviderError:
                continue
            assert not isinstance(answer, good), (family, entry)
