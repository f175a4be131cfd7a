"""What the README and the runbooks tell people to run and read exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from tests.ops.queries import DEPLOY
from worker.entrypoints.cli.app import app

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DEPLOY)))
def test_lines_of_prose_are_short_enough_to_read(page: Path) -> None:
    prose = [line for line in page.read_text().split("\n") if not line.startswith("|")]

    assert [line for line in prose if len(line) > LONGEST] == []
