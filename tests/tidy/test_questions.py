"""Twenty questions of somebody who never saw this code: each has its answer at a place."""

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.house import places, words
from tests.house.source import source_at

PAGE: Final = Path("worker/docs/life.md")
QUESTIONS: Final = 20
SOURCE: Final = source_at()
_ROW: Final = re.compile(r"^\| (?P<words>[^|]+\?) \| (?P<answer>.+) \|$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


class Question(NamedTuple):
    words: str
    answer: str

    @property
    def places(self) -> list[str]:
        """The files, names and headings that answer it."""
        linked = []
        for link in _LINK.findall(self.answer):
            path, _, heading = link.partition("#")
            page = PAGE.parent / path if path else PAGE
            linked.append(f"{page}#{heading}" if heading else str(page))
        return [*places.named(self.answer), *linked]


ASKED: Final = [
    Question(found["words"], found["answer"])
    for found in _ROW.finditer(SOURCE.read(PAGE).partition("## Where to look")[2])
]


def test_all_are_asked() -> None:
    assert len({question.words for question in ASKED}) == QUESTIONS


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.words)
def test_its_answer_stands_where_the_page_says(question: Question) -> None:
    assert question.places != []
    assert [why for place in question.places if (why := places.missing(SOURCE, place))] == []


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.words)
def test_its_answer_cites_no_code_that_is_explained_nowhere(question: Question) -> None:
    cited = set(words.CODE.findall(question.words + question.answer))

    assert cited - words.entries(SOURCE.root) == set()
