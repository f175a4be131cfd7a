"""Every reply ever seen or documented means what the golden files say."""

from functools import partial
from typing import Any

import pytest

from tests.unit.providers.adapter_world import rental_replies_of, replies_of
from tests.unit.providers.golden import ACTIVATIONS, RENTALS, entries_in, meaning, recorded
from worker.adapters.providers.reply import Reply, interpret
from worker.adapters.providers.smspva.activations import ANSWER_STATUSES
from worker.domain.families import capabilities_of, every_dialect
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded(ACTIVATIONS)))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    read = getattr(replies_of(family, dialect), entry["operation"])
    if "ref" in entry:  # Of replies in which one number of several is looked for.
        read = partial(read, ref=ProviderRef(entry["ref"]))
    answer_statuses = ANSWER_STATUSES if family == "smspva" else frozenset()

    assert meaning(entry, read, answer_statuses) == entry["means"]


READERS = ("look", "cancel", "finish", "ask_again", "changed", "rent", "balance", "page", "history")
RENTAL_READERS = ("opened", "messages", "available", "prolonged", "given_back", "kept", "ended")


@pytest.mark.parametrize(("family", "dialect"), list(every_dialect()))
def test_a_redirect_answers_nothing_whatever_it_says(family: str, dialect: str) -> None:
    spoken = dialect or "classic"
    readers = [getattr(replies_of(family, spoken), name, None) for name in READERS]
    if capabilities_of(family, spoken).rentals:
        rentals = rental_replies_of(family, spoken)
        readers += [getattr(rentals, name) for name in RENTAL_READERS]
    bodies = {
        entry["body"]
        for folder in (ACTIVATIONS, RENTALS)
        if (file := folder / f"{family}.json").exists()
        for entry in entries_in(file)
    }
    for read in filter(None, readers):
        for body in bodies:
            with pytest.raises((ProviderError, NotImplementedError)):
                interpret("acme", Reply(302, body.encode()), read)
