"""Looks come no closer together than a provider demands, whatever is configured."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from tests.unit.lifecycle.scripted import SIM, ScriptedProvider, terms
from worker.bootstrap.from_settings import spaced
from worker.domain.families import Capabilities
from worker.ports.provider import Provider


@pytest.mark.parametrize(
    ("demanded", "configured", "looks_apart"),
    [(4.0, 1.0, 4.0), (4.0, 9.0, 9.0), (None, 1.0, 1.0)],
)
def test_the_longer_of_what_is_demanded_and_configured_counts(
    demanded: float | None, configured: float, looks_apart: float
) -> None:
    provider = ScriptedProvider()
    gap = None if demanded is None else timedelta(seconds=demanded)
    provider.capabilities = replace(Capabilities(), look_gap=gap)
    configured_terms = terms(poll=timedelta(seconds=configured))

    found = spaced({SIM: configured_terms}, {SIM: cast("Provider", provider)})

    poll = timedelta(seconds=looks_apart)
    least = timedelta(0) if gap is None else gap
    assert found == {SIM: replace(configured_terms, poll=poll, look_gap=least)}
