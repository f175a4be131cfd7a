"""Every reply about a long rental that was seen or documented means what the golden files say."""

import json
from typing import Any

import pytest

from tests.unit.providers.adapter_world import rental_replies_of
from tests.unit.providers.golden import RENTALS, entries_in, meaning, recorded
from worker.adapters.providers.reply import Reply, interpret
from worker.domain.families import capabilities_of, every_dialect
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.long_rental import Messages, Prolonged
from worker.ports.provider import Ended, Rented


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded(RENTALS)))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    read = getattr(rental_replies_of(family, dialect), entry["operation"])

    assert meaning(entry, read) == entry["means"]


@pytest.mark.parametrize(
    ("state", "meant"), [(1, 1), ("0", 0), (-1, -1), ("-1", -1), (2, 2)], ids=str
)
def test_the_state_of_an_order_is_found_in_the_list(state: object, meant: int) -> None:
    orders = {"status": 1, "data": [{"id": 7, "state": 0}, {"id": "8", "state": state}]}
    reply = Reply(200, json.dumps(orders).encode())

    replies = rental_replies_of("smspva", "")
    assert replies.state(reply, ProviderRef("8")) == meant
    assert replies.state(reply, ProviderRef("9")) is None


@pytest.mark.parametrize(
    ("family", "dialect"), [each for each in every_dialect() if capabilities_of(*each).rentals]
)
@pytest.mark.parametrize("status", [301, 302, 500, 502, 503, 599])
def test_no_redirect_and_no_server_error_is_good_news(
    family: str, dialect: str, status: int
) -> None:
    replies = rental_replies_of(family, dialect)
    good = (Rented, Ended, Prolonged, Messages)
    for file in RENTALS.glob("*.json"):
        for entry in entries_in(file):
            read = getattr(replies, entry["operation"], None)
            if read is None:
                continue
            try:
                answer = interpret("acme", Reply(status, entry["body"].encode()), read)
            except (ProviderError, NotImplementedError):  # Not an operation of this family.
                continue
            assert not isinstance(answer, good), (family, dialect, entry)
