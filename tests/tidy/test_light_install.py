"""`make demo` stays light: what only the tests need is not among what it installs."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES_MAX: Final = 45  #: And the worker itself.
PIN: Final = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text()))


def test_the_demo_needs_few_packages() -> None:
    assert len(pins("requirements-demo.txt")) <= PACKAGES_MAX


@pytest.mark.parametrize("smaller", ["requirements.txt", "requirements-demo.txt"])
def test_every_set_of_pins_agrees_with_that_of_the_tests(smaller: str) -> None:
    assert pins(smaller).items() <= pins("requirements-dev.txt").items()


def test_what_builds_the_wheel_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert set(project["build-system"]["requires"]) <= set(pins("requirements-build.txt"))


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_every_pin_has_its_hash_and_no_registry_is_named(name: str) -> None:
    text = (ROOT / name).read_text()

    assert text.count("--hash=sha256:") >= len(pins(name)) > 0
    assert "://" not in text
