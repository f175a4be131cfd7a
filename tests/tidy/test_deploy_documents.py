"""What the README and the runbooks tell people to run and read exists."""

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from tests.ops.queries import DEPLOY, boards, panels_of
from worker.domain.backoff import EVENT
from worker.entrypoints.cli.app import app
from worker.entrypoints.desk import find_page, number_page, ops_pages, waiting_page

PAGES: Final = sorted(DEPLOY.rglob("*.md"))
LONGEST: Final = 100


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of our command line, in blocks and between backticks, with its page."""
    for page in PAGES:
        for call in re.findall(r"activation-worker ([a-z][^`#|>\n]*)", page.read_text()):
            yield page.name, shlex.split(call)


@pytest.mark.parametrize(("page", "words"), list(commands()), ids=lambda each: str(each)[:60])
def test_a_command_that_is_named_exists_with_its_options(page: str, words: list[str]) -> None:
    command = get_command(app)
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        found = command.get_command(typer.Context(command), word)
        assert found is not None, page
        command = found
    options = {option for parameter in command.params for option in parameter.opts}

    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DEPLOY)))
def test_links_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / link).exists()
    for name in re.findall(r"`((?:prometheus|grafana|runbooks)/[\w./]*)`", text):
        assert (DEPLOY / name).exists()
    for alert in re.findall(r"\bActivationWorker[A-Z]\w+", text):
        assert (DEPLOY / f"runbooks/{alert}.md").exists()


def test_the_pages_say_for_how_many_whole_days_an_event_is_tried() -> None:
    texts = [page.read_text() for page in (*PAGES, DEPLOY.parent / "worker/docs/symptoms.md")]
    said = [each for text in texts for each in re.findall(r"tried for\s(\w+)\sdays", text)]

    assert len(said) == 4
    assert set(said) == {{3: "three"}[sum(EVENT.waits, timedelta()).days]}


def desk_pages(text: str) -> set[str]:
    """The pages of the desk that a page sends people to, with any id as `{id}`."""
    return {re.sub(r"\$\w+", "{id}", path) for path in re.findall(r"`\$DESK(/[^`]*)`", text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DEPLOY)))
def test_pages_of_the_desk_that_are_named_exist(page: Path) -> None:
    routes = (*waiting_page.ROUTES, *ops_pages.ROUTES, *find_page.ROUTES, *number_page.ROUTES)

    assert desk_pages(page.read_text()) <= {path for method, path, _ in routes if method == "GET"}


def test_who_comes_from_a_panel_to_its_runbook_comes_on_to_the_desk() -> None:
    ways = {
        (link["title"].removeprefix("Runbook: "), desk["url"].removeprefix("${desk}"))
        for board in boards()
        for panel in panels_of(board)
        for desk in panel["links"]
        if desk["url"].startswith("${desk}")
        for link in panel["links"]
        if link["title"].startswith("Runbook: ")
    }

    assert len(ways) >= 7
    for alert, page in ways:
        assert page in desk_pages((DEPLOY / f"runbooks/{alert}.md").read_text()), alert


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DEPLOY)))
def test_lines_of_prose_are_short_enough_to_read(page: Path) -> None:
    prose = [line for line in page.read_text().split("\n") if not line.startswith("|")]

    assert [line for line in prose if len(line) > LONGEST] == []
