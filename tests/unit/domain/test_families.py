"""The table of families, and what each register of families elsewhere must hold."""

import configparser
from pathlib import Path

import pytest

from worker.domain.families import (
    FAMILIES,
    NO_DIALECT,
    Capabilities,
    capabilities_of,
    every_dialect,
    has_dialects,
)

ROOT = Path(__file__).parents[3]


def test_a_family_without_dialects_ignores_the_dialect() -> None:
    assert not has_dialects("fivesim")
    assert capabilities_of("fivesim", "classic") == FAMILIES["fivesim"][NO_DIALECT]


def test_the_dialects_of_a_family_differ_in_their_capabilities() -> None:
    assert has_dialects("handler_api")
    assert capabilities_of("handler_api", "classic").history
    assert not capabilities_of("handler_api", "tiger").history


def test_a_family_or_dialect_that_nobody_speaks_has_no_capabilities() -> None:
    with pytest.raises(KeyError):
        capabilities_of("carrier-pigeon", "classic")
    with pytest.raises(KeyError):
        capabilities_of("handler_api", "latin")


def test_every_dialect_is_listed_once() -> None:
    listed = list(every_dialect())

    assert len(listed) == len(set(listed)) == sum(map(len, FAMILIES.values()))


def test_only_a_list_has_a_page_size() -> None:
    assert Capabilities(list_page_size=100).page_size == 100
    with pytest.raises(AssertionError):
        _ = Capabilities().page_size


def test_the_adapters_of_all_families_are_independent() -> None:
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter")

    modules = linter["importlinter:contract:families"]["modules"].split()

    assert modules == [f"worker.adapters.providers.{family}" for family in sorted(FAMILIES)]


@pytest.mark.parametrize("kind", ["providers", "requests", "rentals"])
def test_every_family_has_its_golden_files(kind: str) -> None:
    expected = {
        family
        for family, dialects in FAMILIES.items()
        if kind == "providers"
        or (kind == "requests" and not has_dialects(family))
        or (kind == "rentals" and any(each.rentals for each in dialects.values()))
    }

    assert {file.stem for file in (ROOT / "tests/golden" / kind).glob("*.json")} == expected
