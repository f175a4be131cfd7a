"""Metrics and log events are written down, and only those that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.reference import REFERENCE, reference
from worker.adapters.telemetry.logs import LOG_EVENTS, LOG_IDS

WORKER: Final = Path(__file__).parents[2] / "worker"
TELEMETRY: Final = WORKER / "adapters/telemetry"

_LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
_DOTTED: Final = re.compile(r"[a-z_]+\.[a-z_]+")


def texts_given_to(names: set[str], files: list[Path]) -> Iterator[str]:
    """Every text that is, or may become, the first argument of a method of these names."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in names
                and node.args
            ):
                for inner in ast.walk(node.args[0]):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        yield inner.value


def events_in_code() -> set[str]:
    troubles = texts_given_to({"trouble"}, sorted(WORKER.rglob("*.py")))
    logged = texts_given_to(_LEVELS, sorted(TELEMETRY.glob("*.py")))
    return {*troubles, *logged}


def test_the_reference_is_what_the_code_says() -> None:
    assert REFERENCE.read_text() == reference(), "run python -m deploy.reference"


def test_every_log_event_is_known_and_every_known_one_is_used() -> None:
    assert events_in_code() == set(LOG_EVENTS)


def _calls_about_one() -> Iterator[tuple[str, str, set[str | None]]]:
    """Each call that tells an event of `LOG_IDS`: where, which, and the names of its arguments."""
    for file in sorted(WORKER.rglob("*.py")):
        names = {"trouble"} | (_LEVELS if file.parent == TELEMETRY else set())
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                told = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
                for event in set(LOG_IDS) & told if node.func.attr in names else ():
                    given = {keyword.arg for keyword in node.keywords}
                    yield f"{file.name}:{node.lineno}", event, given


def test_an_event_about_one_number_or_rental_has_its_id_wherever_it_is_told() -> None:
    calls = list(_calls_about_one())

    assert {event for _, event, _ in calls} == set(LOG_IDS)
    # None: `**`, where it is one number only now and then.
    assert [call for call in calls if not call[2] & {LOG_IDS[call[1]], None}] == []


def test_log_events_are_dotted_names() -> None:
    assert [name for name in LOG_EVENTS if not _DOTTED.fullmatch(name)] == []
