"""Every reply ever seen or documented means what the golden files say."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.providers.golden import ACTIVATIONS, meaning, recorded
from worker.adapters.providers.fivesim.activations import FiveSimReplies
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.handler_api.replies import HandlerReplies
from worker.adapters.providers.onlinesim.activations import OnlineSimReplies
from worker.adapters.providers.smsman.activations import SmsManReplies
from worker.adapters.providers.smspva.activations import TOLD_BY_5XX, SmsPvaReplies
from worker.adapters.providers.vaksms.activations import VakSmsReplies

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


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded(ACTIVATIONS)))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    read = getattr(replies_of(family, dialect), entry["operation"])
    told_by_5xx = TOLD_BY_5XX if family == "smspva" else frozenset()

    assert meaning(entry, read, told_by_5xx) == entry["means"]
