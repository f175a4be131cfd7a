"""What a script may say, and how it is told that it is wrong."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from worker.domain.families import FAMILIES
from worker.simulator.behaviours import Behaviour, BehaviourChoice, UnreadableBehaviour, forced_by
from worker.simulator.config import BadScript, FaultKind, configured
from worker.simulator.faces import face_of
from worker.simulator.faces.handler_api.dialects import DIALECTS

SCRIPTS = Path(__file__).parents[3] / "config" / "simulator"


def script(folder: Path, text: str) -> Path:
    path = folder / "script.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(path.name for path in SCRIPTS.glob("*.toml")))
def test_a_shipped_script_can_be_run(name: str) -> None:
    face_of(configured(SCRIPTS / name))


@pytest.mark.parametrize(
    "knobs",
    [face_of(configured(None, family=family)).knobs_type for family in FAMILIES],
    ids=FAMILIES,
)
def test_every_knob_is_written_down(knobs: type[BaseModel]) -> None:
    text = (SCRIPTS / "knobs.toml").read_text(encoding="utf-8")

    for name in knobs.model_fields.keys() - {"name"}:
        assert re.search(rf"^[# ]*(\[knobs\.)?{name}( =|\])", text, re.MULTILINE), name


def test_the_knobs_written_down_are_those_of_the_classic_dialect() -> None:
    text = (SCRIPTS / "knobs.toml").read_text(encoding="utf-8")
    knobs = tomllib.loads(text)["knobs"]

    assert DIALECTS["classic"].with_knobs(knobs) == DIALECTS["classic"]


def test_what_is_given_beats_the_script_and_the_script_beats_the_defaults(tmp_path: Path) -> None:
    path = script(tmp_path, "seed = 5\nlifetime_seconds = 60\n[mix]\ntimeout = 1\n")

    config = configured(path, seed=6, lifetime_seconds=None)

    assert (config.seed, config.lifetime_seconds, config.price_minor) == (6, 60, 20)
    assert config.mix == {Behaviour.TIMEOUT: 1}


def test_faults_are_read_from_tables(tmp_path: Path) -> None:
    path = script(tmp_path, '[[faults]]\nkind = "html"\nseconds = 3\noperations = ["look"]\n')

    (fault,) = configured(path).faults

    assert (fault.kind, fault.start, fault.seconds) == (FaultKind.HTML, 0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("surprise = 1", "surprise"),
        ("[mix]\nnonsense = 1", "mix"),
        ("[mix]\ntimeout = 0", "mix"),
        ("lifetime_seconds = -1", "lifetime_seconds"),
        ("not toml", "script.toml"),
        ('host = "0.0.0.0"', "loopback"),
        ('[[faults]]\nkind = "refuse"\nseconds = 1\nprobability = 0.5', "refuse"),
    ],
)
def test_a_wrong_script_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadScript, match=message):
        configured(script(tmp_path, text))


@pytest.mark.parametrize("knobs", ["surprise = 1", 'list_style = "round"'])
def test_a_knob_that_does_not_exist_is_named(tmp_path: Path, knobs: str) -> None:
    with pytest.raises(BadScript, match=knobs.split(" ", maxsplit=1)[0]):
        face_of(configured(script(tmp_path, f"[knobs]\n{knobs}")))


def test_listening_beyond_loopback_has_to_be_asked_for() -> None:
    assert configured(None, host="0.0.0.0", allow_remote=True).host == "0.0.0.0"  # noqa: S104 - asked for


def test_the_key_is_in_no_repr() -> None:
    assert "canary-key" not in repr(configured(None, api_key="canary-key"))


@pytest.mark.parametrize(
    ("service", "choice"),
    [
        ("tg", None),
        ("timeout", BehaviourChoice(Behaviour.TIMEOUT)),
        ("code-arrives:5", BehaviourChoice(Behaviour.CODE_ARRIVES, 5)),
        ("code-arrives:0.5", BehaviourChoice(Behaviour.CODE_ARRIVES, 0.5)),
    ],
)
def test_a_service_name_may_force_a_behaviour(service: str, choice: BehaviourChoice | None) -> None:
    assert forced_by(service) == choice


@pytest.mark.parametrize(
    "service", ["timeout:", "timeout:x", "timeout:-1", "timeout:nan", "slow:inf"]
)
def test_a_behaviour_with_unreadable_seconds_is_an_error(service: str) -> None:
    with pytest.raises(UnreadableBehaviour):
        forced_by(service)
