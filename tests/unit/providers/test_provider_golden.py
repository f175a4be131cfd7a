"""Every reply ever seen or documented means what the golden files say."""

from typing import Any

import pytest

from tests.unit.providers.adapter_world import replies_of
from tests.unit.providers.golden import ACTIVATIONS, meaning, recorded
from worker.adapters.providers.smspva.activations import ANSWER_STATUSES


@pytest.mark.parametrize(("family", "dialect", "entry"), list(recorded(ACTIVATIONS)))
def test_a_recorded_reply_means_what_it_meant(
    family: str, dialect: str, entry: dict[str, Any]
) -> None:
    read = getattr(replies_of(family, dialect), entry["operation"])
    answer_statuses = ANSWER_STATUSES if family == "smspva" else frozenset()

    assert meaning(entry, read, answer_statuses) == entry["means"]
