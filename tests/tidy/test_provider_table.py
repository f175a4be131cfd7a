"""The tables of providers in the README and the guide are what the code says they can do."""

import json
from pathlib import Path

import pytest

from worker.adapters.providers.table import (
    END,
    OPTIONS_END,
    abilities,
    options_section,
    section,
)
from worker.domain.families import KnownFrom, capabilities_of, every_dialect

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "worker/docs/providers.md"
GRADES = {
    KnownFrom.LIVE: "live",
    KnownFrom.DOCS: "doc",
    KnownFrom.CLIENTS: "client",
}  #: As the golden replies name them.


def test_the_readme_holds_the_table_that_the_code_makes() -> None:
    readme = README.read_text(encoding="utf-8")

    assert END in readme, "python -m worker.adapters.providers.table prints what belongs there"
    assert section() in readme, "the providers have changed: print the table again"


def test_the_table_has_a_row_for_whatever_can_be_configured() -> None:
    named = {(family, dialect) for family, dialect, _ in abilities()}

    assert named == set(every_dialect())
    assert section().count("\n| `") == len(named)


def test_the_guide_holds_the_table_of_what_can_be_asked_of_a_number() -> None:
    guide = GUIDE.read_text(encoding="utf-8")

    assert OPTIONS_END in guide, "python -m worker.adapters.providers.table prints what is missing"
    assert options_section() in guide, "the options have changed: print the table again"


@pytest.mark.parametrize(("family", "dialect"), list(every_dialect()))
def test_what_a_protocol_is_known_from_was_read_there(family: str, dialect: str) -> None:
    replies = json.loads((ROOT / f"tests/golden/providers/{family}.json").read_text())
    own = [each for each in replies if dialect in each.get("dialects", [dialect])]

    named = {GRADES[source] for source in capabilities_of(family, dialect).known_from}
    assert named
    assert named <= {each["grade"] for each in own}
