"""Every clause of the five policies is acted, or it stands by name why it is not."""

from tests.integration.lives.clause_table import MISSING, NO_LIFE, acted, known, table


def test_each_clause_is_acted_or_named_with_what_is_missing() -> None:
    lives = set(acted())

    assert lives | set(NO_LIFE) | set(MISSING) == set(known())


def test_no_clause_that_is_acted_is_named_as_missing() -> None:
    assert set(acted()) & (set(NO_LIFE) | set(MISSING)) == set()
    assert set(NO_LIFE) & set(MISSING) == set()


def test_the_table_has_a_line_for_every_clause_and_its_life() -> None:
    lines = list(table())

    assert [line.split()[0] for line in lines if line.split()[1] != "yes"] == [
        clause for clause in known() if clause in NO_LIFE or clause in MISSING
    ]
    assert {line.split()[0] for line in lines} == set(known())
    assert not any("nobody says why" in line for line in lines)
