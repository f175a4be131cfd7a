"""The README's table of providers is what the code says they can do."""

from pathlib import Path

from worker.adapters.providers.table import END, abilities, section
from worker.domain.families import every_dialect

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_readme_holds_the_table_that_the_code_makes() -> None:
    readme = README.read_text(encoding="utf-8")

    assert END in readme, "python -m worker.adapters.providers.table prints what belongs there"
    assert section() in readme, "the providers have changed: print the table again"


def test_the_table_has_a_row_for_whatever_can_be_configured() -> None:
    named = {(family, dialect) for family, dialect, _ in abilities()}

    assert named == set(every_dialect())
    assert section().count("\n| `") == len(named)
