"""The pages that ship explain the code as it is: its codes, its files, its names."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.house import places, words
from tests.house.source import ROOT, source_at

SOURCE: Final = source_at()
PAGES: Final = places.pages(SOURCE)
NAMES: Final = ("life.md", "words.md", "changing.md")

#: An ending that so many names of classes have is a word of its own.
ENDING_OF: Final = 5

#: Names of classes that stand for several things on purpose, each with the reason.
SHARED: Final[Mapping[str, str]] = {}
#: Those that are left: a class that is new gets a name of its own.
UNEXPLAINED_MAX: Final = 34


def test_the_pages_are_there() -> None:
    assert {f"worker/docs/{name}" for name in NAMES} <= {str(path) for path in PAGES}


def test_every_code_that_is_cited_is_explained() -> None:
    assert words.unresolved(ROOT) == []


def test_there_are_codes_to_explain() -> None:
    cited = {citation.code for citation in words.citations(ROOT)}

    assert {"E0", "E1a", "E6", "R-DOCS", "R-VEST", "R-14-7"} <= cited


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_place_that_a_page_names_exists(page: Path) -> None:
    named = places.named(PAGES[page])

    assert [why for place in named if (why := places.missing(SOURCE, place))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert places.broken_links(SOURCE, page) == []


@pytest.mark.parametrize(
    "place",
    [
        "worker/nowhere.py",
        "worker/domain/activation.py:Nothing",
        "worker/domain/activation.py:State.NOTHING",
        "worker/docs/life.md#nothing",
        "worker.domain.nowhere",
        "worker/nowhere/NAME.py",
    ],
)
def test_the_check_sees_a_place_that_is_gone(place: str) -> None:
    assert places.missing(SOURCE, place) is not None


def test_what_a_failing_check_says_to_read_is_there() -> None:
    said = SOURCE.read(Path("Makefile")) + SOURCE.read(Path("tests/tidy/conftest.py"))
    named = re.findall(r"worker/docs/[\w.]+#[\w-]+", said.replace("\\#", "#"))

    assert len(named) >= 3
    assert [why for place in named if (why := places.missing(SOURCE, place))] == []


def test_every_word_has_one_line() -> None:
    page = SOURCE.read(Path("worker/docs/words.md"))
    glossary = page.partition("## Endings of names")[0]
    explained = [line.split("|")[1].strip() for line in glossary.splitlines() if line[:2] == "| "]

    assert len(explained) > 80
    assert len(explained) == len(set(explained)) + 1  # Two tables have one head.


def test_every_common_ending_of_a_name_is_explained_and_no_other() -> None:
    page = SOURCE.read(Path("worker/docs/words.md"))
    explained = set(re.findall(r"^\| …(\w+) \|", page, re.MULTILINE))
    endings = Counter(
        found[0]
        for name in words.class_names(SOURCE)
        if (found := re.findall(r"[A-Z][a-z0-9]+$", name)) and not name.startswith("_")
    )
    common = {ending for ending, names in endings.items() if names >= ENDING_OF}

    assert common - explained == set()
    assert explained - endings.keys() == set()


def test_no_name_of_a_class_stands_for_two_things() -> None:
    shared = words.homonyms(SOURCE)

    assert SHARED.keys() - shared.keys() == set(), "these are alone by now: take them off"
    assert len(shared.keys() - SHARED.keys()) <= UNEXPLAINED_MAX, shared
